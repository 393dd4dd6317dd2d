namespace NeuralPlugin;

/// <summary>
/// The kernels that some work needs at some size, for <see cref="NeuralDevice.WarmUp"/>. It holds nothing of the device and
/// nothing of the work.
/// </summary>
public sealed class KernelSet
{
    internal KernelSet(IEnumerable<Dispatch> dispatches)
    {
        Runs = [.. dispatches.Select(dispatch => new WarmUpRun(dispatch)).DistinctBy(run => run.Key)];
    }

    /// <summary>One for each kernel and kind of texture that it runs on.</summary>
    internal IReadOnlyList<WarmUpRun> Runs { get; }
}

/// <summary>How far a warm-up has come. It counts on while frames go by.</summary>
public sealed class WarmUpProgress
{
    private readonly IReadOnlyList<WarmUpRun> runs;

    internal WarmUpProgress(IReadOnlyList<WarmUpRun> runs) => this.runs = runs;

    /// <summary>Kernels to compile and to run once, one for each kind of texture that a kernel works on.</summary>
    public int Total => runs.Count;

    /// <summary>Those that are ready, or that the driver rejected.</summary>
    public int Done
    {
        get
        {
            int done = 0;
            for (int i = 0; i < runs.Count; i++) done += runs[i].IsDone ? 1 : 0;
            return done;
        }
    }

    /// <summary>Whether all are.</summary>
    public bool IsDone => Done == Total;
}

/// <summary>A kernel and what the matrices and textures are like that it works on: drivers compile a program anew for another kind.</summary>
internal sealed class WarmUpRun
{
    private readonly KernelArguments<int>[] sizes;
    private readonly KernelArguments<float>[] scalars;

    public WarmUpRun(Dispatch dispatch)
    {
        Source = dispatch.Source;
        Program = dispatch.Program;
        Matrices = [.. dispatch.Matrices.Select(matrix => (matrix.Name, OperandKind.Of(matrix.Operand), matrix.Access))];
        Textures = [.. dispatch.Textures.Select(texture => (texture.Name, OperandKind.Of(texture.Operand)))];
        sizes = [.. dispatch.Sizes.Select(arguments => arguments.Zeros())];
        scalars = [.. dispatch.Scalars.Select(arguments => arguments.Zeros())];
        Key = $"{Program.Key} on {string.Join(", ", Matrices.Select(matrix => matrix.Kind))}; {string.Join(", ", Textures.Select(texture => texture.Kind))}";
    }

    public string Key { get; }

    public KernelSource Source { get; }

    /// <summary>What is compiled.</summary>
    public KernelSource Program { get; }

    /// <summary>What the kernel reads and writes.</summary>
    public (string Name, OperandKind Kind, MatrixAccess Access)[] Matrices { get; }

    /// <summary>What lies on each texture unit.</summary>
    public (string Name, OperandKind Kind)[] Textures { get; }

    public bool IsDone { get; set; }

    /// <summary>What is compiled and run; null while it is not to be.</summary>
    public Dispatch? Dispatch { get; set; }

    /// <summary>The kernel in one workgroup, on other matrices and textures, with no rows and all sizes zero: it does next to nothing.</summary>
    public Dispatch On(Func<OperandKind, Operand> textures)
    {
        MatrixBinding[] matrices = [.. Matrices.Select(matrix => new MatrixBinding(matrix.Name, textures(matrix.Kind), matrix.Access))];
        return new Dispatch(
            Source, matrices, sizes, new DispatchGrid(1), scalars, [.. Textures.Select(texture => new TextureBinding(texture.Name, textures(texture.Kind)))]);
    }
}

/// <summary>
/// As much of a matrix or of a texture of the host as a driver may compile a program for: llvmpipe looks at the format of a matrix, and at
/// whether the width or the height of a texture is a power of two.
/// </summary>
internal readonly record struct OperandKind(TexelFormat Format, bool IsOfHost, bool IsWidthPowerOfTwo, bool IsHeightPowerOfTwo)
{
    public static OperandKind Of(Operand operand) => operand is HostTexture texture
        ? new OperandKind(texture.Format, true, int.IsPow2(texture.Width), int.IsPow2(texture.Height))
        : new OperandKind(operand.Format, false, false, false);
}
