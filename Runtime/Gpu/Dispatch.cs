namespace NeuralPlugin;

/// <summary>What a dispatch does with a matrix.</summary>
internal enum MatrixAccess
{
    Read,
    Write,
    ReadWrite,
}

/// <summary>
/// A matrix that a dispatch works on. Its kernel is told by name where it lies: one that it reads, at which image unit
/// (<c>NAME_IMAGE</c>), and one that it writes, at which binding of storage buffers (<c>NAME_BUFFER</c>).
/// </summary>
internal readonly record struct MatrixBinding(string Name, Operand Operand, MatrixAccess Access)
{
    public bool IsRead => Access != MatrixAccess.Write;

    public bool IsWritten => Access != MatrixAccess.Read;

    public static MatrixBinding Read(string name, Operand operand) => new(name, operand, MatrixAccess.Read);

    public static MatrixBinding Write(string name, Operand operand) => new(name, operand, MatrixAccess.Write);
}

/// <summary>
/// How many workgroups run. A dimension is a fixed number, or grows with the rows in use when its RowsPerGroup is set.
/// </summary>
internal readonly record struct DispatchGrid(int X, int Y = 1, int RowsPerGroupX = 0, int RowsPerGroupY = 0)
{
    /// <summary>The direction in which a dispatch can run in parts, a line of workgroups after the other.</summary>
    private bool IsCutAlongX => Y == 1 && RowsPerGroupY == 0;

    /// <summary>The parts that it can be cut into.</summary>
    public int Lines(int rows)
    {
        (int x, int y) = Groups(rows);
        return IsCutAlongX ? x : y;
    }

    /// <summary>Where some of its lines begin, and their workgroups.</summary>
    public (int FirstX, int FirstY, int X, int Y) Part(int rows, int firstLine, int lines)
    {
        (int x, int y) = Groups(rows);
        return IsCutAlongX ? (firstLine, 0, lines, y) : (0, firstLine, x, lines);
    }

    public (int X, int Y) Groups(int rows) => (
        RowsPerGroupX > 0 ? MatrixShape.CeilingDivide(rows, RowsPerGroupX) : X,
        RowsPerGroupY > 0 ? MatrixShape.CeilingDivide(rows, RowsPerGroupY) : Y);
}

/// <summary>
/// What of a plan's run is another in each step: the first sample of its batch, as a position in the order that samples are
/// drawn in, and the step's number.
/// </summary>
internal readonly record struct StepArguments(int FirstSample, int Step);

/// <summary>
/// One recorded dispatch: kernel, matrices that it reads and writes, textures and matrices that are looked up in (not counted
/// among the image units, of which there are few) in the order of their units, sizes in the order of their locations, groups, and the
/// scalars of the step (learning rate and the like), whose array its owner fills before each run.
/// </summary>
internal sealed class Dispatch
{
    /// <summary>
    /// Image units that every OpenGL 4.3 driver has in compute shaders, and bindings of storage buffers: matrices to read, and to write. How
    /// many both may be together is the driver's own limit (<see cref="DeviceLimits.MostBindings"/>).
    /// </summary>
    public const int MaximumMatrices = 8;

    /// <summary>Texture units that dispatches look up in.</summary>
    public const int MaximumTextures = 2;

    /// <summary>Workgroups along one dimension that every driver runs.</summary>
    public const int MaximumGroups = 65_535;

    public Dispatch(KernelSource source, MatrixBinding[] matrices, int[] sizes, DispatchGrid grid, float[]? scalars = null)
    {
        if (!Fits(matrices)) throw new ArgumentException($"A kernel reads at most {MaximumMatrices} matrices and writes at most {MaximumMatrices}.", nameof(matrices));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizes.Length, NeuralPlugin.Kernel.MaximumSizes);
        Source = source;
        Matrices = matrices;
        Program = source.With([.. UnitsOf(matrices)]);
        Sizes = sizes;
        Grid = grid;
        Scalars = scalars ?? [];
    }

    public KernelSource Source { get; }

    /// <summary>The source, told where its matrices lie: what is compiled.</summary>
    public KernelSource Program { get; }

    /// <summary>Those that are read lie at the image units in this order, and those that are written at the storage buffers.</summary>
    public MatrixBinding[] Matrices { get; }

    public int[] Sizes { get; }

    public DispatchGrid Grid { get; }

    public float[] Scalars { get; }

    /// <summary>Textures by their unit; null where it uses none.</summary>
    public Operand?[] Textures { get; init; } = [];

    /// <summary>Multiplications and additions of its matrix product with all rows of the plan in use; 0 where it has none.</summary>
    public long FloatingPointOperations { get; init; }

    /// <summary>Image units and storage buffers that it takes together.</summary>
    public int BindingCount => Matrices.Sum(matrix => matrix.Access == MatrixAccess.ReadWrite ? 2 : 1);

    /// <summary>Whether one dispatch can work on these, where a driver has so many image units and storage buffers for it together.</summary>
    public static bool Fits(IReadOnlyCollection<MatrixBinding> matrices, int most = int.MaxValue)
    {
        int reads = matrices.Count(matrix => matrix.IsRead), writes = matrices.Count(matrix => matrix.IsWritten);
        return reads <= MaximumMatrices && writes <= MaximumMatrices && reads + writes <= most;
    }

    /// <summary>The same dispatch with other matrices and further constants.</summary>
    public Dispatch With(MatrixBinding[] matrices, params (string Name, int Value)[] constants)
    {
        return new Dispatch(Source.With(constants), matrices, Sizes, Grid, Scalars) { FloatingPointOperations = FloatingPointOperations, Textures = Textures };
    }

    /// <summary>The same dispatch with another kernel that takes the same matrices and sizes.</summary>
    public Dispatch With(KernelSource source, DispatchGrid grid)
    {
        return new Dispatch(source, Matrices, Sizes, grid, Scalars) { FloatingPointOperations = FloatingPointOperations, Textures = Textures };
    }

    /// <summary>The same dispatch that looks up in a further texture.</summary>
    public Dispatch WithTexture(int unit, Operand texture, params (string Name, int Value)[] constants)
    {
        Operand?[] textures = new Operand?[Math.Max(Textures.Length, unit + 1)];
        Textures.CopyTo(textures, 0);
        textures[unit] = texture;
        return new Dispatch(Source.With(constants), Matrices, Sizes, Grid, Scalars) { FloatingPointOperations = FloatingPointOperations, Textures = textures };
    }

    /// <summary>Set by the plan when an earlier dispatch's writes must be visible to this one.</summary>
    public bool NeedsBarrier { get; set; }

    /// <summary>Set by the plan when it is recorded: the compiled kernel.</summary>
    public CompiledKernel? Kernel { get; set; }

    private static IEnumerable<(string Name, int Value)> UnitsOf(MatrixBinding[] matrices)
    {
        int images = 0, buffers = 0;
        foreach (MatrixBinding matrix in matrices)
        {
            if (matrix.IsRead) yield return ($"{matrix.Name}_IMAGE", images++);
            if (matrix.IsWritten) yield return ($"{matrix.Name}_BUFFER", buffers++);
        }
    }
}
