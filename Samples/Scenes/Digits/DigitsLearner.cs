namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns digits, and how it does on others: all of the test images are asked for in turn.</summary>
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

    /// <param name="context">Where to learn.</param>
    /// <param name="training">Trains it.</param>
    /// <param name="data">The training images to learn, the test images to be asked for.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="learningRate">Of Adam.</param>
    /// <param name="shown">The first so many test images are asked for every frame.</param>
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

    /// <summary>Mean cross-entropy of the last steps whose results have come; NaN before the first.</summary>
    public float Loss => trainer.Progress.Loss;

    /// <summary>The part of the test images that it got right when each was asked for last.</summary>
    public float Accuracy => answered == 0 ? 0 : right / (float)answered;

    /// <summary>Asks for the images that are shown, and for some of the others.</summary>
    public void Ask()
    {
        for (var i = 0; i < AskedPerFrame; i++) SetAsked(shown + i, (nextAsked + i) % data.Test.Count);
        classifier.Predict(asked, probabilities);
        for (var i = 0; i < AskedPerFrame; i++) Count((nextAsked + i) % data.Test.Count, PredictionOf(shown + i).Digit);
        nextAsked = (nextAsked + AskedPerFrame) % data.Test.Count;
    }

    /// <summary>What a shown image is taken for, and how sure.</summary>
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
