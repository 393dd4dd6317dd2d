using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The cost of a population of agents per frame, over the last frames: of all, and of those that learned: that prepared decisions, or had a training step or a part of one.</summary>
internal sealed class AgentTimes(int window)
{
    private readonly AgentFrameTime[] frames = new AgentFrameTime[window];
    private int added;

    private IEnumerable<AgentFrameTime> Frames => frames.Take(Math.Min(added, window));

    /// <summary>Adds a frame.</summary>
    /// <param name="frame">Its times, but for that of the GPU.</param>
    /// <param name="gpuOfFrameBefore">The GPU time of the frame before it, which is known by now.</param>
    public void Add(AgentFrameTime frame, TimeSpan gpuOfFrameBefore)
    {
        if (added > 0) frames[(added - 1) % window].Gpu = gpuOfFrameBefore.TotalMilliseconds;
        frames[added++ % window] = frame;
    }

    /// <summary>The medians of a frame, of those that learn if there are any; empty before the first frame.</summary>
    public string Medians
    {
        get
        {
            var learning = Counted(onlyLearning: true);
            var counted = learning.Count > 0 ? learning : Counted(onlyLearning: false);
            if (counted.Count == 0) return "";
            return $"a frame{(learning.Count > 0 ? " that learns" : "")}: {Describe(counted, values => Invariant($"{FrameStatistics.Quantile(values, 0.5):F2} ms"))}";
        }
    }

    /// <summary>A line for the frames that learn, if there are any, and one for all.</summary>
    /// <param name="whose">Whose times they are.</param>
    public IEnumerable<string> Lines(string whose)
    {
        var all = Counted(onlyLearning: false);
        if (all.Count == 0) yield break;
        var learning = Counted(onlyLearning: true);
        if (learning.Count > 0) yield return Invariant($"{whose}, times of the {learning.Count} frames of the last {all.Count} that learn: {Describe(learning, Quantiles)}");
        yield return Invariant($"{whose}, times of all of the last {all.Count} frames: {Describe(all, Quantiles)}, {all.Average(frame => frame.Bytes):N0} managed bytes");
    }

    private static string Quantiles(IReadOnlyList<double> values) =>
        Invariant($"{FrameStatistics.Quantile(values, 0.5):F2} ms (p99 {FrameStatistics.Quantile(values, 0.99):F2})");

    private static string Describe(List<AgentFrameTime> counted, Func<IReadOnlyList<double>, string> show)
    {
        double[] gpu = [.. counted.Where(frame => !double.IsNaN(frame.Gpu)).Select(frame => frame.Gpu)];
        return $"scripts {show([.. counted.Select(frame => frame.Scripts)])}, plugin {show([.. counted.Select(frame => frame.Plugin)])}"
            + (gpu.Length == 0 ? "" : $", GPU {show(gpu)}");
    }

    private List<AgentFrameTime> Counted(bool onlyLearning) => [.. Frames.Where(frame => frame.Learns || !onlyLearning)];
}

/// <summary>The times of a frame in milliseconds.</summary>
/// <param name="Scripts">The processor time of the agents' scripts.</param>
/// <param name="Plugin">The rest of the processor time of Update: decisions, training, and a software driver's work.</param>
/// <param name="Learns">Whether it prepared decisions, or had a training step or a part of one.</param>
/// <param name="Bytes">Managed bytes that Update allocated.</param>
internal record struct AgentFrameTime(double Scripts, double Plugin, bool Learns, long Bytes)
{
    /// <summary>The GPU's time of its decisions and its training; NaN until it is known.</summary>
    public double Gpu { get; set; } = double.NaN;
}
