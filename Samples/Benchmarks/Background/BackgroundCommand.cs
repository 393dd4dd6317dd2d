using System.CommandLine;
using System.Diagnostics;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>What a device with a thread of its own takes of a game's thread: for a classifier that learns and answers, and for agents that learn as they act.</summary>
internal sealed class BackgroundCommand : Command
{
    private const int Inputs = 16;
    private const int HiddenUnits = 32;
    private const int Classes = 4;
    private const int WarmFrames = 300;
    private const int DefaultFrames = 2000;
    private const int DefaultAgents = 1000;

    /// <summary>The rest of a frame, in which a game sleeps or draws.</summary>
    private const int FrameMilliseconds = 4;

    /// <summary>A quarter is chance.</summary>
    private const double LeastRight = 0.9;

    private readonly Option<int> frames = NumberOption.Create("--frames", "Number of frames that are timed", 1, 1_000_000).WithDefault(DefaultFrames);
    private readonly Option<int> agents = NumberOption.Create("--agents", "Number of agents", 1, 100_000).WithDefault(DefaultAgents);
    private readonly Option<string> device = DeviceOption.Create();

    public BackgroundCommand() : base("background", "Times the game's thread beside a device with a thread of its own, and checks what was learned.")
    {
        Options.Add(frames);
        Options.Add(agents);
        Options.Add(device);
        SetAction(arguments => Run(arguments.GetValue(frames), arguments.GetValue(agents), arguments.GetRequiredValue(device)));
    }

    private static int Run(int frameCount, int agentCount, string kind)
    {
        using NeuralDevice device = kind == DeviceOption.OpenGL ? NeuralDevice.CreateInBackground() : Other(kind);
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        TimeClassifier(device, frameCount, rests: false);
        TimeClassifier(device, frameCount, rests: true);
        TimeAgents(device, frameCount, agentCount);
        return ExitCode.Success;
    }

    private static NeuralDevice Other(string kind)
    {
        ProcessorOptions beside = new() { Background = true };
        return kind == DeviceOption.Auto ? NeuralDevice.Create(beside) : NeuralDevice.CreateOnProcessor(beside);
    }

