namespace NeuralPlugin;

/// <summary>
/// A network's work on a batch, computation by computation: the forward pass, the loss, and the backward pass
/// derived from the stack by the chain rule. Its matrices are planned, not made, so that the same graph can become a plan (by
/// realizing them) or a cost (from their shapes), and so that fusion can eliminate some of them.
/// </summary>
internal sealed class ComputationGraph
{
    /// <summary>
    /// Most rows of a plan: the kernels step through a batch four rows at a time, and a loop of more than 65,535 iterations
    /// stops silently on a common driver.
    /// </summary>
    public const int MaximumCapacity = 65_535 * 4;

    private readonly Stack stack;
    private readonly int capacity;
    private readonly LayerOperands[] operands;
    private readonly BatchSource? source;

    public ComputationGraph(
        Stack stack, int capacity, IReadOnlyList<IReadOnlyList<Operand>> parameters, FamilyKernels kernels, BatchSource? source = null,
        TexelFormat features = TexelFormat.Float)
    {
        this.stack = stack;
        this.capacity = RequireCapacity(capacity);
        Kernels = kernels;
        operands = new LayerOperands[stack.Layers.Count];
        ParameterGradients = [];
        this.source = source;
        Input = (Operand?)source?.Features ?? Request(0, Pass.Forward, capacity, stack.Inputs, "The features of a batch", features);
        AddForward(parameters);
    }

    public FamilyKernels Kernels { get; }

    /// <summary>Whether the batch loss goes into a log of steps, which the loss kernel also reads and writes.</summary>
    public bool HasLog { get; private set; }

    /// <summary>What dispatches of consecutive steps are told; null where each step has its own, as all but logged ones on drawn batches have. Set before fusion.</summary>
    public StepArguments? Steps { get; set; }

    /// <summary>The features of a batch: planned, or those of the source.</summary>
    public Operand Input { get; }

    /// <summary>The network's outputs: the logits of a classifier.</summary>
    public PlannedMatrix Outputs => (PlannedMatrix)operands[^1].Output;

    public PlannedMatrix? Probabilities { get; private set; }

    /// <summary>The targets of a batch: planned, or those of the source.</summary>
    public Operand? Targets { get; private set; }

    public Operand? BatchLoss { get; private set; }

    public PlannedMatrix? OutputGradients { get; private set; }

    public PlannedMatrix? InputGradients { get; private set; }

    /// <summary>The gradients in the order of the stack's parameters.</summary>
    public IReadOnlyList<IReadOnlyList<PlannedMatrix>> ParameterGradients { get; private set; }

    public List<PlannedComputation> Computations { get; } = [];

    public List<GraphMatrix> Matrices { get; } = [];

    /// <summary>The layer number of the loss: the one after the last layer.</summary>
    private int LossLayer => stack.Layers.Count;

    /// <summary>A complete training step with nothing realized: for its cost, and the kernels it needs.</summary>
    /// <param name="stack">The network.</param>
    /// <param name="capacity">Rows.</param>
    /// <param name="loss">The loss to minimize.</param>
    /// <param name="optimizer">Adds the update; null for the gradients alone.</param>
    /// <param name="kernels">The kernels of its family.</param>
    /// <param name="matrices">Receives the weights and the optimizer's state, which the graph does not own.</param>
    /// <param name="features">The storage format of a batch's features.</param>
    /// <param name="source">Where the batch is drawn from; null for one that is uploaded.</param>
    /// <param name="batchLoss">Receives the batch loss; null for a matrix of the plan.</param>
    public static ComputationGraph OfStep(
        Stack stack, int capacity, Loss loss, Optimizer? optimizer, FamilyKernels kernels, ICollection<GraphMatrix> matrices,
        TexelFormat features = TexelFormat.Float, BatchSource? source = null, Operand? batchLoss = null)
    {
        PlannedMatrix[][] Parameters(Pass pass) =>
        [
            .. stack.Layers.Select((layer, number) => layer.Parameters.Select(declaration =>
            {
                PlannedMatrix matrix = new(new MatrixShape(declaration.Rows, declaration.Columns), "The parameters of a layer");
                matrices.Add(new GraphMatrix(number, pass, matrix));
                return matrix;
            }).ToArray()),
        ];

        PlannedMatrix[][] weights = Parameters(Pass.Forward);
        ComputationGraph graph = new(stack, capacity, weights, kernels, source, features);
        graph.AddLoss(loss, batchLoss);
        graph.AddBackward(inputGradients: false);
        if (optimizer is null) return graph;
        PlannedMatrix[][] pending = Parameters(Pass.Update);
        (PlannedMatrix[][] Committed, PlannedMatrix[][] Pending)[] state = [.. optimizer.State.Select(_ => (Parameters(Pass.Update), Parameters(Pass.Update)))];
        UpdateOperands Update(int layer, int i) => new(
            (weights[layer][i], pending[layer][i]),
            [.. state.Select(s => ((Operand)s.Committed[layer][i], (Operand)s.Pending[layer][i]))]);
        graph.AddUpdate(
            optimizer, [.. weights.Select((parameters, layer) => parameters.Select((_, i) => Update(layer, i)).ToArray())], optimizer.MakeScalars());
        return graph;
    }

