namespace NeuralPlugin;

/// <summary>
/// Measures what marked spans of a frame take by the GPU's clock; their sum comes some frames later, without a wait. A frame that finds no
/// free query for one of its spans is not measured, and neither is one in which the clock runs backwards. Nothing is allocated.
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

    /// <summary>What the spans of the last frame that was measured took.</summary>
    public long LastNanoseconds { get; private set; }

    private ref Frame Current => ref frames[(begun - 1) % MostFrames];

    /// <summary>Ends the frame before, and takes what has come.</summary>
    public void BeginFrame()
    {
        if (isSpanOpen) EndSpan();
        Read();
        isFrameOpen = begun - read < MostFrames;
        if (isFrameOpen) frames[begun++ % MostFrames] = default;
    }

    /// <summary>A span begins after all commands so far; one that an exception has left open ends.</summary>
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

    /// <summary>It ends after all commands so far.</summary>
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
