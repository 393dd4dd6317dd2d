namespace NeuralPlugin;

/// <summary>
/// Times candidates for the same work on the GPU's clock, over some frames, without a wait. Candidates take turns, since the clock of a GPU changes sixfold between one
/// second and the next, and what counts is how they compare within a turn. If the driver skips the dispatches of a frame, no turn counts.
/// </summary>
internal sealed class CandidateTimes : IDisposable
{
    /// <summary>Turns that count, after one that compiles the rest and tells how long a turn takes.</summary>
    private const int Turns = 5;

    /// <summary>Turns up to this long run in one frame; of longer ones each candidate has a frame of its own.</summary>
    private const long FrameNanoseconds = 2_000_000;

    private readonly Plan[] plans;
    private readonly PlannedMatrix[] matrices;
    private readonly TimestampRing clock;
    private readonly SkipProbe probe;
    private readonly int rows;
    private readonly List<double[]> turns = [];
    private readonly List<long> times = [];
    private double[] turn;
    private int started;
    private int next;
    private int awaited;
    private bool isCompiled;
    private bool fitsIntoAFrame;
    private bool isRunning;
    private bool wasSkipped;

    /// <summary>Makes what the candidates work on: matrices of zeros, of the work's own sizes.</summary>
    /// <param name="device">The device.</param>
    /// <param name="candidates">The dispatches of each.</param>
    /// <param name="rows">Rows of a batch.</param>
    /// <param name="kernels">The kernels of the device.</param>
    /// <exception cref="DeviceLimitException">The device has no memory for them.</exception>
    public CandidateTimes(NeuralDevice device, IReadOnlyList<IEnumerable<Dispatch>> candidates, int rows, FamilyKernels kernels)
    {
        this.rows = rows;
        Dispatch[][] dispatches = [.. candidates.Select(candidate => candidate.ToArray())];
        matrices = [.. dispatches.SelectMany(all => all).SelectMany(dispatch => dispatch.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct()];
        plans = [.. dispatches.Select(all => new Plan(device, all, compile: false))];
        foreach (PlannedMatrix matrix in matrices) matrix.RequireFit(device);
        foreach (PlannedMatrix matrix in matrices) matrix.Realize(device);
        clock = new TimestampRing(device, 2 * plans.Length);
        probe = new SkipProbe(device, kernels);
        turn = new double[plans.Length];
    }

    /// <summary>The GPU's time so far, in nanoseconds.</summary>
    public long Spent { get; private set; }

    /// <summary>One frame's share; true when all turns, or those for which there was time, are over.</summary>
    /// <param name="device">The device.</param>
    /// <param name="budget">The GPU's time for all of them, in nanoseconds.</param>
    public bool Advance(NeuralDevice device, long budget)
    {
        if (!isCompiled)
        {
            isCompiled = TryCompile(device);
            return false;
        }

        if (isRunning)
        {
            ReadTimes();
            isRunning = awaited > 0 || probe.IsPending;
            if (isRunning) return false;
            wasSkipped = !probe.HasRun;
            return wasSkipped || turns.Count > Turns || Spent >= budget;
        }

        Run(device);
        return false;
    }

    /// <summary>For each candidate the median of its time by that of the first one, which is 1; null if no turn counted, or the driver skipped one.</summary>
    public double[]? Ratios()
    {
        double[][] counted = [.. turns.Skip(1).Where(times => times.All(time => time > 0))];
        if (wasSkipped || counted.Length == 0) return null;
        return [.. Enumerable.Range(0, plans.Length).Select(i => counted.Select(times => times[i] / times[0]).Order().ElementAt(counted.Length / 2))];
    }

    public void Dispose()
    {
        foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
        clock.Dispose();
        probe.Dispose();
    }

    /// <summary>A driver that compiles in the background receives all at once; one that does not, a kernel a frame.</summary>
    private bool TryCompile(NeuralDevice device)
    {
        Dispatch[] dispatches = [.. plans.Append(probe.Plan).SelectMany(plan => plan.Dispatches)];
        bool inBackground = true;
        while (inBackground && started < dispatches.Length) inBackground = device.Backend.StartCompiling(dispatches[started++]);
        if (started < dispatches.Length || !dispatches.All(dispatch => device.Backend.IsCompiled(dispatch.Program))) return false;
        foreach (Plan plan in plans.Append(probe.Plan)) plan.Compile();
        return true;
    }

    private void Run(NeuralDevice device)
    {
        device.PrepareTiming();
        int last = fitsIntoAFrame ? plans.Length : next + 1;
        for (int i = next; i < last; i++)
        {
            clock.Mark();
            plans[i].Run(rows);
            clock.Mark();
            awaited += 2;
        }

        probe.Start();
        isRunning = true;
    }

    private void ReadTimes()
    {
        while (awaited > 0 && clock.TryRead(out long nanoseconds))
        {
            awaited--;
            times.Add(nanoseconds);
            if (times.Count < 2) continue;
            long time = times[1] - times[0];
            times.Clear();
            Spent += Math.Max(0, time);
            turn[next++] = time;
            if (next < plans.Length) continue;
            fitsIntoAFrame = turn.Sum() <= FrameNanoseconds;
            turns.Add(turn);
            (turn, next) = (new double[plans.Length], 0);
        }
    }
}
