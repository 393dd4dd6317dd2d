namespace NeuralPlugin;

/// <summary>
/// Measures what the dispatches of each frame took by the GPU's clock, and hands it to the costs when it comes, some frames later.
/// The first dispatches of a frame are measured one by one. A frame that finds no free query is not measured.
/// </summary>
internal sealed class FrameClock(NeuralDevice device, StepCosts costs) : IDisposable
{
    private const int MostFrames = 16;
    private const int MostSegments = 8;

    private readonly TimestampRing marks = new(device, MostFrames * (MostSegments + 2));
    private readonly Frame[] frames = [.. Enumerable.Range(0, MostFrames).Select(_ => new Frame())];
    private long begun;
    private long read;
    private Frame? current;

    /// <summary>What the dispatches of the last frame that was measured took.</summary>
    public double LastNanoseconds { get; private set; }

    public void BeginFrame()
    {
        bool isFree = begun - read < MostFrames && marks.Free >= MostSegments + 2;
        current = isFree ? frames[begun++ % MostFrames] : null;
        if (current is null) return;
        current.Clear();
        device.PrepareTiming();
        marks.Mark();
    }

    /// <summary>Notes what was enqueued.</summary>
    public void Add(int dispatch, int lines)
    {
        if (current is not null && current.Add(new Segment(dispatch, lines))) marks.Mark();
    }

    public void EndFrame()
    {
        if (current is { HasRest: true }) marks.Mark();
        current = null;
    }

    /// <summary>Hands over what has come.</summary>
    public void Read()
    {
        while (read < begun)
        {
            Frame frame = frames[read % MostFrames];
            if (ReferenceEquals(frame, current)) return;
            while (frame.MarksRead < frame.Marks)
            {
                if (!marks.TryRead(out long time)) return;
                frame.Read(time);
            }

            LastNanoseconds = frame.HandOver(costs);
            read++;
        }
    }

    public void Dispose() => marks.Dispose();

    private readonly record struct Segment(int Dispatch, int Lines);

    private sealed class Frame
    {
        private readonly Segment[] segments = new Segment[MostSegments];
        private readonly long[] times = new long[MostSegments + 2];
        private int count;

        /// <summary>Whether dispatches stand behind the last mark.</summary>
        public bool HasRest { get; private set; }

        public int Marks => count + (HasRest ? 2 : 1);

        public int MarksRead { get; private set; }

        public void Clear()
        {
            count = 0;
            MarksRead = 0;
            HasRest = false;
        }

        /// <summary>True where the dispatch is to be measured by itself, and a mark is due.</summary>
        public bool Add(Segment segment)
        {
            HasRest = count == MostSegments;
            if (HasRest) return false;
            segments[count++] = segment;
            return true;
        }

        public void Read(long time) => times[MarksRead++] = time;

        /// <summary>Teaches the costs, and returns what the frame took.</summary>
        public double HandOver(StepCosts costs)
        {
            for (int i = 0; i < count; i++) costs.Observe(segments[i].Dispatch, segments[i].Lines, times[i + 1] - times[i]);
            costs.EndObservation();
            return times[Marks - 1] - times[0];
        }
    }
}
