namespace NeuralPlugin;

/// <summary>
/// One computation of a plan, which becomes one dispatch: what it reads and writes, by the names that its kernel declares, and what
/// its kernel is made of. It says what is computed; which kernel does, in tiles of which size, the kernel family decides. Fusing
/// replaces several by one (Networks/Fusion.cs). A backend other than OpenGL runs it by its type.
/// </summary>
internal abstract record Computation
{
    /// <summary>The matrices that it reads and writes.</summary>
    public abstract IReadOnlyList<MatrixBinding> Matrices { get; }

    /// <summary>The sizes that its kernel is told.</summary>
    public abstract IReadOnlyList<(string Name, int Value)> Sizes { get; }

    /// <summary>The scalars that its kernel is told; their owners change them between runs.</summary>
    public virtual IReadOnlyList<KernelArguments<float>> Scalars => [];

    /// <summary>What its kernel includes in which slot.</summary>
    public virtual IReadOnlyList<(string Slot, string FileName)> Includes => [];

    /// <summary>What its kernel is told besides what the family says.</summary>
    public virtual IReadOnlyList<(string Name, int Value)> Constants => [];

    /// <summary>The macros that its kernel repeats text by, besides those of the family.</summary>
    public virtual IReadOnlyList<UnrolledMacro> Macros => [];

    /// <summary>Multiplications and additions of matrix products with all rows in use.</summary>
    public virtual long FloatingPointOperations => 0;

    /// <summary>Whether it computes the losses of rows, so that a loss that is not finite is noticed there.</summary>
    public virtual bool FindsLosses => false;

    /// <summary>Whether it updates parameters, which a dropped step must not.</summary>
    public virtual bool Updates => false;

    public IEnumerable<Operand> Reads => Matrices.Where(matrix => matrix.IsRead).Select(matrix => matrix.Operand);

    public IEnumerable<Operand> Writes => Matrices.Where(matrix => matrix.IsWritten).Select(matrix => matrix.Operand);

    /// <summary>The kernel that a family has for it; null where it has none, and the computations that were to be fused run one by one.</summary>
    public abstract KernelChoice? KernelOf(FamilyKernels kernels);

    /// <summary>The dispatch that runs it, with the kernel that a family has for it.</summary>
    /// <exception cref="InvalidOperationException">The family has none.</exception>
    public Dispatch ToDispatch(FamilyKernels kernels)
    {
        (KernelSource source, DispatchGrid grid) = KernelOf(kernels)
            ?? throw new InvalidOperationException($"The kernel family {kernels.Family.Name} has no kernel for {GetType().Name}.");
        source = source.With([.. Constants]) with { Includes = Includes, Macros = [.. source.Macros, .. Macros] };
        return new Dispatch(source, Matrices, [new KernelArguments<int>(Sizes)], grid, Scalars) { FloatingPointOperations = FloatingPointOperations };
    }

    /// <summary>The includes of some slots that may be empty.</summary>
    protected static IReadOnlyList<(string Slot, string FileName)> Slots(params IEnumerable<(string Slot, string? FileName)> slots)
    {
        return [.. slots.Where(slot => slot.FileName is not null).Select(slot => (slot.Slot, slot.FileName!))];
    }
}

/// <summary>A kernel of a family, and the workgroups that cover its result.</summary>
internal readonly record struct KernelChoice(KernelSource Source, DispatchGrid Grid);

/// <summary>The slots that kernels include files of activations, losses and optimizers in.</summary>
internal static class KernelSlot
{
    public const string Activation = "ACTIVATION";
    public const string Loss = "LOSS";
    public const string Optimizer = "OPTIMIZER";
}
