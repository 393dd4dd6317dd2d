namespace NeuralPlugin;

/// <summary>
/// A kernel that is a method: the counterpart of one shader, for one dispatch. It looks up the dispatch's matrices, sizes and scalars by name
/// once, when created; a run then allocates nothing. It runs in ranges of lines of its dispatch's grid, which may come in any order and on several
/// threads at once; the order of its sums is its own, whatever the range.
/// </summary>
/// <remarks>
/// Sizes come from the dispatch alone, not from the shapes of its matrices: a warm-up runs kernels on small matrices with all sizes zero, so that
/// they do not access locations that depend on a size. A kernel with a place that follows from its constants alone requires at construction that the matrix has it
/// (<see cref="MatrixAddress.RequireTexels"/>), since nothing checks an address later.
/// </remarks>
internal abstract unsafe class ProcessorKernel : CompiledKernel
{
    private readonly Dispatch dispatch;
    private readonly MatrixAddress[] addresses;

    protected ProcessorKernel(Dispatch dispatch)
    {
        this.dispatch = dispatch;
        addresses =
        [
            .. dispatch.Matrices.Select(matrix => new MatrixAddress(matrix.Name, matrix.Operand)),
            .. dispatch.Textures.Select(texture => new MatrixAddress(texture.Name, texture.Operand)),
        ];
    }

    /// <summary>The number of scratch values that each thread needs for a range.</summary>
    public virtual int ScratchLength => 0;

    /// <summary>The multiplications and additions of a run of this many rows, which decide whether other threads are worthwhile.</summary>
    public virtual long WorkOf(int rows) => 0;

    /// <summary>Updates the addresses of the matrices: pairs swap.</summary>
    public void Locate()
    {
        foreach (MatrixAddress address in addresses) address.Locate();
    }

    /// <summary>
    /// The first lines of the grid, for which all others wait: they compute what the others share, so that this is split across threads like all else.
    /// </summary>
    public virtual int PreparingLines(int rows) => 0;

    /// <summary>Does work that all lines share and that takes next to no time, before the first one.</summary>
    public virtual void Begin(int rows)
    {
    }

    /// <summary>Runs some lines.</summary>
    public abstract void Run(int rows, int firstLine, int lines, float* scratch);

    /// <summary>The matrix with this name in the shader.</summary>
    protected MatrixAddress Matrix(string name) => FindMatrix(name) ?? throw new ArgumentException($"{dispatch.Source.FileName} got no matrix '{name}'.", nameof(name));

    protected MatrixAddress? FindMatrix(string name) => Array.Find(addresses, address => address.Name == name);

    protected int Size(string name) => SizesWith(name)[name];

    /// <summary>The sizes that include one that changes from run to run.</summary>
    protected KernelArguments<int> SizesWith(string name) => FindSizes(name) ?? throw new ArgumentException($"{dispatch.Source.FileName} got no size '{name}'.", nameof(name));

    protected KernelArguments<int>? FindSizes(string name) => Array.Find(dispatch.Sizes, sizes => sizes.Names.Contains(name));

    protected KernelArguments<float> ScalarsWith(string name) => Array.Find(dispatch.Scalars, scalars => scalars.Names.Contains(name))
        ?? throw new ArgumentException($"{dispatch.Source.FileName} got no scalar '{name}'.", nameof(name));

    /// <summary>The rows for which a matrix of the plan has room.</summary>
    protected static int CapacityOf(Dispatch dispatch, string name) => Array.Find(dispatch.Matrices, matrix => matrix.Name == name).Operand.Shape.Rows;

    /// <summary>A constant with which the shader is compiled; 0 if it has none of this name.</summary>
    protected int Constant(string name) => Array.Find(dispatch.Source.Constants, constant => constant.Name == name).Value;
}

/// <summary>The current address of a matrix of a dispatch.</summary>
internal sealed unsafe class MatrixAddress(string name, Operand operand)
{
    /// <summary>Its name in the shader.</summary>
    public string Name => name;

    public float* Floats { get; private set; }

    public uint* Words => (uint*)Floats;

    public byte* Bytes => (byte*)Floats;

    /// <exception cref="ArgumentException">The matrix is smaller than that.</exception>
    public void RequireTexels(int least)
    {
        long texels = (long)operand.Shape.Rows * operand.Shape.TexelsPerRow;
        if (texels < least) throw new ArgumentException($"The kernel touches {least} texels of the matrix '{name}', but it has {texels}.", nameof(least));
    }

    public void Locate() => Floats = ((ProcessorMatrix)operand.Storage).Floats;
}
