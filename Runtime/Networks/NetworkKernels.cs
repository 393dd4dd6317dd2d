namespace NeuralPlugin;

/// <summary>
/// A network's kernels: of the family that its device has when the network is made, in the configurations of the tuning that the device has when the first plan is
/// made. From then on they stay, so that steps and predictions have the bits of one order of sums.
/// </summary>
internal sealed class NetworkKernels(NeuralDevice device)
{
    private readonly FamilyKernels family = KernelFamily.KernelsOf(device);
    private readonly TuningQuestions asked = new();
    private FamilyKernels? settled;

    /// <summary>The kernels as they are now.</summary>
    public FamilyKernels Current => settled ?? family.With(KernelTuning.Of(device));

    /// <summary>The configurations that its plans have used.</summary>
    public KernelTuning Used => asked.Used;

    /// <summary>Whether a plan was made, so that no tuning changes its kernels any more.</summary>
    public bool IsSettled => settled is not null;

    /// <summary>The kernels for a plan, which stay.</summary>
    public FamilyKernels Settle() => settled ??= family.With(KernelTuning.Of(device), asked);

    /// <summary>Takes over a checkpoint's configurations; false if there are plans with others.</summary>
    public bool TrySettle(KernelTuning tuning)
    {
        if (Used.Contradicts(tuning)) return false;
        settled = family.With(settled is null ? tuning : settled.Tuning.With(tuning), asked);
        return true;
    }

    /// <summary>The kernels for a warm-up, which tunes them first where that is open.</summary>
    /// <param name="rows">Rows of a batch.</param>
    /// <param name="step">The dispatches of a step by some kernels; refers to no network.</param>
    /// <param name="wanted">All dispatches that are wanted; refers to no network.</param>
    public KernelSet SetOf(int rows, Func<FamilyKernels, IEnumerable<Dispatch>> step, Func<FamilyKernels, IEnumerable<Dispatch>> wanted)
    {
        FamilyKernels kernels = Current;
        bool isOpen = settled is null && !KernelTuning.IsForced(device) && KernelTuning.SpentOn(device) < StepTuning.BudgetNanoseconds;
        return new KernelSet(wanted(kernels), isOpen ? StepTuning.For(kernels, rows, step, wanted) : null);
    }
}
