namespace NeuralPlugin;

internal enum ImageAccess
{
    Read,
    Write,
    ReadWrite,
}

/// <summary>One image unit of a dispatch.</summary>
internal readonly record struct ImageBinding(Operand Operand, ImageAccess Access);

/// <summary>
/// How many workgroups run. A dimension is a fixed number, or grows with the rows in use when its RowsPerGroup is set.
/// </summary>
internal readonly record struct DispatchGrid(int X, int Y = 1, int RowsPerGroupX = 0, int RowsPerGroupY = 0)
{
    public (int X, int Y) Groups(int rows) => (
        RowsPerGroupX > 0 ? MatrixShape.CeilingDivide(rows, RowsPerGroupX) : X,
        RowsPerGroupY > 0 ? MatrixShape.CeilingDivide(rows, RowsPerGroupY) : Y);
}

/// <summary>
/// One recorded dispatch: kernel, images in the order of their units, sizes in the order of their locations, groups, and the
/// scalars of the step (learning rate and the like), whose array its owner fills before each run.
/// </summary>
internal sealed class Dispatch
{
    /// <summary>Image units that every OpenGL 4.3 driver has in compute shaders.</summary>
    public const int MaximumImages = 8;

    /// <summary>Workgroups along one dimension that every driver runs.</summary>
    public const int MaximumGroups = 65_535;

    public Dispatch(KernelSource source, ImageBinding[] images, int[] sizes, DispatchGrid grid, float[]? scalars = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(images.Length, MaximumImages);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizes.Length, Kernel.MaximumSizes);
        Source = source;
        Images = images;
        Sizes = sizes;
        Grid = grid;
        Scalars = scalars ?? [];
    }

    public KernelSource Source { get; }

    public ImageBinding[] Images { get; }

    public int[] Sizes { get; }

    public DispatchGrid Grid { get; }

    public float[] Scalars { get; }

    /// <summary>Multiplications and additions of its matrix product with all rows of the plan in use; 0 where it has none.</summary>
    public long FloatingPointOperations { get; init; }

    /// <summary>The same dispatch with other images and further constants.</summary>
    public Dispatch With(ImageBinding[] images, params (string Name, int Value)[] constants)
    {
        return new Dispatch(Source.With(constants), images, Sizes, Grid, Scalars) { FloatingPointOperations = FloatingPointOperations };
    }

    /// <summary>The same dispatch with another kernel that takes the same images and sizes.</summary>
    public Dispatch With(KernelSource source, DispatchGrid grid)
    {
        return new Dispatch(source, Images, Sizes, grid, Scalars) { FloatingPointOperations = FloatingPointOperations };
    }

    /// <summary>Set by the plan when an earlier dispatch's writes must be visible to this one.</summary>
    public bool NeedsBarrier { get; set; }

    /// <summary>Set by the plan when it is recorded: the compiled kernel.</summary>
    public Kernel? Kernel { get; set; }
}
