namespace NeuralPlugin.Samples;

/// <summary>
/// Everything that a game may do in a frame, for any length of time: training within a time, predictions requested and received, samples that
/// come and go, creatures that learn, and now and then a classifier that is created, used and dropped, disposed or not.
/// </summary>
internal sealed class SoakScene(ImageData data) : IScene
{
    private const int Creatures = 60;
    private const int Hidden = 32;
    private const int FramesFromDropToDrop = 50;

    private SceneContext? context;
    private ArenaScene? arena;
    private TrainingSet? samples;
    private TwoLayerClassifier? classifier;
    private SceneTraining? training;
    private float[] features = [];
    private float[] probabilities = [];
    private PredictionRequest request;
    private long answers;
    private long dropped;

    public string Title => "Everything at once";

    public IReadOnlyList<SceneFigure> Figures => [new("answers", answers, "N0"), new("classifiers dropped", dropped, "N0")];

    public void Load(SceneContext context)
    {
        this.context = context;
        arena = new ArenaScene(Creatures);
        arena.Load(context);
        samples = new TrainingSet(context.Device, data.Inputs, data.Classes, data.Training.Count / 4, SampleFormat.Bytes);
        classifier = new TwoLayerClassifier(context.Device, data.Inputs, Hidden, data.Classes, context.Seed);
        training = new SceneTraining(context);
        training.Add(classifier, samples, batchSize: 64, new Adam());
        (features, probabilities) = (new float[data.Inputs], new float[data.Classes]);
    }

    public void Update()
    {
        var image = context!.Frame % data.Training.Count;
        samples!.Add(data.Training.Images[image], data.Training.Labels[image]);
        arena!.Update();
        training!.Tick();
        if (request.TryGet(probabilities)) answers++;
        var pixels = data.Training.Images[image];
        for (var i = 0; i < pixels.Length; i++) features[i] = pixels[i] / 255f;
        if (request.Status != PredictionStatus.Pending) request = classifier!.RequestPrediction(features);
        if (context.Frame % FramesFromDropToDrop == 0) MakeAndDrop();
    }

    public void Render() => arena!.Render();

    public void Dispose()
    {
        training?.Dispose();
        classifier?.Dispose();
        samples?.Dispose();
        arena?.Dispose();
    }

    private void MakeAndDrop()
    {
        var other = new TwoLayerClassifier(context!.Device, data.Inputs, Hidden, data.Classes);
        other.Predict(features, probabilities);
        other.RequestPrediction(features);
        if (dropped++ % 2 == 0) other.Dispose();
    }
}
