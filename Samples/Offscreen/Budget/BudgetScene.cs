using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>A game whose world has nothing to learn: discs fly about while digits are learned alongside.</summary>
internal sealed class BudgetScene(ImageData data) : IScene
{
    /// <summary>The network and its batches.</summary>
    public const string Shape = "B64 784-128-10";

    private const int DiscCount = 800;
    private const int Hidden = 128;
    private const int BatchSize = 64;
    private const float LearningRate = 0.1f;

    private readonly Flight[] flights = new Flight[DiscCount];
    private Screen? screen;
    private DiscBatch? discs;
    private TrainingSet? samples;
    private TwoLayerClassifier? classifier;
    private InFrameTrainer? trainer;
    private SceneTraining? training;

    public string Title => "Training within a budget";

    public IReadOnlyList<SceneFigure> Figures => [new("loss of the last steps", trainer!.Progress.Loss, "F4")];

    /// <summary>Whether it trains and its kernels are compiled.</summary>
    public bool IsTraining => trainer!.Progress.State == TrainerState.Training;

    public void Load(SceneContext context)
    {
        screen = new Screen(context.Gl);
        discs = new DiscBatch(context.Gl);
        var random = new SeededRandom((ulong)context.Seed);
        SKColor[] colors = [Palette.Blue, Palette.Orange, Palette.Green, Palette.Purple, Palette.Sky];
        foreach (ref var flight in flights.AsSpan())
        {
            flight = new Flight(
                random.NextSingle() * Screen.Width, random.NextSingle() * Screen.Height, 4 * random.NextSingle() - 2, 4 * random.NextSingle() - 2,
                4 + 10 * random.NextSingle(), colors[random.NextInt32(colors.Length)]);
        }

        samples = new TrainingSet(context.Device, data.Inputs, data.Classes, data.Training.Count, SampleFormat.Bytes);
        for (var i = 0; i < data.Training.Count; i++) samples.Add(data.Training.Images[i], data.Training.Labels[i]);
        classifier = new TwoLayerClassifier(context.Device, data.Inputs, Hidden, data.Classes, context.Seed);
        training = new SceneTraining(context);
        trainer = training.Add(classifier, samples, BatchSize, new Sgd(LearningRate));
    }

    public void Update()
    {
        training!.Tick();
        foreach (ref var flight in flights.AsSpan()) flight.Move();
    }

    public void Render()
    {
        screen!.Begin();
        discs!.Clear();
        foreach (var flight in flights) discs.Add(flight.X, flight.Y, flight.Radius, flight.Color, MathF.Atan2(flight.SpeedY, flight.SpeedX));
        discs.Draw();
    }

    public void Dispose()
    {
        training?.Dispose();
        classifier?.Dispose();
        samples?.Dispose();
        discs?.Dispose();
        screen?.Dispose();
    }

    private record struct Flight(float X, float Y, float SpeedX, float SpeedY, float Radius, SKColor Color)
    {
        public void Move()
        {
            (X, Y) = (X + SpeedX, Y + SpeedY);
            if (X < 0 || X > Screen.Width) SpeedX = -SpeedX;
            if (Y < 0 || Y > Screen.Height) SpeedY = -SpeedY;
        }
    }
}
