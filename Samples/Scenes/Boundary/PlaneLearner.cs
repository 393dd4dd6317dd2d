namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns a plane, what it makes of the whole plane now, and how it does on points it never learns.</summary>
internal sealed class PlaneLearner : IDisposable
{
    /// <summary>Points of the plane in a row that are asked for: each is a pixel of the picture.</summary>
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

    /// <param name="context">Where to learn.</param>
    /// <param name="training">Trains it, and its siblings.</param>
    /// <param name="classifier">What learns; it is disposed with this.</param>
    /// <param name="samples">What it learns.</param>
    /// <param name="test">What it is tested on.</param>
    public PlaneLearner(SceneContext context, SceneTraining training, Classifier classifier, TrainingSet samples, PlaneData test)
    {
        (this.classifier, this.test) = (classifier, test);
        trainer = training.Add(classifier, samples, BatchSize, new Adam(LearningRate: 0.01f));
        asked = [.. Grid(), .. test.Features];
        probabilities = new float[asked.Length];
        texture = new PixelTexture(context.Gl, GridSize, GridSize, smooth: true);
    }

    /// <summary>Mean cross-entropy of the last steps whose results have come; NaN before the first.</summary>
    public float Loss => trainer.Progress.Loss;

    /// <summary>The part of the test points that it gets right, when it was asked last.</summary>
    public float Accuracy { get; private set; }

    /// <summary>The plane, colored by the probability of class 1, when it was asked last.</summary>
    public PixelTexture Plane => texture;

    /// <summary>Asks for the whole plane and for the test points, at once.</summary>
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

    // The middles of the pixels, the first row at the top, where x2 is greatest.
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

    // Paler than the points, which stand on it.
    private static uint ColorOf(float probability)
    {
        var color = DivergingColors.At(0.62f * (2 * probability - 1));
        return PixelTexture.Pack(color);
    }
}
