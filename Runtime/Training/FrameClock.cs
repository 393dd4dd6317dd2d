namespace NeuralPlugin;

/// <summary>
/// Measures the duration of each frame's dispatches by the GPU's clock, and passes it to the costs when it arrives, some frames later.
/// The first dispatches of a frame are measured individually, the rest together or, if there are gaps, not at all. A frame without a free query is not measured, and
/// measurements from a clock that runs backwards are discarded. On a device without a clock none is measured.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="costs">Receives the measurements.</param>
/// <param name="hasGaps">Whether the GPU may be idle between parts, while the processor lays out the next one: then each has a mark before it, too.</param>
internal sealed class FrameClock(NeuralDevice device, GpuCosts costs, bool hasGaps = false) : IDisposable
{
    private const int MostFrames = 16;
    private const int MostSegments = 8;

    private readonly TimestampRing marks = new(device, MostFrames * MarksOf(hasGaps));
    private readonly Frame[] frames = [.. Enumerable.Range(0, MostFrames).Select(_ => new Frame(hasGaps))];
    private long begun;
    private long read;
    private Frame? current;

    /// <summary>The duration of the dispatches in the last measured frame.</summary>
    public double LastNanoseconds { get; private set; }

    /// <summary>Whether the next part of this frame is measured individually.</summary>
    public bool MeasuresNext => current is { IsFull: false };

    public void BeginFrame()
    {
        bool isFree = device.Limits.HasClock && begun - read < MostFrames && marks.Free >= MarksOf(hasGaps);
        current = isFree ? frames[begun++ % MostFrames] : null;
        if (current is null) return;
        current.Clear();
        device.PrepareTiming();
        if (!hasGaps) Mark();
    }

    /// <summary>Call before each part if there are gaps between them.</summary>
    public void BeginPart()
    {
        if (hasGaps && current is { NeedsBeginning: true }) Mark();
    }

    /// <summary>Records an enqueued part.</summary>
    public void Add(int dispatch, int lines)
    {
        bool isMarked = current is not null && current.Add(dispatch, lines, costs.IsKnown(dispatch) ? costs.Of(dispatch, lines) : null);
        if (isMarked) Mark();
    }

    public void EndFrame()
    {
        if (!hasGaps && current is { HasRest: true }) Mark();
        current = null;
    }

    /// <summary>Reports the available measurements.</summary>
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

            LastNanoseconds = frame.HandOver(costs) ?? LastNanoseconds;
            read++;
        }
    }

    public void Dispose() => marks.Dispose();

    private static int MarksOf(bool hasGaps) => hasGaps ? 2 * MostSegments : MostSegments + 2;

    private void Mark()
    {
        marks.Mark();
        current!.Marks++;
    }

    private sealed class Frame(bool hasGaps)
    {
        private readonly MeasuredPart[] segments = new MeasuredPart[MostSegments];
        private readonly long[] times = new long[MarksOf(hasGaps)];
        private int count;
        private double expected;       // of the segments
        private double expectedRest;   // and of the dispatches after the last mark
        private bool isGuess;

        /// <summary>Whether dispatches follow the last mark.</summary>
        public bool HasRest { get; private set; }

        /// <summary>Whether no further dispatch is measured individually.</summary>
        public bool IsFull => count == MostSegments;

        /// <summary>Whether a part that is measured individually would begin now.</summary>
        public bool NeedsBeginning => !IsFull && Marks == 2 * count;

        public int Marks { get; set; }

        public int MarksRead { get; private set; }

        public void Clear()
        {
            (count, Marks, MarksRead, expected, expectedRest) = (0, 0, 0, 0, 0);
            (HasRest, isGuess) = (false, false);
        }

        /// <param name="dispatch">The index of the dispatch.</param>
        /// <param name="lines">The number of lines.</param>
        /// <param name="nanoseconds">The expected duration, measured individually; null if unknown.</param>
        /// <returns>Whether to measure it individually, so that a mark is due.</returns>
        public bool Add(int dispatch, int lines, double? nanoseconds)
        {
            isGuess |= nanoseconds is null;
            bool isMeasured = !IsFull && (!hasGaps || Marks > 2 * count);
            HasRest |= !isMeasured;
            if (!isMeasured)
            {
                expectedRest += nanoseconds ?? 0;
                return false;
            }

            expected += nanoseconds ?? 0;
            segments[count++] = new MeasuredPart(dispatch, lines, 0);
            return true;
        }

        public void Read(long time) => times[MarksRead++] = time;

        /// <summary>Updates the costs and returns the frame's duration; null if the clock ran backwards.</summary>
        public double? HandOver(GpuCosts costs)
        {
            int measured = 0;
            double sum = 0;
            for (int i = 0; i < count; i++)
            {
                long time = hasGaps ? times[(2 * i) + 1] - times[2 * i] : times[i + 1] - times[i];
                if (time < 0) continue;
                sum += time;
                segments[measured++] = segments[i] with { Nanoseconds = time };
            }

            costs.Observe(segments.AsSpan(0, measured));
            if (hasGaps) return measured < count || count == 0 ? null : HasRest && !isGuess && expected > 0 ? sum * (1 + (expectedRest / expected)) : sum;
            double single = times[count] - times[0], rest = times[Marks - 1] - times[count];
            if (measured < count || rest < 0) return null;
            if (HasRest && !isGuess && single > 0) costs.ObserveRest(rest / expectedRest * (expected / single));
            return single + rest;
        }
    }
}
