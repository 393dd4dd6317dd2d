using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The cost of a population of agents per frame, over the last frames.</summary>
internal sealed class AgentTimes(int window)
{
    private readonly double[] processor = new double[window];
    private readonly double[] gpu = new double[window];
    private readonly long[] bytes = new long[window];
    private int added;

    /// <summary>The processor time of Update, median: scripts, decisions, training, and a software driver's work.</summary>
    public double ProcessorMilliseconds => Quantile(processor, 0.5);

    /// <summary>The GPU time of the decisions and the training, median.</summary>
    public double GpuMilliseconds => Quantile(gpu, 0.5);

    /// <summary>Managed bytes that Update allocates in a frame, mean.</summary>
    public double Bytes => added == 0 ? 0 : (double)bytes.Sum() / Count;

    private int Count => Math.Min(added, window);

    public void Add(TimeSpan ofProcessor, TimeSpan ofGpu, long allocated)
    {
        var at = added++ % window;
        (processor[at], gpu[at], bytes[at]) = (ofProcessor.TotalMilliseconds, ofGpu.TotalMilliseconds, allocated);
    }

    public override string ToString() =>
        Invariant($"processor {ProcessorMilliseconds:F2} ms (p99 {Quantile(processor, 0.99):F2}), ")
            + Invariant($"GPU {GpuMilliseconds:F2} ms (p99 {Quantile(gpu, 0.99):F2}), {Bytes:N0} managed bytes");

    private double Quantile(double[] values, double part) => added == 0 ? 0 : FrameStatistics.Quantile(values[..Count], part);
}
