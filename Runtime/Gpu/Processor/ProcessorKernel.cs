namespace NeuralPlugin;

/// <summary>
/// A kernel that is a method: the counterpart of one shader, for one dispatch, whose matrices, sizes and scalars it looks up by their names
/// once, when it is made. A run then allocates nothing. It runs in ranges of the lines of its dispatch's grid, which may come in any order and on several threads at
/// once, and the order of its sums is its own, whatever the range.
/// </summary>
/// <remarks>
/// Sizes come from the dispatch alone, not from the shapes of its matrices: a warm-up runs kernels on small matrices with all sizes zero, and
/// then nothing is touched.
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

    /// <summary>Values of memory of its own that each thread needs for a range.</summary>
    public virtual int ScratchLength => 0;

    /// <summary>Multiplications and additions of a run of so many rows, which decide whether other threads are worth their while.</summary>
    public virtual long WorkOf(int rows) => 0;

    /// <summary>Finds out where the matrices are now: pairs swap.</summary>
    public void Locate()
    {
        foreach (MatrixAddress address in addresses) address.Locate();
    }

    /// <summary>
    /// The first lines of the grid that all others wait for: what they share is made in them, so that it is cut and shared out like all else.
    /// </summary>
    public virtual int PreparingLines => 0;

    /// <summary>What all lines share and takes next to no time, before the first one.</summary>
    public virtual void Begin(int rows)
    {
    }

    /// <summary>Some lines.</summary>
    public abstract void Run(int rows, int firstLine, int lines, float* scratch);

    /// <summary>The matrix that the shader calls so.</summary>
    protected MatrixAddress Matrix(string name) => FindMatrix(name) ?? throw new ArgumentException($"{dispatch.Source.FileName} is given no matrix '{name}'.", nameof(name));

    protected MatrixAddress? FindMatrix(string name) => Array.Find(addresses, address => address.Name == name);

    protected int Size(string name) => SizesWith(name)[name];

    /// <summary>The sizes among which is one that changes from run to run.</summary>
    protected KernelArguments<int> SizesWith(string name) => FindSizes(name) ?? throw new ArgumentException($"{dispatch.Source.FileName} is given no size '{name}'.", nameof(name));

    protected KernelArguments<int>? FindSizes(string name) => Array.Find(dispatch.Sizes, sizes => sizes.Names.Contains(name));

    protected KernelArguments<float> ScalarsWith(string name) => Array.Find(dispatch.Scalars, scalars => scalars.Names.Contains(name))
        ?? throw new ArgumentException($"{dispatch.Source.FileName} is given no scalar '{name}'.", nameof(name));

    /// <summary>Rows that a matrix of the plan has room for.</summary>
    protected static int CapacityOf(Dispatch dispatch, string name) => Array.Find(dispatch.Matrices, matrix => matrix.Name == name).Operand.Shape.Rows;

    /// <summary>A constant that the shader is compiled with; 0 where it has none of this name.</summary>
    protected int Constant(string name) => Array.Find(dispatch.Source.Constants, constant => constant.Name == name).Value;
}

/// <summary>Where a matrix of a dispatch is at this moment.</summary>
internal sealed unsafe class MatrixAddress(string name, Operand operand)
{
    /// <summary>What the shader calls it.</summary>
    public string Name => name;

    public float* Floats { get; private set; }

    public uint* Words => (uint*)Floats;

    public byte* Bytes => (byte*)Floats;

    public void Locate() => Floats = ((ProcessorMatrix)operand.Storage).Floats;
}
