using System.CommandLine;
using NeuralPlugin.Samples;
using static System.FormattableString;

namespace NeuralPlugin.Benchmarks;

/// <summary>The cost of a frame of many agents that learn from reward: processor, GPU and managed heap.</summary>
internal sealed class AgentsCommand : Command
{
    private const int HiddenUnits = 32;
    private const int WarmFrames = 100;
    private const int DefaultAgents = 1000;
    private const int DefaultFrames = 1000;

    /// <summary>Chance is 0.25; always choosing correctly is 1.</summary>
    private const float LeastReward = 0.5f;

    private readonly Option<int> agents = NumberOption.Create("--agents", "Number of agents", 1, 100_000).WithDefault(DefaultAgents);
    private readonly Option<int> frames = NumberOption.Create("--frames", "Number of frames that are timed", 1, 1_000_000).WithDefault(DefaultFrames);
    private readonly Option<string> device = DeviceOption.Create();
    private readonly Option<bool> shared = new("--shared") { Description = "One brain for all instead of one each" };
    private readonly Option<bool> actorCritic = new("--actor-critic") { Description = "Learn by ActorCritic with its defaults instead of PolicyGradient" };
    private readonly Option<bool> quick = new("--quick") { Description = "Learn by ActorCritic.Quick instead of PolicyGradient" };
    private readonly Option<int> budget = NumberOption.Create("--budget", "Microseconds of training per frame; 0 for one step per frame", 0, 1_000_000).WithDefault(0);

    public AgentsCommand() : base("agents", "Times the frames of agents that learn from reward, and checks that they have learned.")
    {
        Options.Add(agents);
        Options.Add(frames);
        Options.Add(shared);
        Options.Add(actorCritic);
        Options.Add(quick);
        Options.Add(budget);
        Options.Add(device);
        SetAction(arguments =>
        {
            bool isShared = arguments.GetValue(shared);
            AgentLearning learning = arguments.GetValue(quick) ? ActorCritic.Quick with { Discount = 0 } : arguments.GetValue(actorCritic) ? new ActorCritic { Discount = 0 }
                : new PolicyGradient { BatchSize = isShared ? 1024 : 16, Horizon = 8, Discount = 0 };
            int microseconds = arguments.GetValue(budget);
            FrameBudget ofFrame = microseconds > 0 ? TimeSpan.FromMicroseconds(microseconds) : FrameBudget.Steps(1);
            return Run(arguments.GetValue(agents), arguments.GetValue(frames), isShared, learning, ofFrame, arguments.GetRequiredValue(device));
        });
    }

    private static int Run(int count, int frameCount, bool isShared, AgentLearning learning, FrameBudget budget, string kind)
    {
        using NeuralDevice device = DeviceOption.Open(kind);
        Console.WriteLine($"# {DeviceFacts.Describe(device)}");
        AgentPopulationOptions options = new()
        {
            Observations = Matcher.Observations,
            Actions = Matcher.Actions,
            HiddenUnits = HiddenUnits,
            Capacity = count,
            Brains = isShared ? BrainSharing.Shared : BrainSharing.OneEach,
            NormalizeObservations = false,
            Learning = learning,
            FrameBudget = budget,
        };
        TunedKernels.Choose(device, AgentPopulation.KernelsFor(device, options));
        using AgentPopulation agents = new(device, options);
        for (int i = 0; i < count; i++) agents.Add(new Matcher(i));
        AgentFrames timed = new(device, agents);
        timed.Run(WarmFrames);
        long bytes = timed.Bytes, steps = agents.Progress.TrainingSteps;
        timed.Clear();
        timed.Run(frameCount);
        steps = agents.Progress.TrainingSteps - steps;
        string shape = $"{count}x {Matcher.Observations}-{HiddenUnits}-{Matcher.Actions}, {(isShared ? "one brain" : "a brain each")}";
        Console.WriteLine(Invariant($"agents {shape}: {frameCount} frames, {steps} training steps"));
        Print("all frames", timed.Frames);
        Print("with a training step", [.. timed.Frames.Where(frame => frame.Trains)]);
        Print("without", [.. timed.Frames.Where(frame => !frame.Trains)]);
        double seconds = timed.Frames.Sum(frame => frame.Microseconds) / 1e6;
        Console.WriteLine(Invariant($"{count * timed.Frames.Count / seconds:F0} decisions per second, while learning"));
        Console.WriteLine(Invariant($"managed bytes per frame {(double)timed.Bytes / frameCount:F1} (over the first {WarmFrames}: {(double)bytes / WarmFrames:F1})"));
        return Check(agents);
    }

    private static void Print(string which, IReadOnlyList<AgentFrame> frames)
    {
        if (frames.Count == 0) return;
        double[] sorted = [.. frames.Select(frame => frame.Microseconds).Order()];
        double[] gpu = [.. frames.Where(frame => frame.GpuMicroseconds > 0).Select(frame => frame.GpuMicroseconds)];
        string gpuTime = gpu.Length == 0 ? "       -" : Invariant($"{Statistics.Median(gpu),8:F1}");
        Console.WriteLine(Invariant(
            $"{which,-22}{frames.Count,6}  CPU best {sorted[0],8:F1} us  median {Statistics.Median(sorted),8:F1} us  p99 {sorted[(int)(0.99 * (sorted.Length - 1))],8:F1} us  most {sorted[^1],8:F1} us  GPU median {gpuTime} us"));
    }

    /// <summary>The figure must come from agents that learn: their reward must rise far above chance.</summary>
    private static int Check(AgentPopulation agents)
    {
        const int MostFrames = 5000;
        for (int frame = 0; frame < MostFrames && !(agents.Progress.MeanEpisodeReward >= LeastReward); frame++) agents.Update();
        float reward = agents.Progress.MeanEpisodeReward;
        if (!(reward >= LeastReward)) throw new WrongResultException(Invariant($"The agents have not learned: {reward:F2} of 1, and chance is 0.25."));
        Console.WriteLine(Invariant($"reward per episode {reward:F2} after {agents.Frame} frames (chance 0.25, at most 1)"));
        return ExitCode.Success;
    }
}
