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

/// <summary>
/// A kernel and what the textures are like that it works on. Drivers compile a program anew for another format, and llvmpipe for
/// a width or a height that is a power of two or is not.
/// </summary>
internal sealed class WarmUpRun
{
    private readonly int sizes;
    private readonly int scalars;

    public WarmUpRun(Dispatch dispatch)
    {
        Source = dispatch.Source;
        Images = [.. dispatch.Images.Select(image => (TextureKind.Of(image.Operand), image.Access))];
        Textures = [.. dispatch.Textures.Select(texture => texture is null ? (TextureKind?)null : TextureKind.Of(texture))];
        sizes = dispatch.Sizes.Length;
        scalars = dispatch.Scalars.Length;
        Key = $"{Source.Key} on {string.Join(", ", Images)}; {string.Join(", ", Textures)}";
    }

    public string Key { get; }

    public KernelSource Source { get; }

    /// <summary>What lies on each image unit.</summary>
    public (TextureKind Kind, ImageAccess Access)[] Images { get; }

    /// <summary>What lies on each texture unit.</summary>
    public TextureKind?[] Textures { get; }

    public bool IsDone { get; set; }

    /// <summary>The kernel in one workgroup, on other textures, with no rows and all sizes zero: it does next to nothing.</summary>
    public Dispatch On(Func<TextureKind, MatrixTexture> textures)
    {
        ImageBinding[] images = [.. Images.Select(image => new ImageBinding(textures(image.Kind), image.Access))];
        return new Dispatch(Source, images, new int[sizes], new DispatchGrid(1), new float[scalars])
        {
            Textures = [.. Textures.Select(kind => kind is { } known ? textures(known) : null)],
        };
    }
}

/// <summary>As much of a texture as a driver may compile a program for.</summary>
internal readonly record struct TextureKind(TexelFormat Format, bool IsWidthPowerOfTwo, bool IsHeightPowerOfTwo)
{
    private const int PowerOfTwo = 4;
    private const int Other = 3;

    /// <summary>The shape of a small texture of this kind.</summary>
    public MatrixShape SmallShape => new(
        IsHeightPowerOfTwo ? PowerOfTwo : Other, MatrixShape.ColumnsPerTexel * (IsWidthPowerOfTwo ? PowerOfTwo : Other));

    public static TextureKind Of(Operand operand)
    {
        return new TextureKind(operand.Format, int.IsPow2(operand.Shape.Width), int.IsPow2(operand.Shape.Height));
    }
}
