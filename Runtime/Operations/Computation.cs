namespace NeuralPlugin;

/// <summary>
/// One computation of a plan, which becomes one dispatch: its bindings, by the names that its kernel declares, and the parts that
/// its kernel is assembled from. It describes what is computed; the kernel family decides which kernel computes it, and in which tile size.
/// Fusing replaces several by one (Networks/Fusion.cs). A backend other than OpenGL runs it by its type.
/// </summary>
internal abstract record Computation
{
    /// <summary>The matrices that it reads and writes.</summary>
    public abstract IReadOnlyList<MatrixBinding> Matrices { get; }

    /// <summary>The sizes passed to its kernel.</summary>
    public abstract IReadOnlyList<(string Name, int Value)> Sizes { get; }

    /// <summary>The sizes that their owners change between runs.</summary>
    public virtual IReadOnlyList<KernelArguments<int>> ChangingSizes => [];

    /// <summary>The scalars passed to its kernel; their owners change them between runs.</summary>
    public virtual IReadOnlyList<KernelArguments<float>> Scalars => [];

    /// <summary>The files that its kernel includes, by slot.</summary>
    public virtual IReadOnlyList<(string Slot, string FileName)> Includes => [];

    /// <summary>Its kernel's constants, besides those of the family.</summary>
    public virtual IReadOnlyList<(string Name, int Value)> Constants => [];

    /// <summary>The macros with which its kernel repeats text, besides those of the family.</summary>
    public virtual IReadOnlyList<UnrolledMacro> Macros => [];

    /// <summary>Multiplications and additions of its matrix products when all rows are in use.</summary>
    public virtual long FloatingPointOperations => 0;

    /// <summary>Whether it computes the losses of rows, so that a non-finite loss is noticed there.</summary>
    public virtual bool FindsLosses => false;

    /// <summary>Whether it updates parameters, which a dropped step must not do.</summary>
    public virtual bool Updates => false;

    /// <summary>The consecutive steps that one run of it may have.</summary>
    public virtual int MostSteps => 1;

    public IEnumerable<Operand> Reads => Matrices.Where(matrix => matrix.IsRead).Select(matrix => matrix.Operand);

    public IEnumerable<Operand> Writes => Matrices.Where(matrix => matrix.IsWritten).Select(matrix => matrix.Operand);

    /// <summary>A family's kernel for it; null if there is none, so that the computations it would fuse run one by one.</summary>
    public abstract KernelChoice? KernelOf(FamilyKernels kernels);

    /// <summary>The dispatch that runs it, with a family's kernel for it.</summary>
    /// <exception cref="InvalidOperationException">The family has none.</exception>
    public Dispatch ToDispatch(FamilyKernels kernels)
    {
        (KernelSource source, DispatchGrid grid) = KernelOf(kernels)
            ?? throw new InvalidOperationException($"The kernel family {kernels.Family.Name} has no kernel for {GetType().Name}.");
        source = source.With([.. Constants]) with { Includes = Includes, Macros = [.. source.Macros, .. Macros] };
        return new Dispatch(source, Matrices, [new KernelArguments<int>(Sizes), .. ChangingSizes], grid, Scalars) { FloatingPointOperations = FloatingPointOperations, MostRepeats = MostSteps };
    }

    /// <summary>The includes of slots that may be empty.</summary>
    protected static IReadOnlyList<(string Slot, string FileName)> Slots(params IEnumerable<(string Slot, string? FileName)> slots)
    {
        return [.. slots.Where(slot => slot.FileName is not null).Select(slot => (slot.Slot, slot.FileName!))];
    }
}

/// <summary>A kernel of a family, and the workgroups that cover its result.</summary>
internal readonly record struct KernelChoice(KernelSource Source, DispatchGrid Grid);

/// <summary>The slots in which kernels include the files of activations, losses and optimizers.</summary>
internal static class KernelSlot
{
    public const string Activation = "ACTIVATION";
    public const string Loss = "LOSS";
    public const string Optimizer = "OPTIMIZER";
}
