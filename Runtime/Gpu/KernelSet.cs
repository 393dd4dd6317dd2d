namespace NeuralPlugin;

/// <summary>
/// The kernels required for some work at some size, for <see cref="NeuralDevice.WarmUp"/>. It references neither the device
/// nor the work.
/// </summary>
public sealed class KernelSet
{
    internal KernelSet(IEnumerable<Dispatch> dispatches, IKernelTuner? tuner = null)
    {
        Runs = RunsOf(dispatches);
        Tuner = tuner;
    }

    /// <summary>One run for each kernel and kind of texture it runs on.</summary>
    internal IReadOnlyList<WarmUpRun> Runs { get; private set; }

    /// <summary>Chooses the configurations of its kernels before they are warmed up; null if they are known.</summary>
    internal IKernelTuner? Tuner { get; private set; }

    /// <summary>The tuner is done: the kernels are those that it has chosen.</summary>
    internal void TakeTuned()
    {
        Runs = RunsOf(Tuner!.Chosen);
        Tuner.Dispose();
        Tuner = null;
    }

    private static WarmUpRun[] RunsOf(IEnumerable<Dispatch> dispatches) => [.. dispatches.Select(dispatch => new WarmUpRun(dispatch)).DistinctBy(run => run.Key)];
}

/// <summary>Chooses between configurations of kernels by timing them on the device. The folders above, which know what kernels are for, implement it.</summary>
internal interface IKernelTuner : IDisposable
{
    /// <summary>Whether every choice is made.</summary>
    bool IsDone { get; }

    /// <summary>The kernels as they were chosen, once it is done.</summary>
    IEnumerable<Dispatch> Chosen { get; }

    /// <summary>One frame's share. Never waits, except for a kernel that the driver compiles inside the call. Called within a call.</summary>
    void Advance(NeuralDevice device);
}

/// <summary>The progress of a warm-up, updated as frames go by.</summary>
public sealed class WarmUpProgress
{
    private readonly List<WarmUpRun> runs;
    private readonly int tuners;
    private int tuned;

    internal WarmUpProgress(List<WarmUpRun> runs, int tuners)
    {
        this.runs = runs;
        this.tuners = tuners;
    }

    /// <summary>
    /// Kernels to compile and run once, one for each kind of texture that a kernel works on; and one for each <see cref="KernelSet"/> whose kernels are timed first
    /// (<see cref="KernelTuning"/>), whose kernels are added when that is done.
    /// </summary>
    public int Total => runs.Count + tuners;

    /// <summary>Kernels that are ready, or that the driver rejected, and sets that have been timed.</summary>
    public int Done
    {
        get
        {
            int done = tuned;
            for (int i = 0; i < runs.Count; i++) done += runs[i].IsDone ? 1 : 0;
            return done;
        }
    }

    /// <summary>Whether all kernels are done.</summary>
    public bool IsDone => Done == Total;

    /// <summary>A set has been timed, and needs these kernels.</summary>
    internal void AddTuned(IEnumerable<WarmUpRun> chosen)
    {
        tuned++;
        runs.AddRange(chosen.Except(runs));
    }
}

/// <summary>A kernel and the kinds of matrices and textures it works on: drivers recompile a program for another kind.</summary>
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

    /// <summary>The source to compile.</summary>
    public KernelSource Program { get; }

    /// <summary>The matrices that the kernel reads and writes.</summary>
    public (string Name, OperandKind Kind, MatrixAccess Access)[] Matrices { get; }

    /// <summary>The texture on each unit.</summary>
    public (string Name, OperandKind Kind)[] Textures { get; }

    public bool IsDone { get; set; }

    /// <summary>The dispatch to compile and run; null before.</summary>
    public Dispatch? Dispatch { get; set; }

    /// <summary>The kernel in one workgroup, on other matrices and textures, with no rows and all sizes zero, so that it does almost nothing.</summary>
    public Dispatch On(Func<OperandKind, Operand> textures)
    {
        MatrixBinding[] matrices = [.. Matrices.Select(matrix => new MatrixBinding(matrix.Name, textures(matrix.Kind), matrix.Access))];
        return new Dispatch(
            Source, matrices, sizes, new DispatchGrid(1), scalars, [.. Textures.Select(texture => new TextureBinding(texture.Name, textures(texture.Kind)))]);
    }
}

/// <summary>
/// The properties of a matrix or host texture for which a driver may compile a separate program: llvmpipe considers the format of a matrix, and
/// whether the width or height of a texture is a power of two.
/// </summary>
internal readonly record struct OperandKind(TexelFormat Format, bool IsOfHost, bool IsWidthPowerOfTwo, bool IsHeightPowerOfTwo)
{
    public static OperandKind Of(Operand operand) => operand is HostTexture texture
        ? new OperandKind(texture.Format, true, int.IsPow2(texture.Width), int.IsPow2(texture.Height))
        : new OperandKind(operand.Format, false, false, false);
}
