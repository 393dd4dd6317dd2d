namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns a plane, its current predictions for the entire plane, and its accuracy on points it never learns.</summary>
internal sealed class PlaneLearner : IDisposable
{
    /// <summary>Queried points per row of the plane: each is a pixel of the picture.</summary>
    public const int GridSize = 48;

    private const int BatchSize = 64;
    private const int GridPoints = GridSize * GridSize;

    private readonly Classifier classifier;
    private readonly InFrameTrainer trainer;
    private readonly PlaneData test;
    private readonly float[] asked;
    private readonly float[] probabilities;
    private readonly uint[] pixels = new uint[GridPoints];
    private readonly PixelTexture texture;

    /// <param name="context">The scene's context.</param>
    /// <param name="training">Trains it, and its siblings.</param>
    /// <param name="classifier">The classifier; it is disposed with this.</param>
    /// <param name="samples">The training samples.</param>
    /// <param name="test">The test samples.</param>
    public PlaneLearner(SceneContext context, SceneTraining training, Classifier classifier, TrainingSet samples, PlaneData test)
    {
        (this.classifier, this.test) = (classifier, test);
        trainer = training.Add(classifier, samples, BatchSize, new Adam(LearningRate: 0.01f));
        asked = [.. Grid(), .. test.Features];
        probabilities = new float[asked.Length];
        texture = new PixelTexture(context.Gl, GridSize, GridSize, smooth: true);
    }

    public Classifier Classifier => classifier;

    /// <summary>Mean cross-entropy of the last steps whose results have arrived; NaN before the first.</summary>
    public float Loss => trainer.Progress.Loss;

    /// <summary>The share of the test points that it last predicted correctly.</summary>
    public float Accuracy { get; private set; }

    /// <summary>The plane, colored by the last predicted probability of class 1.</summary>
    public PixelTexture Plane => texture;

    /// <summary>Requests predictions for the entire plane and the test points at once.</summary>
    public void Ask()
    {
        classifier.Predict(asked, probabilities);
        for (var i = 0; i < GridPoints; i++) pixels[i] = ColorOf(probabilities[2 * i + 1]);
        texture.Upload(pixels);
        var right = 0;
        for (var i = 0; i < PlaneData.Count; i++)
        {
            var isOne = probabilities[2 * (GridPoints + i) + 1] > 0.5f;
            if (isOne == (test.Labels[i] == 1)) right++;
        }

        Accuracy = right / (float)PlaneData.Count;
    }

    public void Dispose()
    {
        classifier.Dispose();
        texture.Dispose();
    }

    // The centers of the pixels; the first row is at the top, where x2 is greatest.
    private static IEnumerable<float> Grid()
    {
        for (var row = 0; row < GridSize; row++)
        {
            for (var column = 0; column < GridSize; column++)
            {
                yield return (2 * column + 1f) / GridSize - 1;
                yield return 1 - (2 * row + 1f) / GridSize;
            }
        }
    }

    // Paler than the points drawn on top of it.
    private static uint ColorOf(float probability)
    {
        var color = DivergingColors.At(0.62f * (2 * probability - 1));
        return PixelTexture.Pack(color);
    }
}
