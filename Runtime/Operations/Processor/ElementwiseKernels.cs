namespace NeuralPlugin;

/// <summary>activation_forward.comp: Y = f(X), row by row.</summary>
internal sealed unsafe class ActivationForwardKernel : BatchKernel
{
    private readonly Activation activation;
    private readonly MatrixAddress inputs;
    private readonly MatrixAddress outputs;
    private readonly int rowsPerLine;
    private readonly int stride;

    public ActivationForwardKernel(Dispatch dispatch, Activation activation, int rowsPerLine) : base(dispatch)
    {
        this.activation = activation;
        this.rowsPerLine = rowsPerLine;
        inputs = Matrix("inputs");
        outputs = Matrix("outputs");
        stride = Size("texelsPerRow") * MatrixShape.ColumnsPerTexel;
    }

    public override long WorkOf(int rows) => 4L * rows * stride;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        for (int row = firstLine * rowsPerLine; row < Math.Min((firstLine + lines) * rowsPerLine, rows); row++)
        {
            Span<float> y = new(outputs.Floats + ((nint)row * stride), stride);
            nint from = (nint)InputRow(row) * stride;
            if (!HasByteInputs) new ReadOnlySpan<float>(inputs.Floats + from, stride).CopyTo(y);
            for (int i = 0; HasByteInputs && i < stride; i++) y[i] = inputs.Bytes[from + i] * ByteScale;
            activation.Activate(y);
        }
    }
}

/// <summary>activation_backward.comp: dX = g(dY, Y), row by row.</summary>
internal sealed unsafe class ActivationBackwardKernel : ProcessorKernel
{
    private readonly Activation activation;
    private readonly MatrixAddress outputs;
    private readonly MatrixAddress outputGradients;
    private readonly MatrixAddress inputGradients;
    private readonly int rowsPerLine;
    private readonly int stride;

    public ActivationBackwardKernel(Dispatch dispatch, Activation activation, int rowsPerLine) : base(dispatch)
    {
        this.activation = activation;
        this.rowsPerLine = rowsPerLine;
        outputs = Matrix("outputs");
        outputGradients = Matrix("outputGradients");
        inputGradients = Matrix("inputGradients");
        stride = Size("texelsPerRow") * MatrixShape.ColumnsPerTexel;
    }

    public override long WorkOf(int rows) => 4L * rows * stride;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        nint first = (nint)firstLine * rowsPerLine, last = (nint)Math.Min((long)(firstLine + lines) * rowsPerLine, rows);
        if (first >= last) return;
        int length = (int)((last - first) * stride);
        Span<float> gradients = new(inputGradients.Floats + (first * stride), length);
        new ReadOnlySpan<float>(outputGradients.Floats + (first * stride), length).CopyTo(gradients);
        activation.Backward(gradients, new ReadOnlySpan<float>(outputs.Floats + (first * stride), length));
    }
}

/// <summary>softmax_forward.comp: probabilities from logits, row by row.</summary>
internal sealed unsafe class SoftmaxForwardKernel : ProcessorKernel
{
    private readonly MatrixAddress logits;
    private readonly MatrixAddress probabilities;
    private readonly int rowsPerLine;
    private readonly int stride;
    private readonly int classes;

    public SoftmaxForwardKernel(Dispatch dispatch, int rowsPerLine) : base(dispatch)
    {
        this.rowsPerLine = rowsPerLine;
        logits = Matrix("logits");
        probabilities = Matrix("probabilities");
        stride = Size("classTexels") * MatrixShape.ColumnsPerTexel;
        classes = Size("classes");
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        for (int row = firstLine * rowsPerLine; row < Math.Min((firstLine + lines) * rowsPerLine, rows); row++)
        {
            nint at = (nint)row * stride;
            Softmax.Probabilities(new ReadOnlySpan<float>(logits.Floats + at, stride), classes, new Span<float>(probabilities.Floats + at, stride));
        }
    }
}