    /// <summary>
    /// A sample, a step and a question in each frame; then how long an answer takes that is looked for all the time. Frames that follow each other at once, when the
    /// device is done, are the calls themselves; after a pause, in which others use the processor's caches, each instruction is fetched again.
    /// </summary>
    private static void TimeClassifier(NeuralDevice device, int frameCount, bool rests)
    {
        using TwoLayerClassifier classifier = new(device, Inputs, HiddenUnits, Classes, seed: 1);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 10_000);
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 32, FrameBudget = FrameBudget.Steps(1), Optimizer = new Adam(0.01f) });
        SeededRandom random = new(1);
        float[] features = new float[Inputs], asked = new float[Inputs], probabilities = new float[Classes];
        double[] times = new double[frameCount];
        PredictionRequest request = default;
        int expected = 0, answers = 0, right = 0, collections = 0;
        long bytes = 0;
        for (int frame = -WarmFrames; frame < frameCount; frame++)
        {
            if (frame == 0) (answers, right, collections, bytes) = (0, 0, GC.CollectionCount(0), GC.GetTotalAllocatedBytes(precise: true));
            int label = Draw(features);
            long start = Stopwatch.GetTimestamp();
            samples.Add(features, label);
            using (device.BeginFrame())
            {
                trainer.Tick();
                if (request.TryGet(probabilities))
                {
                    answers++;
                    if (IndexOfLargest(probabilities) == expected) right++;
                }

                if (request.Status != PredictionStatus.Pending)
                {
                    expected = Draw(asked);
                    request = classifier.RequestPrediction(asked);
                }
            }

            if (frame >= 0) times[frame] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            Rest();
        }

        collections = GC.CollectionCount(0) - collections;
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        Print(Invariant($"classifier {Inputs}-{HiddenUnits}-{Classes}, a sample, a step of 32 and a prediction per frame, {(rests ? $"after a pause of {FrameMilliseconds} ms" : "back to back")}"), times);
        double[] delays = new double[200];
        for (int i = 0; i < delays.Length; i++)
        {
            Draw(asked);
            trainer.Tick();
            long start = Stopwatch.GetTimestamp();
            request = classifier.RequestPrediction(asked);
            for (; !request.TryGet(probabilities); device.Update()) Thread.Sleep(0);
            delays[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            Rest();
        }

        Print("an answer after a step", delays);
        Console.WriteLine(Invariant($"{100.0 * right / answers:F1} % of {answers} answers right (chance 25), {collections} collections, {(double)bytes / frameCount:F1} managed bytes per frame"));
        if (right < LeastRight * answers) throw new WrongResultException("The classifier has not learned.");

        void Rest()
        {
            if (rests) Thread.Sleep(FrameMilliseconds);
            else device.Finish();
        }

        int Draw(Span<float> into)
        {
            for (int i = 0; i < into.Length; i++) into[i] = random.NextSingle() - 0.5f;
            return (into[0] > 0 ? 1 : 0) + (into[1] > 0 ? 2 : 0);
        }
    }

    private static void TimeAgents(NeuralDevice device, int frameCount, int agentCount)
    {
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = Matcher.Observations,
            Actions = Matcher.Actions,
            HiddenUnits = HiddenUnits,
            Capacity = agentCount,
            Brains = BrainSharing.OneEach,
            NormalizeObservations = false,
            Learning = new PolicyGradient { BatchSize = 16, Horizon = 8, Discount = 0 },
        });
        TimedMatcher[] all = [.. Enumerable.Range(0, agentCount).Select(number => new TimedMatcher(number))];
        foreach (TimedMatcher agent in all) agents.Add(agent);
        double[] times = new double[frameCount], scripts = new double[frameCount];
        bool[] trains = new bool[frameCount];
        double microsecondsOfAClock = MicrosecondsOfAClock();
        (int collections, long bytes) = (0, 0);
        for (int frame = -WarmFrames; frame < frameCount; frame++)
        {
            if (frame == 0) (collections, bytes) = (GC.CollectionCount(0), GC.GetTotalAllocatedBytes(precise: true));
            (TimedMatcher.Ticks, TimedMatcher.Calls) = (0, 0);
            long start = Stopwatch.GetTimestamp();
            agents.Update();
            double microseconds = Stopwatch.GetElapsedTime(start).TotalMicroseconds, clock = TimedMatcher.Calls * microsecondsOfAClock;
            double script = (TimedMatcher.Ticks * 1e6 / Stopwatch.Frequency) - clock;
            if (frame >= 0) (times[frame], scripts[frame], trains[frame]) = (microseconds - script - (2 * clock), script, agents.Progress.StepsThisFrame > 0);
            Thread.Sleep(FrameMilliseconds);
        }

        collections = GC.CollectionCount(0) - collections;
        bytes = GC.GetTotalAllocatedBytes(precise: true) - bytes;
        Print(Invariant($"{agentCount} agents with a brain each, besides their scripts"), times);
        Print("of these, frames that only decide", [.. times.Where((_, frame) => !trains[frame])]);
        double[] training = [.. times.Where((_, frame) => trains[frame])];
        if (training.Length > 0) Print(Invariant($"of these, {training.Length} frames that prepare a training step"), training);
        Print("their scripts", scripts);
        Console.WriteLine(Invariant(
            $"{agents.Progress.TrainingSteps} training steps, reward per episode {agents.Progress.MeanEpisodeReward:F2} (chance 0.25, at most 1), {collections} collections, {(double)bytes / frameCount:F1} managed bytes per frame"));
    }

    /// <summary>How long reading the clock takes, which the timed scripts of an agent do twice: once within the time that they count.</summary>
    private static double MicrosecondsOfAClock()
    {
        const int Readings = 100_000, Rounds = 20;
        double least = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp(), last = start;
            for (int i = 0; i < Readings; i++) last = Stopwatch.GetTimestamp();
            least = Math.Min(least, Stopwatch.GetElapsedTime(start, last).TotalMicroseconds / Readings);
        }

        return least;
    }

    private static int IndexOfLargest(float[] values) => Array.IndexOf(values, values.Max());

    private static void Print(string what, double[] microseconds)
    {
        double[] sorted = [.. microseconds.Order()];
        Console.WriteLine(Invariant($"{what}: median {Statistics.Median(sorted):F1} us, mean {sorted.Average():F1} us, p99 {sorted[(int)(0.99 * (sorted.Length - 1))]:F1} us"));
    }

    /// <summary>Counts the time of its own scripts, and their calls.</summary>
    private sealed class TimedMatcher(int number) : Matcher(number)
    {
        public static long Ticks { get; set; }

        public static int Calls { get; set; }

        public override void CollectObservations(VectorSensor sensor)
        {
            long start = Stopwatch.GetTimestamp();
            base.CollectObservations(sensor);
            Ticks += Stopwatch.GetTimestamp() - start;
            Calls++;
        }

        public override void OnActionReceived(int action)
        {
            long start = Stopwatch.GetTimestamp();
            base.OnActionReceived(action);
            Ticks += Stopwatch.GetTimestamp() - start;
            Calls++;
        }
    }
}
