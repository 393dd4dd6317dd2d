namespace NeuralPlugin;

/// <summary>
/// Records what a network does with a batch, operation by operation: the forward pass, the loss, and the backward pass that
/// the chain rule derives from the stack. It asks an allocator for each matrix, so that the same recording makes a plan
/// (textures) or a cost (shapes alone).
/// </summary>
internal sealed class Recording
{
    /// <summary>
    /// Most rows of a plan: the kernels walk down a batch four rows at a time, and a loop that turns more than 65,535 times
    /// stops silently on a common driver.
    /// </summary>
    public const int MaximumCapacity = 65_535 * 4;

    private readonly Stack stack;
    private readonly int capacity;
    private readonly Func<MatrixRequest, Operand> allocate;
    private readonly OperationOperands[] operands;

    public Recording(Stack stack, int capacity, IReadOnlyList<IReadOnlyList<Operand>> parameters, Func<MatrixRequest, Operand> allocate)
    {
        if (capacity > MaximumCapacity)
        {
            throw new DeviceLimitException(
                $"A batch has at most {MaximumCapacity} rows, but {capacity} came. Hand it over in parts.", nameof(capacity));
        }

        this.stack = stack;
        this.capacity = capacity;
        this.allocate = allocate;
        operands = new OperationOperands[stack.Layers.Count];
        ParameterGradients = [];
        Input = allocate(new MatrixRequest(0, RecordedPass.Forward, capacity, stack.Inputs, "The features of a batch"));
        RecordForward(parameters);
    }

    public Operand Input { get; }

    public Operand Logits => operands[^1].Output;

    public Operand? Probabilities { get; private set; }

    public Operand? Targets { get; private set; }

    public Operand? BatchLoss { get; private set; }

    public Operand? LogitGradients { get; private set; }

    public Operand? InputGradients { get; private set; }

    /// <summary>The gradients in the order of the stack's parameters.</summary>
    public IReadOnlyList<IReadOnlyList<Operand>> ParameterGradients { get; private set; }

    public List<RecordedDispatch> Dispatches { get; } = [];

    private int LossBlock => stack.Layers.Count;

    public void RecordProbabilities()
    {
        Probabilities = allocate(new MatrixRequest(LossBlock, RecordedPass.Forward, capacity, stack.Outputs, "The probabilities of a batch"));
        Add(LossBlock, RecordedPass.Forward, [Softmax.Forward(Logits, Probabilities)]);
    }

    public void RecordLoss(SoftmaxCrossEntropy loss)
    {
        int words = TargetLayout.WordsPerRow(stack.Outputs);
        Targets = allocate(new MatrixRequest(LossBlock, RecordedPass.Forward, capacity, words, "The targets of a batch", TexelFormat.UnsignedInteger));
        Operand rowLosses = allocate(new MatrixRequest(LossBlock, RecordedPass.Forward, capacity, MatrixShape.ColumnsPerTexel, "The losses of a batch"));
        BatchLoss = allocate(new MatrixRequest(LossBlock, RecordedPass.Forward, 1, MatrixShape.ColumnsPerTexel, "The loss of a batch"));
        Add(LossBlock, RecordedPass.Forward, loss.Forward(Logits, Targets, rowLosses, BatchLoss));
        RequestLogitGradients(LossBlock);
        Add(LossBlock, RecordedPass.Backward, loss.Backward(Logits, Targets, LogitGradients!));
    }

    /// <summary>Takes the gradient of the logits from outside instead of from a loss.</summary>
    public void RecordGivenLogitGradients() => RequestLogitGradients(LossBlock);

    /// <summary>
    /// Derives the backward pass: from the last operation to the first, the gradient of each one's input is the gradient of
    /// the output of the one before it. The first computes none unless asked.
    /// </summary>
    public void RecordBackward(bool inputGradients, bool parameterGradients = true)
    {
        IReadOnlyList<Operand>[] gradients = new IReadOnlyList<Operand>[operands.Length];
        Operand output = LogitGradients ?? throw new InvalidOperationException("The loss is recorded before the backward pass.");
        for (int i = operands.Length - 1; i >= 0; i--)
        {
            Stack.Layer layer = stack.Layers[i];
            gradients[i] = !parameterGradients ? [] :
            [
                .. layer.Parameters.Select(p => allocate(new MatrixRequest(i, RecordedPass.Backward, p.Rows, p.Columns, "The gradients of a parameter"))),
            ];
            bool wanted = inputGradients || stack.Layers.Take(i).Any(before => before.Parameters.Length > 0);
            Operand? input = wanted
                ? allocate(new MatrixRequest(i, RecordedPass.Backward, capacity, layer.Inputs, "The gradients of a layer's input")) : null;
            Add(i, RecordedPass.Backward, layer.Operation.Backward(operands[i], new GradientOperands(output, input, gradients[i])));
            InputGradients = input;
            if (input is null) break;
            output = input;
        }

        for (int i = 0; i < gradients.Length; i++) gradients[i] ??= [];
        ParameterGradients = gradients;
    }

    public void RecordUpdate(Optimizer optimizer, IReadOnlyList<IReadOnlyList<UpdateOperands>> parameters, float[] scalars)
    {
        for (int i = 0; i < operands.Length; i++)
        {
            for (int j = 0; j < parameters[i].Count; j++)
            {
                UpdateOperands update = parameters[i][j];
                Add(i, RecordedPass.Update, [optimizer.Update(update.Weights, ParameterGradients[i][j], update.State, scalars)]);
            }
        }
    }

    private void RecordForward(IReadOnlyList<IReadOnlyList<Operand>> parameters)
    {
        Operand input = Input;
        for (int i = 0; i < operands.Length; i++)
        {
            Stack.Layer layer = stack.Layers[i];
            Operand output = allocate(new MatrixRequest(i, RecordedPass.Forward, capacity, layer.Outputs, "The outputs of a layer"));
            operands[i] = new OperationOperands(input, output, parameters[i]);
            Add(i, RecordedPass.Forward, layer.Operation.Forward(operands[i]));
            input = output;
        }
    }

    private void RequestLogitGradients(int block)
    {
        LogitGradients = allocate(new MatrixRequest(block, RecordedPass.Backward, capacity, stack.Outputs, "The gradients of the logits"));
    }

    private void Add(int block, RecordedPass pass, IEnumerable<Dispatch> dispatches)
    {
        foreach (Dispatch dispatch in dispatches) Dispatches.Add(new RecordedDispatch(block, pass, dispatch));
    }
}

internal enum RecordedPass
{
    Forward,
    Backward,
    Update,
}

/// <summary>A dispatch with the block of the stack it belongs to; the loss is the block after the last operation.</summary>
internal sealed record RecordedDispatch(int Block, RecordedPass Pass, Dispatch Dispatch);

/// <summary>A matrix that a recording needs, and for which block and pass.</summary>
internal readonly record struct MatrixRequest(
    int Block, RecordedPass Pass, int Rows, int Columns, string What, TexelFormat Format = TexelFormat.Float);

/// <summary>The two sides of a parameter, and of each matrix of the optimizer's state for it.</summary>
internal sealed record UpdateOperands(
    (Operand Committed, Operand Pending) Weights, IReadOnlyList<(Operand Committed, Operand Pending)> State);