    public void AddProbabilities()
    {
        Probabilities = Request(LossLayer, Pass.Forward, capacity, stack.Outputs, "The probabilities of a batch");
        Add(LossLayer, Pass.Forward, [new SoftmaxForward(Outputs, Probabilities)]);
    }

    /// <param name="loss">The loss to minimize.</param>
    /// <param name="batchLoss">Receives the batch loss; null for a matrix of the plan.</param>
    public void AddLoss(Loss loss, Operand? batchLoss = null)
    {
        int words = loss.TargetsFor(stack.Outputs).WordsPerRow;
        Targets = (Operand?)source?.Targets ?? Request(LossLayer, Pass.Forward, capacity, words, "The targets of a batch", TexelFormat.UnsignedInteger);
        Operand rowLosses = Request(LossLayer, Pass.Forward, capacity, MatrixShape.ColumnsPerTexel, "The losses of a batch");
        HasLog = batchLoss is not null;
        BatchLoss = batchLoss ?? Request(LossLayer, Pass.Forward, 1, MatrixShape.ColumnsPerTexel, "The loss of a batch");
        Add(LossLayer, Pass.Forward, loss.Forward(Outputs, Targets, rowLosses, BatchLoss));
        RequestOutputGradients();
        Add(LossLayer, Pass.Backward, loss.Backward(Outputs, Targets, OutputGradients!));
    }

    /// <summary>Takes the gradient of the outputs from outside rather than from a loss.</summary>
    public void AddGivenOutputGradients() => RequestOutputGradients();

    /// <summary>
    /// Derives the backward pass: from the last layer to the first, the gradient of each layer's input is the gradient of
    /// the previous layer's output. The first layer computes none unless requested.
    /// </summary>
    public void AddBackward(bool inputGradients, bool parameterGradients = true)
    {
        IReadOnlyList<PlannedMatrix>[] gradients = new IReadOnlyList<PlannedMatrix>[operands.Length];
        PlannedMatrix output = OutputGradients ?? throw new InvalidOperationException("The loss is added before the backward pass.");
        for (int i = operands.Length - 1; i >= 0; i--)
        {
            StackLayer layer = stack.Layers[i];
            gradients[i] = !parameterGradients ? [] :
            [
                .. layer.Parameters.Select(p => Request(i, Pass.Backward, p.Rows, p.Columns, "The gradients of a parameter")),
            ];
            bool wanted = inputGradients || stack.Layers.Take(i).Any(before => before.Parameters.Length > 0);
            PlannedMatrix? input = wanted ? Request(i, Pass.Backward, capacity, layer.Inputs, "The gradients of a layer's input") : null;
            Add(i, Pass.Backward, layer.Layer.Backward(operands[i], new GradientOperands(output, input, gradients[i])));
            InputGradients = input;
            if (input is null) break;
            output = input;
        }

        for (int i = 0; i < gradients.Length; i++) gradients[i] ??= [];
        ParameterGradients = gradients;
    }

