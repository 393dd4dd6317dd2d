namespace NeuralPlugin;

/// <summary>
/// A kernel that reads a batch: rows that were uploaded or are drawn from all samples, of floats or of bytes that stand for value / 255. It
/// does what Shaders/Include/samples.glsl does.
/// </summary>
internal abstract unsafe class BatchKernel : LoggedKernel
{
    /// <summary>The scale of a byte. Sums run over the bytes and are then scaled.</summary>
    public const float ByteScale = 1f / 255;

    private const int RowsPerTexel = 4;

    private readonly MatrixAddress? order;
    private readonly KernelArguments<int>? firstSample;
    private readonly bool drawsTargets;

    protected BatchKernel(Dispatch dispatch) : base(dispatch)
    {
        order = FindMatrix("order");
        firstSample = FindSizes("firstSample");
        DrawsInputs = Constant("DRAWN_INPUTS") != 0;
        drawsTargets = Constant("DRAWN_TARGETS") != 0;
        HasByteInputs = Constant("BYTE_INPUTS") != 0;
    }

    /// <summary>Whether rows of the batch lie anywhere among the samples.</summary>
    protected bool DrawsInputs { get; }

    /// <summary>Whether the features are bytes.</summary>
    protected bool HasByteInputs { get; }

    /// <summary>Finds the addresses of rows of the batch's features.</summary>
    protected void FindRows(MatrixAddress inputs, int stride, int firstRow, int rows, float** found)
    {
        for (int i = 0; i < rows; i++) found[i] = inputs.Floats + ((nint)InputRow(firstRow + i) * stride);
    }

    /// <summary>The same for rows that were widened from bytes.</summary>
    protected static void FindRows(float* widened, int stride, int rows, float** found)
    {
        for (int i = 0; i < rows; i++) found[i] = widened + ((nint)i * stride);
    }

    /// <summary>Widens rows of bytes to floats from 0 to 255.</summary>
    protected void Widen(MatrixAddress inputs, int stride, int firstRow, int rows, float* widened)
    {
        for (int row = 0; row < rows; row++)
        {
            byte* from = inputs.Bytes + ((nint)InputRow(firstRow + row) * stride);
            float* to = widened + ((nint)row * stride);
            int i = 0;
            for (; i + Vector128<byte>.Count <= stride; i += Vector128<byte>.Count)
            {
                Vector128<byte> bytes = Vector128.Load(from + i);
                Vector128<ushort> lower = Vector128.WidenLower(bytes), upper = Vector128.WidenUpper(bytes);
                Vector128.ConvertToSingle(Vector128.WidenLower(lower).AsInt32()).Store(to + i);
                Vector128.ConvertToSingle(Vector128.WidenUpper(lower).AsInt32()).Store(to + i + 4);
                Vector128.ConvertToSingle(Vector128.WidenLower(upper).AsInt32()).Store(to + i + 8);
                Vector128.ConvertToSingle(Vector128.WidenUpper(upper).AsInt32()).Store(to + i + 12);
            }

            for (; i < stride; i++) to[i] = from[i];
        }
    }

    /// <summary>The row of the samples for a row of the batch.</summary>
    protected int InputRow(int row) => DrawsInputs ? DrawnRow(row) : row;

    protected int TargetRow(int row) => drawsTargets ? DrawnRow(row) : row;

    private int DrawnRow(int row) => (int)order!.Words[firstSample!["firstSample"] + row];
}
