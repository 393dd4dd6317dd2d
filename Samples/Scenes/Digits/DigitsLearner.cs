namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns digits, and its accuracy on others: all test images are predicted in turn.</summary>
internal sealed class DigitsLearner : IDisposable
{
    private const int BatchSize = 64;
    private const int AskedPerFrame = 100;

    private readonly ImageData data;
    private readonly Classifier classifier;
    private readonly TrainingSet samples;
    private readonly InFrameTrainer trainer;
    private readonly int shown;
    private readonly float[] asked;
    private readonly float[] probabilities;
    private readonly bool[] isRight;
    private int nextAsked;
    private int answered;
    private int right;

    /// <param name="context">The scene's context.</param>
    /// <param name="training">Trains it.</param>
    /// <param name="data">The training images to learn, and the test images to predict.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="learningRate">The learning rate of Adam.</param>
    /// <param name="shown">The number of test images, from the first on, that are predicted every frame.</param>
    public DigitsLearner(SceneContext context, SceneTraining training, ImageData data, int hidden, float learningRate, int shown)
    {
        (this.data, this.shown) = (data, shown);
        classifier = new TwoLayerClassifier(context.Device, data.Inputs, hidden, data.Classes, context.Seed);
        samples = new TrainingSet(context.Device, data.Inputs, data.Classes, data.Training.Count);
        AddSamples(data.Training);
        trainer = training.Add(classifier, samples, BatchSize, new Adam(learningRate));
        asked = new float[(shown + AskedPerFrame) * data.Inputs];
        probabilities = new float[(shown + AskedPerFrame) * data.Classes];
        isRight = new bool[data.Test.Count];
        for (var i = 0; i < shown; i++) SetAsked(i, i);
    }

    public Classifier Classifier => classifier;

    /// <summary>Mean cross-entropy of the last steps whose results have arrived; NaN before the first.</summary>
    public float Loss => trainer.Progress.Loss;

    /// <summary>The share of the test images whose last prediction was correct.</summary>
    public float Accuracy => answered == 0 ? 0 : right / (float)answered;

    /// <summary>Requests predictions for the shown images, and for some of the others.</summary>
    public void Ask()
    {
        for (var i = 0; i < AskedPerFrame; i++) SetAsked(shown + i, (nextAsked + i) % data.Test.Count);
        classifier.Predict(asked, probabilities);
        for (var i = 0; i < AskedPerFrame; i++) Count((nextAsked + i) % data.Test.Count, PredictionOf(shown + i).Digit);
        nextAsked = (nextAsked + AskedPerFrame) % data.Test.Count;
    }

    /// <summary>The features of a shown image.</summary>
    public float[] FeaturesOf(int image) => asked.AsSpan(image * data.Inputs, data.Inputs).ToArray();

    /// <summary>The prediction for a shown image, and its probability.</summary>
    public (int Digit, float Probability) PredictionOf(int image)
    {
        var row = probabilities.AsSpan(image * data.Classes, data.Classes);
        var best = 0;
        for (var i = 1; i < row.Length; i++)
        {
            if (row[i] > row[best]) best = i;
        }

        return (best, row[best]);
    }

    public void Dispose()
    {
        samples.Dispose();
        classifier.Dispose();
    }

    private void Count(int image, int digit)
    {
        if (answered < data.Test.Count) answered++;
        if (isRight[image]) right--;
        isRight[image] = digit == data.Test.Labels[image];
        if (isRight[image]) right++;
    }

    private void AddSamples(ImageSet images)
    {
        var batches = new Batches(images, BatchSize);
        for (var i = 0; i < batches.Count; i++)
        {
            batches.Deal(i);
            samples.AddRange(batches.ToFeatures(), batches.Labels);
        }
    }

    private void SetAsked(int row, int image)
    {
        var pixels = data.Test.Images[image];
        for (var i = 0; i < pixels.Length; i++) asked[row * pixels.Length + i] = pixels[i] / 255f;
    }
}
