namespace NeuralPlugin;

/// <summary>
/// Times candidates for the same work on the GPU's clock, over some frames, without a wait. Candidates take turns, since the clock of a GPU changes sixfold between one
/// second and the next, and what counts is how they compare within a turn. In a turn each runs as often as makes the turn long enough to measure. If the driver skips the
/// dispatches of a frame, no turn counts. A candidate that it rejects is left out, and so is one that takes so long that it would hold up the frames of a game; if that is the first one, nothing is chosen.
/// </summary>
internal sealed class CandidateTimes : IDisposable
{
    /// <summary>Turns that count, after one in which drivers do the rest of their work and one that tells how long a turn takes.</summary>
    private const int Turns = 5;
    private const int FirstTurns = 2;

    /// <summary>The fewest turns that decide where a candidate must be faster in every one.</summary>
    private const int LeastTurns = 3;

    /// <summary>How long a turn should take: some hundred of the shortest dispatches, so that differences of a few percent are more than noise.</summary>
    private const long TurnNanoseconds = 1_000_000;

    /// <summary>The most runs of a candidate in a turn, whatever the clock says.</summary>
    private const int MostRuns = 64;

    /// <summary>Turns up to this long run in one frame; of longer ones each candidate has a frame of its own.</summary>
    private const long FrameNanoseconds = 2_000_000;

    /// <summary>The longest run of one candidate: more would hold up the frames of a game, whose budget is smaller.</summary>
    private const long LongestRunNanoseconds = 4_000_000;

    private readonly List<(int Number, Plan Plan)> plans;   // of the candidates that the driver has not rejected
    private readonly PlannedMatrix[] matrices;
    private readonly TimestampRing clock;
    private readonly SkipProbe probe;
    private readonly int rows;
    private readonly List<double[]> turns = [];
    private readonly List<long> times = [];
    private double[] turn = [];
    private double[] shortest = [];   // run of each candidate in the first turns
    private int runs = 1;
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
    public CandidateTimes(NeuralDevice device, IReadOnlyList<Dispatch[]> candidates, int rows, FamilyKernels kernels)
    {
        this.rows = rows;
        matrices = [.. candidates.SelectMany(all => all).SelectMany(dispatch => dispatch.Matrices).Select(matrix => matrix.Operand).OfType<PlannedMatrix>().Distinct()];
        plans = [.. candidates.Select((all, number) => (number, new Plan(device, all, compile: false)))];
        foreach (PlannedMatrix matrix in matrices) matrix.RequireFit(device);
        try
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Realize(device);
        }
        catch (DeviceLimitException)
        {
            foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
            throw;
        }

