using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// Work that a trainer has enqueued and the GPU has not finished, tracked by fences that are polled and never waited for. A trainer enqueues
/// nothing more once its work, by estimate, exceeds its share of <see cref="MostNanoseconds"/> and, if its budget is larger, a few frames of it, or
/// spans <see cref="MostFences"/> frames, whatever they take. Otherwise the queue of a slow GPU would keep growing, and anyone waiting for
/// the GPU would wait for all of that. All trainers of a device that have work in its queue have equal shares, so that none of them starves.
/// </summary>
internal sealed class WorkUnderWay
{
    public const double MostNanoseconds = 50_000_000;

    /// <summary>Information about a frame arrives one to three frames later.</summary>
    public const int LateFrames = 4;

    public const int MostFences = 12;

    private static readonly ConditionalWeakTable<NeuralDevice, List<WeakReference<WorkUnderWay>>> OfDevices = [];

    private readonly List<WeakReference<WorkUnderWay>> trainers;   // of the device
    private readonly DeviceFence[] fences;
    private readonly double[] work = new double[MostFences];      // before each fence, since the previous one
    private readonly double[] budgets = new double[MostFences];   // within which that was enqueued
    private long inserted;
    private long reached;
    private double open;    // after the last fence
    private double before;  // up to all unreached fences
    private double budget;

    public WorkUnderWay(NeuralDevice device)
    {
        fences = [.. Enumerable.Range(0, MostFences).Select(_ => new DeviceFence(device))];
        trainers = OfDevices.GetOrCreateValue(device);
        trainers.RemoveAll(trainer => !trainer.TryGetTarget(out _));
        trainers.Add(new WeakReference<WorkUnderWay>(this));
    }

    /// <summary>
    /// Whether more may be enqueued. If much is pending, it inserts a fence of its own to check for completion: a driver that works inside the
    /// calls is never behind.
    /// </summary>
    /// <param name="frameBudget">Nanoseconds that the frame may spend; 0 if its budget is not a time.</param>
    public bool HasRoom(double frameBudget)
    {
        budget = frameBudget;
        if (IsWithinBounds(MostNanoseconds / trainers.Count)) return true;
        TakeReached();
        if (IsWithinBounds(Share())) return true;
        InsertFence();
        TakeReached();
        return IsWithinBounds(Share());
    }

    /// <summary>Adds enqueued work with this duration.</summary>
    public void Add(double nanoseconds) => open += nanoseconds;

    /// <summary>Call when a frame's work is enqueued.</summary>
    public void EndFrame() => InsertFence();

    /// <summary>This trainer's share, with those whose work the GPU has not finished.</summary>
    private double Share()
    {
        int sharing = 1;
        foreach (WeakReference<WorkUnderWay> trainer in trainers)
        {
            if (!trainer.TryGetTarget(out WorkUnderWay? other) || other == this) continue;
            other.TakeReached();
            if (other.inserted > other.reached) sharing++;
        }

        return MostNanoseconds / sharing;
    }

    private bool IsWithinBounds(double share)
    {
        if (inserted - reached == MostFences) return false;
        if (before + open < share) return true;
        double largest = budget;
        for (long fence = reached; fence < inserted; fence++) largest = Math.Max(largest, budgets[fence % MostFences]);
        return before + open < LateFrames * largest;
    }

    private void TakeReached()
    {
        while (reached < inserted && fences[reached % MostFences].IsReached()) before -= work[reached++ % MostFences];
        if (reached == inserted) before = 0;   // discards rounding residue
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
