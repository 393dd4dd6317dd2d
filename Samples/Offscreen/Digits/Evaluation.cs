namespace NeuralPlugin.Samples;

/// <summary>Classifies the test images, and keeps the last predictions.</summary>
internal sealed class Evaluation
{
    private const int BatchSize = 256;

    private readonly Classifier classifier;
    private readonly Batches test;
    private readonly float[] probabilities;
    private readonly int[] predictions;

    public Evaluation(Classifier classifier, ImageData data)
    {
        this.classifier = classifier;
        test = new Batches(data.Test, BatchSize);
        probabilities = new float[BatchSize * data.Classes];
        predictions = new int[data.Test.Count];
        Confusion = new ConfusionMatrix(data.Classes);
    }

    public ConfusionMatrix Confusion { get; private set; }

    /// <summary>The class predicted for each test image, in their order.</summary>
    public IReadOnlyList<int> Predictions => predictions;

    /// <summary>Classifies one batch and discards the result, so that its shaders are ready.</summary>
    public void WarmUp() => Predict(batch: 0);

    public void Run()
    {
        Confusion = new ConfusionMatrix(classifier.Classes);
        var next = 0;
        for (var batch = 0; batch < test.Count; batch++)
        {
            Predict(batch);
            for (var row = 0; row < test.Rows; row++)
            {
                predictions[next] = MostProbable(row);
                Confusion.Add(test.Labels[row], predictions[next]);
                next++;
            }
        }
    }

    private void Predict(int batch)
    {
        test.Deal(batch);
        classifier.Predict(test.ToFeatures(), probabilities.AsSpan(0, test.Rows * classifier.Classes));
    }

    private int MostProbable(int row)
    {
        var best = 0;
        var ofRow = probabilities.AsSpan(row * classifier.Classes, classifier.Classes);
        for (var candidate = 1; candidate < ofRow.Length; candidate++)
        {
            if (ofRow[candidate] > ofRow[best]) best = candidate;
        }

        return best;
    }
}
