namespace NeuralPlugin.Samples;

/// <summary>A classifier that learns digits, and how it does on others: all of the test images are asked for in turn.</summary>
internal sealed class DigitsLearner : ISceneTrainer, IDisposable
{
    private const int BatchSize = 64;
    private const int AskedPerFrame = 100;
    private const ulong ShuffleStream = 1;

    private readonly ImageData data;
    private readonly Classifier classifier;
    private readonly BatchTrainer trainer;
    private readonly Batches batches;
    private readonly SeededRandom random;
    private readonly int shown;
    private readonly float[] asked;
    private readonly float[] probabilities;
    private readonly bool[] isRight;
    private int batch = -1;
    private int nextAsked;
    private int answered;
    private int right;

    /// <param name="context">Where to learn.</param>
    /// <param name="data">The training images to learn, the test images to be asked for.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="learningRate">Of Adam.</param>
    /// <param name="shown">The first so many test images are asked for every frame.</param>
    public DigitsLearner(SceneContext context, ImageData data, int hidden, float learningRate, int shown)
    {
        (this.data, this.shown) = (data, shown);
        classifier = new TwoLayerClassifier(context.Device, data.Inputs, hidden, data.Classes, context.Seed);
        trainer = classifier.TrainWith(new Adam(learningRate));
        batches = new Batches(data.Training, BatchSize);
        random = new SeededRandom((ulong)context.Seed, ShuffleStream);
        asked = new float[(shown + AskedPerFrame) * data.Inputs];
        probabilities = new float[(shown + AskedPerFrame) * data.Classes];
        isRight = new bool[data.Test.Count];
        for (var i = 0; i < shown; i++) SetAsked(i, i);
    }

    /// <summary>Mean cross-entropy of the batch learned last; NaN before the first.</summary>
    public float Loss { get; private set; } = float.NaN;

    /// <summary>The part of the test images that it got right when each was asked for last.</summary>
    public float Accuracy => answered == 0 ? 0 : right / (float)answered;

    public void Step()
    {
        batch = (batch + 1) % batches.Count;
        if (batch == 0) batches.Shuffle(random);
        batches.Deal(batch);
        Loss = trainer.TrainBatch(batches.Features, batches.Labels).Loss;
    }

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
        trainer.Dispose();
        classifier.Dispose();
    }

    private void Count(int image, int digit)
    {
        if (answered < data.Test.Count) answered++;
        if (isRight[image]) right--;
        isRight[image] = digit == data.Test.Labels[image];
        if (isRight[image]) right++;
    }

    private void SetAsked(int row, int image)
    {
        var pixels = data.Test.Images[image];
        for (var i = 0; i < pixels.Length; i++) asked[row * pixels.Length + i] = pixels[i] / 255f;
    }
}