    public void AddUpdate(Optimizer optimizer, IReadOnlyList<IReadOnlyList<UpdateOperands>> parameters, KernelArguments<float> scalars)
    {
        for (int i = 0; i < operands.Length; i++)
        {
            for (int j = 0; j < parameters[i].Count; j++)
            {
                UpdateOperands update = parameters[i][j];
                Add(i, Pass.Update, [new ParameterUpdate(optimizer, ParameterGradients[i][j], update.Weights, update.State, scalars)]);
            }
        }
    }

    public static int RequireCapacity(int capacity)
    {
        return capacity <= MaximumCapacity ? capacity : throw new DeviceLimitException(
            $"A batch has at most {MaximumCapacity} rows, but got {capacity}. Pass it in parts.", nameof(capacity));
    }

    /// <summary>The computations of a step, fused into fewer.</summary>
    /// <param name="keepGradients">Whether the parameter gradients are read, not only used by updates.</param>
    public IReadOnlyList<PlannedComputation> Fuse(bool keepGradients)
    {
        return Fusion.Fuse(this, [BatchLoss, .. keepGradients ? ParameterGradients.SelectMany(layer => layer) : []]);
    }

    /// <summary>
    /// A computation as the dispatch that runs. One that reads the batch receives the sample locations and the feature format;
    /// one of a logged step writes and honors the log.
    /// </summary>
    public Dispatch ToDispatch(Computation computation, StepLog? log = null)
    {
        Dispatch dispatch = computation.ToDispatch(Kernels);
        if (source is not null) dispatch = source.Draw(dispatch);
        bool readsBytes = Input.Format == TexelFormat.Byte && dispatch.Matrices.Any(matrix => matrix.Operand == Input);
        if (readsBytes) dispatch = dispatch.With(constants: [("BYTE_INPUTS", 1)]);
        return log is null ? dispatch : log.Guard(computation, dispatch);
    }

    /// <summary>Another matrix of the plan, one row per sample.</summary>
    public PlannedMatrix Request(int layer, Pass pass, int columns, string what) => Request(layer, pass, capacity, columns, what);

    private void AddForward(IReadOnlyList<IReadOnlyList<Operand>> parameters)
    {
        Operand input = Input;
        for (int i = 0; i < operands.Length; i++)
        {
            StackLayer layer = stack.Layers[i];
            Operand output = Request(i, Pass.Forward, capacity, layer.Outputs, "The outputs of a layer");
            operands[i] = new LayerOperands(input, output, parameters[i]);
            Add(i, Pass.Forward, layer.Layer.Forward(operands[i]));
            input = output;
        }
    }

    private void RequestOutputGradients() =>
        OutputGradients = Request(LossLayer, Pass.Backward, capacity, stack.Outputs, "The gradients of the logits");

    private PlannedMatrix Request(int layer, Pass pass, int rows, int columns, string what, TexelFormat format = TexelFormat.Float)
    {
        PlannedMatrix matrix = new(new MatrixShape(rows, columns), what, format);
        Matrices.Add(new GraphMatrix(layer, pass, matrix));
        return matrix;
    }

    private void Add(int layer, Pass pass, IEnumerable<Computation> computations)
    {
        foreach (Computation computation in computations) Computations.Add(new PlannedComputation(layer, pass, computation));
    }
}

/// <summary>The passes of a training step.</summary>
internal enum Pass
{
    Forward,
    Backward,
    Update,
}

/// <summary>A computation with the number of its layer; the loss counts as the layer after the last.</summary>
internal sealed record PlannedComputation(int Layer, Pass Pass, Computation Computation);

/// <summary>A matrix of a graph, with the layer and pass that first need it.</summary>
internal sealed record GraphMatrix(int Layer, Pass Pass, PlannedMatrix Matrix);

/// <summary>The two sides of a matrix of parameters, and of each matrix of the optimizer's state for it.</summary>
internal sealed record UpdateOperands(
    (Operand Committed, Operand Pending) Weights, IReadOnlyList<(Operand Committed, Operand Pending)> State);
