namespace NeuralPlugin;

/// <summary>
/// Measures what the dispatches of each frame took by the GPU's clock, and hands it to the costs when it comes, some frames later.
/// The first dispatches of a frame are measured one by one, the rest together. A frame that finds no free query is not measured.
/// </summary>
internal sealed class FrameClock(NeuralDevice device, StepCosts costs) : IDisposable
{
    private const int MostFrames = 16;
    private const int MostSegments = 8;

    private readonly TimestampRing marks = new(device, MostFrames * (MostSegments + 1));
    private readonly Frame[] frames = [.. Enumerable.Range(0, MostFrames).Select(_ => new Frame())];
    private long begun;
    private long read;
    private Frame? current;

    /// <summary>What the dispatches of the last frame that was measured took.</summary>
    public double LastNanoseconds { get; private set; }

    public void BeginFrame()
    {
        bool isFree = begun - read < MostFrames && marks.Free > MostSegments;
        current = isFree ? frames[begun++ % MostFrames] : null;
        if (current is null) return;
        current.Clear(costs.Scale);
        device.PrepareTiming();
        marks.Mark();
    }

    /// <summary>Notes what was enqueued.</summary>
    public void Add(int dispatch, int lines, int allLines, double predicted)
    {
        if (current is null) return;
        if (current.Add(new Segment(dispatch, lines, allLines, predicted))) marks.Mark();
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

    private readonly record struct Segment(int Dispatch, int Lines, int AllLines, double Predicted);

    private sealed class Frame
    {
        private readonly Segment[] segments = new Segment[MostSegments];
        private readonly long[] times = new long[MostSegments + 1];
        private int count;
        private double scale;

        /// <summary>Whether dispatches stand behind the last mark.</summary>
        public bool HasRest { get; private set; }

        public int Marks => count + 1;

        public int MarksRead { get; private set; }

        public void Clear(double scaleNow)
        {
            count = 0;
            MarksRead = 0;
            HasRest = false;
            scale = scaleNow;
        }

        /// <summary>True where a mark is due: the last segment takes all that is left.</summary>
        public bool Add(Segment segment)
        {
            if (count < MostSegments - 1)
            {
                segments[count++] = segment;
                return true;
            }

            if (!HasRest) segments[count++] = segment with { Dispatch = -1 };
            else segments[^1] = segments[^1] with { Predicted = segments[^1].Predicted + segment.Predicted };
            HasRest = true;
            return false;
        }

        public void Read(long time) => times[MarksRead++] = time;

        /// <summary>Teaches the costs, and returns what the frame took.</summary>
        public double HandOver(StepCosts costs)
        {
            double predicted = 0;
            for (int i = 0; i < count; i++) predicted += segments[i].Predicted;
            long total = times[count] - times[0];
            costs.ObserveSum(total, predicted, scale);
            for (int i = 0; i < count; i++)
            {
                Segment segment = segments[i];
                if (segment.Dispatch >= 0) costs.Observe(segment.Dispatch, segment.Lines, segment.AllLines, times[i + 1] - times[i]);
            }

            return total;
        }
    }
}
