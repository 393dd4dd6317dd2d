namespace NeuralPlugin;

/// <summary>
/// Records what a network does with a batch, operation by operation: the forward pass, the loss, and the backward pass that
/// the chain rule derives from the stack. Its matrices are planned, not made, so that the same recording makes a plan (by
/// realizing them) or a cost (of their shapes), and so that fusing can do without some of them.
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
    private readonly OperationOperands[] operands;

    private readonly BatchSource? source;

    public Recording(
        Stack stack, int capacity, IReadOnlyList<IReadOnlyList<Operand>> parameters, KernelFamily family, BatchSource? source = null,
        TexelFormat features = TexelFormat.Float, int mostMatrices = int.MaxValue)
    {
        MostMatrices = mostMatrices;
        this.stack = stack;
        this.capacity = RequireCapacity(capacity);
        Family = family;
        operands = new OperationOperands[stack.Layers.Count];
        ParameterGradients = [];
        this.source = source;
        Input = (Operand?)source?.Features ?? Request(0, RecordedPass.Forward, capacity, stack.Inputs, "The features of a batch", features);
        RecordForward(parameters);
    }

    public KernelFamily Family { get; }

    /// <summary>Matrices that one dispatch of the device may read and write together.</summary>
    public int MostMatrices { get; }

    /// <summary>The loss of the batch goes into a record of steps, which the kernel of the losses also reads and writes.</summary>
    public bool HasRecord { get; private set; }

    /// <summary>The features of a batch: planned, or those of the source.</summary>
    public Operand Input { get; }

    public PlannedMatrix Logits => (PlannedMatrix)operands[^1].Output;

    public PlannedMatrix? Probabilities { get; private set; }

    /// <summary>The targets of a batch: planned, or those of the source.</summary>
    public Operand? Targets { get; private set; }

    public Operand? BatchLoss { get; private set; }

    public PlannedMatrix? LogitGradients { get; private set; }

    public PlannedMatrix? InputGradients { get; private set; }

    /// <summary>The gradients in the order of the stack's parameters.</summary>
    public IReadOnlyList<IReadOnlyList<PlannedMatrix>> ParameterGradients { get; private set; }

    public List<RecordedDispatch> Dispatches { get; } = [];

    public List<RecordedMatrix> Matrices { get; } = [];

    private int LossBlock => stack.Layers.Count;

    /// <summary>Records a whole training step and realizes nothing of it: what it costs, and the kernels that it needs.</summary>
    /// <param name="stack">The network.</param>
    /// <param name="capacity">Rows.</param>
    /// <param name="optimizer">Adds the update; null for the gradients alone.</param>
    /// <param name="family">The kernels of its products.</param>
    /// <param name="matrices">Takes the weights and the optimizer's state, which are not the recording's own.</param>
    /// <param name="features">What the features of a batch are kept as.</param>
    /// <param name="mostMatrices">Those that one dispatch of the device may read and write together.</param>
    public static Recording OfStep(
        Stack stack, int capacity, Optimizer? optimizer, KernelFamily family, ICollection<RecordedMatrix> matrices,
        TexelFormat features = TexelFormat.Float, int mostMatrices = int.MaxValue)
    {
        PlannedMatrix[][] Parameters(RecordedPass pass) =>
        [
            .. stack.Layers.Select((layer, block) => layer.Parameters.Select(declaration =>
            {
                PlannedMatrix matrix = new(new MatrixShape(declaration.Rows, declaration.Columns), "The parameters of an operation");
                matrices.Add(new RecordedMatrix(block, pass, matrix));
                return matrix;
            }).ToArray()),
        ];

        PlannedMatrix[][] weights = Parameters(RecordedPass.Forward);
        Recording recording = new(stack, capacity, weights, family, features: features, mostMatrices: mostMatrices);
        recording.RecordLoss(new SoftmaxCrossEntropy());
        recording.RecordBackward(inputGradients: false);
        if (optimizer is null) return recording;
        PlannedMatrix[][] pending = Parameters(RecordedPass.Update);
        (PlannedMatrix[][] Committed, PlannedMatrix[][] Pending)[] state =
            [.. Enumerable.Range(0, optimizer.StateMatrices).Select(_ => (Parameters(RecordedPass.Update), Parameters(RecordedPass.Update)))];
        UpdateOperands Update(int block, int i) => new(
            (weights[block][i], pending[block][i]),
            [.. state.Select(s => ((Operand)s.Committed[block][i], (Operand)s.Pending[block][i]))]);
        recording.RecordUpdate(
            optimizer, [.. weights.Select((parameters, block) => parameters.Select((_, i) => Update(block, i)).ToArray())],
            new float[optimizer.ScalarCount]);
        return recording;
    }

    public void RecordProbabilities()
    {
        Probabilities = Request(LossBlock, RecordedPass.Forward, capacity, stack.Outputs, "The probabilities of a batch");
        Add(LossBlock, RecordedPass.Forward, [Softmax.Forward(Logits, Probabilities)]);
    }

    /// <param name="loss">What is made small.</param>
    /// <param name="batchLoss">Where the loss of the batch goes; null for a matrix of the plan.</param>
    public void RecordLoss(SoftmaxCrossEntropy loss, Operand? batchLoss = null)
    {
        int words = TargetLayout.WordsPerRow(stack.Outputs);
        Targets = (Operand?)source?.Targets ?? Request(LossBlock, RecordedPass.Forward, capacity, words, "The targets of a batch", TexelFormat.UnsignedInteger);
        Operand rowLosses = Request(LossBlock, RecordedPass.Forward, capacity, MatrixShape.ColumnsPerTexel, "The losses of a batch");
        HasRecord = batchLoss is not null;
        BatchLoss = batchLoss ?? Request(LossBlock, RecordedPass.Forward, 1, MatrixShape.ColumnsPerTexel, "The loss of a batch");
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
        IReadOnlyList<PlannedMatrix>[] gradients = new IReadOnlyList<PlannedMatrix>[operands.Length];
        PlannedMatrix output = LogitGradients ?? throw new InvalidOperationException("The loss is recorded before the backward pass.");
        for (int i = operands.Length - 1; i >= 0; i--)
        {
            Stack.Layer layer = stack.Layers[i];
            gradients[i] = !parameterGradients ? [] :
            [
                .. layer.Parameters.Select(p => Request(i, RecordedPass.Backward, p.Rows, p.Columns, "The gradients of a parameter")),
            ];
            bool wanted = inputGradients || stack.Layers.Take(i).Any(before => before.Parameters.Length > 0);
            PlannedMatrix? input = wanted
                ? Request(i, RecordedPass.Backward, capacity, layer.Inputs, "The gradients of a layer's input") : null;
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

    public static int RequireCapacity(int capacity)
    {
        return capacity <= MaximumCapacity ? capacity : throw new DeviceLimitException(
            $"A batch has at most {MaximumCapacity} rows, but {capacity} came. Hand it over in parts.", nameof(capacity));
    }

    /// <summary>The dispatches of a step in fewer.</summary>
    /// <param name="keepGradients">The gradients of the parameters are looked at, not only used by updates.</param>
    public IReadOnlyList<RecordedDispatch> Fuse(bool keepGradients)
    {
        return Fusion.Fuse(this, [BatchLoss, .. keepGradients ? ParameterGradients.SelectMany(block => block) : []]);
    }

    /// <summary>A dispatch as it runs, fused or not: one that reads the batch is told where the samples lie, and what features are kept as.</summary>
    public Dispatch FindBatch(Dispatch dispatch)
    {
        Dispatch found = source is null ? dispatch : source.Draw(dispatch);
        bool readsBytes = Input.Format == TexelFormat.Byte && found.Matrices.Any(matrix => matrix.Operand == Input);
        return readsBytes ? found.With(found.Matrices, ("BYTE_INPUTS", 1)) : found;
    }

    /// <summary>A further matrix of the plan, a row a sample.</summary>
    public PlannedMatrix Request(int block, RecordedPass pass, int columns, string what) => Request(block, pass, capacity, columns, what);

    private void RecordForward(IReadOnlyList<IReadOnlyList<Operand>> parameters)
    {
        Operand input = Input;
        for (int i = 0; i < operands.Length; i++)
        {
            Stack.Layer layer = stack.Layers[i];
            Operand output = Request(i, RecordedPass.Forward, capacity, layer.Outputs, "The outputs of a layer");
            operands[i] = new OperationOperands(input, output, parameters[i], Family);
            Add(i, RecordedPass.Forward, layer.Operation.Forward(operands[i]));
            input = output;
        }
    }

    private void RequestLogitGradients(int block)
    {
        LogitGradients = Request(block, RecordedPass.Backward, capacity, stack.Outputs, "The gradients of the logits");
    }

    private PlannedMatrix Request(int block, RecordedPass pass, int rows, int columns, string what, TexelFormat format = TexelFormat.Float)
    {
        PlannedMatrix matrix = new(new MatrixShape(rows, columns), what, format);
        Matrices.Add(new RecordedMatrix(block, pass, matrix));
        return matrix;
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

/// <summary>A matrix that a recording needs, with the block and the pass that first do.</summary>
internal sealed record RecordedMatrix(int Block, RecordedPass Pass, PlannedMatrix Matrix);

/// <summary>The two sides of a matrix of parameters, and of each matrix of the optimizer's state for it.</summary>
internal sealed record UpdateOperands(
    (Operand Committed, Operand Pending) Weights, IReadOnlyList<(Operand Committed, Operand Pending)> State);
