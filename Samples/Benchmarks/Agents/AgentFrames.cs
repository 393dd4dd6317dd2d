using System.Diagnostics;

namespace NeuralPlugin.Benchmarks;

/// <summary>A frame of the agents.</summary>
/// <param name="Microseconds">The processor time of Update, including the agents' own scripts; on a software driver also its work.</param>
/// <param name="GpuMicroseconds">The time of its decisions and steps on the GPU's own clock, transfers included.</param>
/// <param name="Trains">Whether it had a training step.</param>
internal readonly record struct AgentFrame(double Microseconds, double GpuMicroseconds, bool Trains);

/// <summary>Runs frames and times them. The GPU's work is finished after each frame, outside its time, so that the next one reports its GPU time.</summary>
internal sealed class AgentFrames(NeuralDevice device, AgentPopulation agents)
{
    private readonly List<AgentFrame> frames = new(1 << 16);
    private (double Microseconds, bool Trains)? last;

    public IReadOnlyList<AgentFrame> Frames => frames;

    /// <summary>Managed bytes that Update has allocated.</summary>
    public long Bytes { get; private set; }

    public void Run(int count)
    {
        for (int i = 0; i < count; i++)
        {
            long steps = agents.Progress.TrainingSteps;
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            agents.Update();
            double microseconds = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            Bytes += GC.GetAllocatedBytesForCurrentThread() - bytes;
            if (last is { } before) frames.Add(new AgentFrame(before.Microseconds, agents.Progress.GpuTime.TotalMicroseconds, before.Trains));
            last = (microseconds, agents.Progress.TrainingSteps > steps);
            device.Finish();
        }
    }

    public void Clear()
    {
        frames.Clear();
        last = null;
        Bytes = 0;
    }
}
