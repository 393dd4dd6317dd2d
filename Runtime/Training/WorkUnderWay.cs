namespace NeuralPlugin;

/// <summary>
/// What a trainer has enqueued and the GPU has not finished, known by fences that are asked and never waited for. A trainer that is further ahead
/// of the GPU than <see cref="MostNanoseconds"/> or, where its budget is larger, some frames of it, as far as is known what its work takes, or
/// <see cref="MostFences"/> frames, whatever they take, enqueues nothing more: else a slow GPU would have ever more of it in its queue, and everybody who
/// waits for the GPU would wait for all of that.
/// </summary>
internal sealed class WorkUnderWay
{
    public const double MostNanoseconds = 50_000_000;

    /// <summary>What is known of a frame comes one to three frames later.</summary>
    public const int LateFrames = 4;

    public const int MostFences = 12;

    private readonly DeviceFence[] fences;
    private readonly double[] work = new double[MostFences];      // before each, since the one before it
    private readonly double[] budgets = new double[MostFences];   // within which that was enqueued
    private long inserted;
    private long reached;
    private double open;    // behind the last fence
    private double before;  // all fences that were not reached
    private double budget;

    public WorkUnderWay(NeuralDevice device) => fences = [.. Enumerable.Range(0, MostFences).Select(_ => new DeviceFence(device))];

    /// <summary>
    /// Whether more may be enqueued. Where there is much, it asks whether it is done, behind a fence of its own: a driver that works inside the
    /// calls is never behind.
    /// </summary>
    /// <param name="frameBudget">Nanoseconds that the frame may spend; 0 where its budget is none of time.</param>
    public bool HasRoom(double frameBudget)
    {
        budget = frameBudget;
        if (IsWithinBounds()) return true;
        TakeReached();
        if (IsWithinBounds()) return true;
        InsertFence();
        TakeReached();
        return IsWithinBounds();
    }

    /// <summary>Work was enqueued that takes so long.</summary>
    public void Add(double nanoseconds) => open += nanoseconds;

    /// <summary>A frame's work is enqueued.</summary>
    public void EndFrame() => InsertFence();

    private bool IsWithinBounds()
    {
        if (inserted - reached == MostFences) return false;
        if (before + open < MostNanoseconds) return true;
        double largest = budget;
        for (long fence = reached; fence < inserted; fence++) largest = Math.Max(largest, budgets[fence % MostFences]);
        return before + open < LateFrames * largest;
    }

    private void TakeReached()
    {
        while (reached < inserted && fences[reached % MostFences].IsReached()) before -= work[reached++ % MostFences];
        if (reached == inserted) before = 0;   // without what rounding has left
    }

    private void InsertFence()
    {
        if (open == 0 || inserted - reached == MostFences) return;
        fences[inserted % MostFences].Insert();
        budgets[inserted % MostFences] = budget;
        work[inserted++ % MostFences] = open;
        (before, open) = (before + open, 0);
    }
}
