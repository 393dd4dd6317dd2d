namespace NeuralPlugin;

/// <summary>How a dispatch accesses a matrix.</summary>
internal enum MatrixAccess
{
    Read,
    Write,
    ReadWrite,
}

/// <summary>
/// A matrix that a dispatch accesses, under the name declared in its kernel. A matrix that is read is at an image unit
/// (<c>name_IMAGE</c>), and one that is written at a storage-buffer binding (<c>name_BUFFER</c>): Shaders/Include/bindings.glsl. A kernel that
/// <see cref="KernelSource.Fetches"/> has those that it only reads at texture units (<c>name_UNIT</c>).
/// </summary>
internal readonly record struct MatrixBinding(string Name, Operand Operand, MatrixAccess Access)
{
    public bool IsRead => Access != MatrixAccess.Write;

    public bool IsWritten => Access != MatrixAccess.Read;

    /// <summary>Whether a kernel that fetches, or one that does not, reads it at a texture unit.</summary>
    public bool IsFetchedBy(bool fetches) => fetches && Access == MatrixAccess.Read;

    /// <summary>The image units and storage buffers that it uses.</summary>
    public int CountFor(bool fetches) => IsFetchedBy(fetches) ? 0 : Access == MatrixAccess.ReadWrite ? 2 : 1;

    public static MatrixBinding Read(string name, Operand operand) => new(name, operand, MatrixAccess.Read);

    public static MatrixBinding Write(string name, Operand operand) => new(name, operand, MatrixAccess.Write);

    public static MatrixBinding ReadWrite(string name, Operand operand) => new(name, operand, MatrixAccess.ReadWrite);
}

/// <summary>A texture, or a matrix, that a kernel samples through a texture unit (<c>name_UNIT</c>).</summary>
internal readonly record struct TextureBinding(string Name, Operand Operand);

/// <summary>
/// The number of workgroups. A dimension is a fixed number, or that many per RowsPerGroup of the rows in use if that is set.
/// </summary>
internal readonly record struct DispatchGrid(int X, int Y = 1, int RowsPerGroupX = 0, int RowsPerGroupY = 0)
{
    /// <summary>The direction in which a dispatch can run in parts, one line of workgroups after another.</summary>
    private bool IsCutAlongX => Y == 1 && RowsPerGroupY == 0;

    /// <summary>The number of parts it can be cut into.</summary>
    public int Lines(int rows)
    {
        (int x, int y) = Groups(rows);
        return IsCutAlongX ? x : y;
    }

    /// <summary>The start of a range of its lines, and their workgroups.</summary>
    public (int FirstX, int FirstY, int X, int Y) Part(int rows, int firstLine, int lines)
    {
        (int x, int y) = Groups(rows);
        return IsCutAlongX ? (firstLine, 0, lines, y) : (0, firstLine, x, lines);
    }

    public (int X, int Y) Groups(int rows) => (
        RowsPerGroupX > 0 ? X * MatrixShape.CeilingDivide(rows, RowsPerGroupX) : X,
        RowsPerGroupY > 0 ? Y * MatrixShape.CeilingDivide(rows, RowsPerGroupY) : Y);
}

/// <summary>
/// One dispatch, made once and run often: its kernel, the matrices that it reads and writes, the textures that it looks up in, its sizes and scalars,
/// each under the name declared in the kernel, and its workgroups.
/// </summary>
internal sealed class Dispatch
{
    /// <summary>
    /// The image units and storage-buffer bindings that every OpenGL 4.3 driver has in compute shaders: matrices to read, and to write. The
    /// driver's limit on both together is separate (<see cref="DeviceLimits.MostBindings"/>).
    /// </summary>
    public const int MostBindingsOfAKind = 8;

    /// <summary>Texture units available to dispatches.</summary>
    public const int MaximumTextures = 2;

    /// <summary>The matrices that a kernel may fetch: the texture units that every driver has in compute shaders, less those of the textures.</summary>
    public const int MaximumFetches = 16 - MaximumTextures;

    /// <summary>The index of its first size among a kernel's numbers; before it are the rows in use and the part that runs.</summary>
    public const int FirstArgument = 3;

    /// <summary>Workgroups along one dimension that every driver supports.</summary>
    public const int MaximumGroups = 65_535;

