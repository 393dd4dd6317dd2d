namespace NeuralPlugin;

/// <summary>
/// Measures the durations of marked spans in a frame by the GPU's clock; their sum arrives some frames later, without a wait. A frame without
/// a free query for each of its spans is not measured, nor is one in which the clock runs backwards, nor any on a device without a clock. Nothing is allocated.
/// </summary>
internal sealed class SpanClock(NeuralDevice device) : IDisposable
{
    private const int MostFrames = 16;
    private const int MostMarks = 256;

    private readonly TimestampRing marks = new(device, MostMarks);
    private readonly Frame[] frames = new Frame[MostFrames];
    private long begun;
    private long read;
    private bool isFrameOpen;
    private bool isSpanOpen;
    private int marksRead;
    private long spanBegin;
    private long sum;
    private bool runsBackwards;

    /// <summary>The total duration of the spans in the last measured frame.</summary>
    public long LastNanoseconds { get; private set; }

    private ref Frame Current => ref frames[(begun - 1) % MostFrames];

    /// <summary>Ends the previous frame, and collects available measurements.</summary>
    public void BeginFrame()
    {
        if (isSpanOpen) EndSpan();
        Read();
        isFrameOpen = device.Limits.HasClock && begun - read < MostFrames;
        if (isFrameOpen) frames[begun++ % MostFrames] = default;
    }

    /// <summary>Begins a span after all commands so far; a span left open by an exception ends.</summary>
    public void BeginSpan()
    {
        if (isSpanOpen) EndSpan();
        if (!isFrameOpen) return;
        isSpanOpen = marks.Free >= 2;
        Current.IsCut |= !isSpanOpen;
        if (!isSpanOpen) return;
        device.PrepareTiming();
        Mark();
    }

    /// <summary>Ends the span after all commands so far.</summary>
    public void EndSpan()
    {
        if (isSpanOpen) Mark();
        isSpanOpen = false;
    }

    public void Dispose() => marks.Dispose();

    private void Mark()
    {
        marks.Mark();
        Current.Marks++;
    }

    private void Read()
    {
        while (read < begun)
        {
            Frame frame = frames[read % MostFrames];
            for (; marksRead < frame.Marks; marksRead++)
            {
                if (!marks.TryRead(out long time)) return;
                if (marksRead % 2 == 0) spanBegin = time;
                else sum += time - spanBegin;
                runsBackwards |= marksRead % 2 != 0 && time < spanBegin;
            }

            if (!frame.IsCut && !runsBackwards) LastNanoseconds = sum;
            (sum, marksRead, runsBackwards) = (0, 0, false);
            read++;
        }
    }

    private struct Frame
    {
        public int Marks;
        public bool IsCut;
    }
}
