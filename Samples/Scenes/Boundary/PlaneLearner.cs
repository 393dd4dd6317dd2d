namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns a plane, what it makes of the whole plane now, and how it does on points it never learns.</summary>
internal sealed class PlaneLearner : ISceneTrainer, IDisposable
{
    /// <summary>Points of the plane in a row that are asked for: each is a pixel of the picture.</summary>
    public const int GridSize = 48;

    private const int BatchSize = 64;
    private const int GridPoints = GridSize * GridSize;

    private readonly Classifier classifier;
    private readonly BatchTrainer trainer;
    private readonly PlaneData training;
    private readonly PlaneData test;
    private readonly SeededRandom random;
    private readonly int[] order = new int[PlaneData.Count];
    private readonly float[] features = new float[2 * BatchSize];
    private readonly int[] labels = new int[BatchSize];
    private readonly float[] asked;
    private readonly float[] probabilities;
    private readonly uint[] pixels = new uint[GridPoints];
    private readonly PixelTexture texture;
    private int dealt = PlaneData.Count;

    public PlaneLearner(SceneContext context, Classifier classifier, PlaneData training, PlaneData test, ulong stream)
    {
        this.classifier = classifier;
        this.training = training;
        this.test = test;
        trainer = classifier.TrainWith(new Adam(LearningRate: 0.01f));
        random = new SeededRandom((ulong)context.Seed, stream);
        for (var i = 0; i < order.Length; i++) order[i] = i;
        asked = [.. Grid(), .. test.Features];
        probabilities = new float[asked.Length];
        texture = new PixelTexture(context.Gl, GridSize, GridSize, smooth: true);
    }

    /// <summary>Mean cross-entropy of the batch learned last; NaN before the first.</summary>
    public float Loss { get; private set; } = float.NaN;

    /// <summary>The part of the test points that it gets right, when it was asked last.</summary>
    public float Accuracy { get; private set; }

    /// <summary>The plane, colored by the probability of class 1, when it was asked last.</summary>
    public PixelTexture Plane => texture;

    public void Step()
    {
        for (var row = 0; row < BatchSize; row++)
        {
            var point = Deal();
            (features[2 * row], features[2 * row + 1]) = (training.Features[2 * point], training.Features[2 * point + 1]);
            labels[row] = training.Labels[point];
        }

        Loss = trainer.TrainBatch(features, labels).Loss;
    }

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
        trainer.Dispose();
        classifier.Dispose();
        texture.Dispose();
    }

    private int Deal()
    {
        if (dealt == order.Length)
        {
            random.Shuffle(order.AsSpan());
            dealt = 0;
        }

        return order[dealt++];
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