    public Dispatch(
        KernelSource source, IReadOnlyList<MatrixBinding> matrices, IReadOnlyList<KernelArguments<int>> sizes, DispatchGrid grid,
        IReadOnlyList<KernelArguments<float>>? scalars = null, IReadOnlyList<TextureBinding>? textures = null)
    {
        Source = source;
        Matrices = [.. matrices];
        Textures = [.. textures ?? []];
        Sizes = [.. sizes];
        Scalars = [.. scalars ?? []];
        Grid = grid;
        if (!Fits(matrices, source.Fetches)) throw new ArgumentException($"A kernel reads at most {MostBindingsOfAKind} matrices and writes at most {MostBindingsOfAKind}.", nameof(matrices));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Textures.Length, MaximumTextures, nameof(textures));
        Program = source.With([.. PlacesOf(Matrices, source.Fetches, Textures, Sizes, Scalars)]);
    }

    public KernelSource Source { get; }

    /// <summary>The source with the locations of its matrices, textures, sizes and scalars: the one to compile.</summary>
    public KernelSource Program { get; }

    /// <summary>Matrices that are read have the image units in this order, and those that are written the storage buffers.</summary>
    public MatrixBinding[] Matrices { get; }

    /// <summary>The textures in unit order; the matrices that are fetched follow them.</summary>
    public TextureBinding[] Textures { get; }

    public KernelArguments<int>[] Sizes { get; }

    public KernelArguments<float>[] Scalars { get; }

    public DispatchGrid Grid { get; }

    /// <summary>Multiplications and additions of its matrix product with all rows of the plan in use; 0 without one.</summary>
    public long FloatingPointOperations { get; init; }

    /// <summary>The image units and storage buffers that it uses in total.</summary>
    public int BindingCount => Matrices.Sum(matrix => matrix.CountFor(Source.Fetches));

    /// <summary>Set by the plan if an earlier dispatch's writes must be visible to this one.</summary>
    public bool NeedsBarrier { get; set; }

    /// <summary>Set by the plan when it is made: the compiled kernel.</summary>
    public CompiledKernel? Kernel { get; set; }

    /// <summary>Whether it can still run; false once one of its matrices is disposed.</summary>
    public bool IsUsable => Array.TrueForAll(Matrices, matrix => matrix.Operand.IsUsable);

    /// <summary>Whether one dispatch can use these matrices, within a driver's total limit of image units and storage buffers.</summary>
    public static bool Fits(IReadOnlyCollection<MatrixBinding> matrices, bool fetches, int most = int.MaxValue)
    {
        int fetched = matrices.Count(matrix => matrix.IsFetchedBy(fetches));
        int images = matrices.Count(matrix => matrix.IsRead) - fetched, buffers = matrices.Count(matrix => matrix.IsWritten);
        return fetched <= MaximumFetches && images <= MostBindingsOfAKind && buffers <= MostBindingsOfAKind && images + buffers <= most;
    }

    /// <summary>The same dispatch with other matrices, or additional constants, sizes, scalars or textures.</summary>
    public Dispatch With(
        IReadOnlyList<MatrixBinding>? matrices = null, IReadOnlyList<(string Name, int Value)>? constants = null,
        KernelArguments<int>? sizes = null, KernelArguments<float>? scalars = null, TextureBinding? texture = null)
    {
        return new Dispatch(
            Source.With([.. constants ?? []]), matrices ?? Matrices, sizes is null ? Sizes : [.. Sizes, sizes], Grid,
            scalars is null ? Scalars : [.. Scalars, scalars],
            texture is { } more ? [.. Textures, more] : Textures)
        {
            FloatingPointOperations = FloatingPointOperations,
        };
    }

    private static IEnumerable<(string Name, int Value)> PlacesOf(
        MatrixBinding[] matrices, bool fetches, TextureBinding[] textures, KernelArguments<int>[] sizes, KernelArguments<float>[] scalars)
    {
        int images = 0, buffers = 0, fetched = textures.Length, location = FirstArgument;
        foreach (MatrixBinding matrix in matrices)
        {
            if (fetches && matrix.IsRead) yield return ($"{matrix.Name}_FETCHED", matrix.IsWritten ? 0 : 1);
            if (matrix.IsFetchedBy(fetches)) yield return ($"{matrix.Name}_UNIT", fetched++);
            else if (matrix.IsRead) yield return ($"{matrix.Name}_IMAGE", images++);
            if (matrix.IsWritten) yield return ($"{matrix.Name}_BUFFER", buffers++);
        }

        for (int unit = 0; unit < textures.Length; unit++) yield return ($"{textures[unit].Name}_UNIT", unit);
        foreach (string name in sizes.SelectMany(arguments => arguments.Names).Concat(scalars.SelectMany(arguments => arguments.Names)))
            yield return ($"{name}_LOCATION", location++);
    }
}
