using System.Diagnostics;

namespace NeuralPlugin.Benchmarks;

/// <summary>A frame of the agents.</summary>
/// <param name="Microseconds">What Update took of the processor, the agents' own scripts included; on a driver in software its work too.</param>
/// <param name="GpuMicroseconds">What its questions and steps took by the GPU's own clock, transfers included.</param>
/// <param name="Trains">Whether there was a training step.</param>
internal readonly record struct AgentFrame(double Microseconds, double GpuMicroseconds, bool Trains);

/// <summary>Runs frames and times them. The GPU's times come some frames late, in order.</summary>
internal sealed class AgentFrames(NeuralDevice device, AgentPopulation agents, TimestampRing marks)
{
    private readonly List<AgentFrame> frames = new(1 << 16);
    private readonly Queue<(double Microseconds, int Pairs, bool Trains)> underWay = new(256);
    private long gpuNanoseconds;
    private long pairBegin;
    private int marksRead;

    public IReadOnlyList<AgentFrame> Frames => frames;

    /// <summary>Managed bytes that Update has allocated.</summary>
    public long Bytes { get; private set; }

    public void Run(int count)
    {
        for (int i = 0; i < count; i++)
        {
            int free = marks.Free;
            long steps = agents.Progress.TrainingSteps;
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            agents.Update();
            double microseconds = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            Bytes += GC.GetAllocatedBytesForCurrentThread() - bytes;
            underWay.Enqueue((microseconds, (free - marks.Free) / 2, agents.Progress.TrainingSteps > steps));
            Read();
            if (marks.Free < free / 2) Drain();
        }

        Drain();
    }

    public void Clear()
    {
        frames.Clear();
        Bytes = 0;
    }

    private void Drain()
    {
        device.Finish();
        Read();
    }

    private void Read()
    {
        while (underWay.TryPeek(out (double Microseconds, int Pairs, bool Trains) frame))
        {
            for (; marksRead < 2 * frame.Pairs; marksRead++)
            {
                if (!marks.TryRead(out long time)) return;
                if (marksRead % 2 == 0) pairBegin = time;
                else gpuNanoseconds += time - pairBegin;
            }

            underWay.Dequeue();
            frames.Add(new AgentFrame(frame.Microseconds, gpuNanoseconds / 1e3, frame.Trains));
            gpuNanoseconds = 0;
            marksRead = 0;
        }
    }
}