        clock = new TimestampRing(device, 2 * plans.Count);
        probe = new SkipProbe(device, kernels);
    }

    /// <summary>The GPU's time so far, in nanoseconds.</summary>
    public long Spent { get; private set; }

    /// <summary>Whether a run was so long that it would hold up the frames of a game: then nothing is chosen.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>One frame's share; true when all turns, or those for which there was time, are over.</summary>
    /// <param name="device">The device.</param>
    /// <param name="budget">The GPU's time for all of them, in nanoseconds.</param>
    public bool Advance(NeuralDevice device, long budget)
    {
        if (!isCompiled)
        {
            isCompiled = TryCompile(device);
            return isCompiled && plans.Count < 2;
        }

        if (isRunning)
        {
            ReadTimes();
            isRunning = awaited > 0 || probe.IsPending;
            if (isRunning) return false;
            wasSkipped = !probe.HasRun;
            return wasSkipped || IsTooLong || plans.Count < 2 || turns.Count >= FirstTurns + Turns || Spent >= budget;
        }

        Run(device);
        return false;
    }

    /// <summary>
    /// The number of the candidate to choose: the first one, or another that is faster by a margin; null if no turn counted, or too few where every turn decides, if the driver skipped one, or if a run takes
    /// too long.
    /// </summary>
    /// <param name="leastGain">By which part of the first one's time another must be faster.</param>
    /// <param name="inEveryTurn">Whether it must be in every turn, and not only in the median of them.</param>
    public int? Choose(double leastGain, bool inEveryTurn)
    {
        if (isCompiled && plans.Count == 1 && !wasSkipped && !IsTooLong) return plans[0].Number;   // no other is left
        double[][] counted = [.. turns.Skip(FirstTurns).Where(times => times.All(time => time > 0))];
        if (wasSkipped || IsTooLong || counted.Length < (inEveryTurn ? LeastTurns : 1)) return null;
        int place = inEveryTurn ? counted.Length - 1 : counted.Length / 2;
        double[] ratios = [.. Enumerable.Range(0, plans.Count).Select(i => counted.Select(times => times[i] / times[0]).Order().ElementAt(place))];
        int best = Array.IndexOf(ratios, ratios.Min());
        return plans[ratios[best] <= 1 - leastGain ? best : 0].Number;
    }

    public void Dispose()
    {
        foreach (PlannedMatrix matrix in matrices) matrix.Dispose();
        clock.Dispose();
        probe.Dispose();
    }

    /// <summary>
    /// A driver that compiles in the background receives all at once; one that does not, a kernel a frame. What it rejects is nobody's error as long as nobody needs it: the
    /// other candidates compute the same, so it is left out.
    /// </summary>
    private bool TryCompile(NeuralDevice device)
    {
        Dispatch[] dispatches = [.. plans.Select(candidate => candidate.Plan).Append(probe.Plan).SelectMany(plan => plan.Dispatches)];
        bool inBackground = true;
        while (inBackground && started < dispatches.Length) inBackground = device.Backend.StartCompiling(dispatches[started++]);
        if (started < dispatches.Length || !dispatches.All(dispatch => device.Backend.IsCompiled(dispatch.Program))) return false;
        probe.Plan.Compile();
        HashSet<string> rejected = [];
        plans.RemoveAll(candidate => !IsAccepted(candidate.Plan, rejected));
        turn = new double[plans.Count];
        shortest = [.. Enumerable.Repeat(double.PositiveInfinity, plans.Count)];
        return true;
    }

    private static bool IsAccepted(Plan plan, HashSet<string> rejected)
    {
        if (plan.Dispatches.Any(dispatch => rejected.Contains(dispatch.Program.Key))) return false;   // nobody waits for it a second time
        try
        {
            plan.Compile();
            return true;
        }
        catch (DeviceNotSupportedException)
        {
            rejected.Add(plan.Dispatches.First(dispatch => dispatch.Kernel is null).Program.Key);
            return false;
        }
    }

    private void Run(NeuralDevice device)
    {
        device.PrepareTiming();
        int last = fitsIntoAFrame ? plans.Count : next + 1;
        for (int i = next; i < last; i++)
        {
            clock.Mark();
            for (int run = 0; run < runs; run++) plans[i].Plan.Run(rows);
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
            if (next == plans.Count) EndTurn();
        }
    }

    /// <summary>A driver may do the rest of its work in the first turn, and somebody else may have the GPU in one of them: a candidate is too long if it was in both.</summary>
    private void LeaveOutLongOnes(bool isLast)
    {
        for (int i = 0; i < shortest.Length; i++) shortest[i] = Math.Min(shortest[i], turn[i] / runs);
        if (!isLast) return;
        IsTooLong = shortest[0] > LongestRunNanoseconds;
        for (int i = plans.Count - 1; i > 0; i--)
        {
            if (shortest[i] > LongestRunNanoseconds) plans.RemoveAt(i);
        }
    }

    private void EndTurn()
    {
        if (turns.Count < FirstTurns) LeaveOutLongOnes(isLast: turns.Count == FirstTurns - 1);
        double once = turn.Sum() / runs;
        fitsIntoAFrame = once <= FrameNanoseconds;
        runs = once > 0 ? (int)Math.Clamp(TurnNanoseconds / once, 1, MostRuns) : 1;
        turns.Add(turn);
        (turn, next) = (new double[plans.Count], 0);
    }
}
