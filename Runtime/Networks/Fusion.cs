namespace NeuralPlugin;

/// <summary>
/// Rewrites the dispatches of a recording into fewer: ReLU into the product before it, its derivative into the product that
/// gives its gradient, the last layer with the softmax (and in a step with the loss and their gradients) into one, the
/// update into the gradient of the weights, the sum of the losses into the last layer's, the layer before the last one into the
/// last one's where it is narrow, and a small network's whole step into one. The operations know nothing of it, results keep their bits, and matrices that nothing touches any more are
/// never made.
/// </summary>
internal sealed class Fusion
{
    internal const string RowsFile = "dense_softmax_cross_entropy.comp";
    internal const string PredictionRowsFile = "dense_softmax_forward.comp";
    internal const string SmallStepFile = "dense_relu_dense_step.comp";

    /// <summary>Texels of logits that one invocation keeps in registers.</summary>
    private const int MostClassTexels = 4;

    private const int RowGroupSize = 8;

    /// <summary>What one workgroup does sooner than a chip does five dispatches: the products of a step.</summary>
    private const long MostOperationsOfOneGroup = 1_000_000;

    private const int StepGroupSize = 32;

    /// <summary>
    /// What a workgroup takes one after the other where it goes on with the rows of a product; with more of them, each workgroup walks
    /// along weights that no cache holds: a quarter slower with eight.
    /// </summary>
    private const int MostColumnGroups = 2;

    private const string InputGradients = "INPUT_GRADIENTS";

    /// <summary>The samples, both layers before and after the step, what its phases exchange (read and written), and the loss.</summary>
    private const int BindingsOfSmallStep = 9;

    /// <summary>The gradient, and the committed and pending weights.</summary>
    private const int MatricesOfStatelessUpdate = 3;

    private readonly Recording recording;
    private readonly KernelFamily family;
    private readonly List<RecordedDispatch> dispatches;
    private readonly HashSet<Operand> wanted;

    private Fusion(Recording recording, IEnumerable<Operand?> wanted)
    {
        this.recording = recording;
        family = recording.Family;
        dispatches = [.. recording.Dispatches];
        this.wanted = [.. wanted.OfType<Operand>()];
    }

    /// <param name="recording">Has the plain dispatches, in order.</param>
    /// <param name="wanted">The matrices that are looked at after the plan has run, which therefore must be written.</param>
    public static IReadOnlyList<RecordedDispatch> Fuse(Recording recording, params IEnumerable<Operand?> wanted)
    {
        Fusion fusion = new(recording, wanted);
        fusion.FuseEach(Relu.ForwardFile, fusion.ReluIntoProduct);
        fusion.FuseEach(Relu.BackwardFile, fusion.ReluDerivativeIntoProduct);
        fusion.FuseEach(Softmax.ForwardFile, fusion.SoftmaxIntoLastLayer);
        fusion.FuseEach(SoftmaxCrossEntropy.BackwardFile, fusion.LossIntoLastLayer);
        fusion.FuseEach(Optimizer.UpdateFile, fusion.UpdateIntoGradient);
        fusion.SmallStepIntoOne();
        fusion.FuseEach(SoftmaxCrossEntropy.SumFile, fusion.SumIntoGradient);
        fusion.FuseEach(recording.Family.ForwardFile, fusion.LayerIntoRows);
        return fusion.dispatches;
    }

    private void FuseEach(string fileName, Action<RecordedDispatch> rule)
    {
        foreach (RecordedDispatch dispatch in dispatches.Where(d => d.Dispatch.Source.FileName == fileName).ToArray()) rule(dispatch);
    }

    private void ReluIntoProduct(RecordedDispatch relu)
    {
        (Operand x, Operand y) = (relu.Dispatch.Matrices[0].Operand, relu.Dispatch.Matrices[1].Operand);
        RecordedDispatch[] derivatives = [.. Readers(x).Where(reader => reader.Dispatch.Source.FileName == Relu.BackwardFile)];
        if (Producer(x, family.ForwardFile) is not { } product || wanted.Contains(x) || Readers(x).Count() != derivatives.Length + 1) return;

        Replace(product, product.Dispatch.With(
            [.. product.Dispatch.Matrices[..^1], product.Dispatch.Matrices[^1] with { Operand = y }], (Relu.Constant, 1)));
        dispatches.Remove(relu);

        // The output of ReLU is above zero where its input is.
        foreach (RecordedDispatch derivative in derivatives)
            Replace(derivative, derivative.Dispatch.With([derivative.Dispatch.Matrices[0] with { Operand = y }, .. derivative.Dispatch.Matrices[1..]]));
    }

    private void ReluDerivativeIntoProduct(RecordedDispatch derivative)
    {
        (Operand activation, Operand dy, Operand dx) =
            (derivative.Dispatch.Matrices[0].Operand, derivative.Dispatch.Matrices[1].Operand, derivative.Dispatch.Matrices[2].Operand);
        if (Producer(dy, family.BackwardInputFile) is not { } product || !IsReadOnlyBy(dy, derivative)) return;
        Replace(product, product.Dispatch.With(
            [.. product.Dispatch.Matrices[..^1], product.Dispatch.Matrices[^1] with { Operand = dx }, MatrixBinding.Read("ACTIVATIONS", activation)],
            (Relu.Constant, 1)));
        dispatches.Remove(derivative);
    }

    private void SoftmaxIntoLastLayer(RecordedDispatch softmax)
    {
        Operand logits = softmax.Dispatch.Matrices[0].Operand;
        if (LastLayer(logits, softmax) is not { } product) return;
        Operand input = product.Dispatch.Matrices[0].Operand;
        Replace(softmax, new Dispatch(
            new KernelSource(PredictionRowsFile, ("GROUP_SIZE", RowGroupSize), ("CLASS_TEXELS", logits.Shape.TexelsPerRow)),
            [.. LastLayerMatrices(product.Dispatch), softmax.Dispatch.Matrices[1]],
            [input.Shape.TexelsPerRow, input.Shape.Columns, logits.Shape.Columns],
            new DispatchGrid(1, RowsPerGroupX: RowGroupSize))
        {
            FloatingPointOperations = product.Dispatch.FloatingPointOperations,
        });
        dispatches.Remove(product);
    }

    private void LossIntoLastLayer(RecordedDispatch backward)
    {
        (Operand logits, Operand targets, Operand logitGradients) =
            (backward.Dispatch.Matrices[0].Operand, backward.Dispatch.Matrices[1].Operand, backward.Dispatch.Matrices[2].Operand);
        RecordedDispatch forward = Readers(logits).First(reader => reader.Dispatch.Source.FileName == SoftmaxCrossEntropy.ForwardFile);
        if (LastLayer(logits, forward, backward) is not { } product) return;

        Operand input = product.Dispatch.Matrices[0].Operand;
        List<MatrixBinding> matrices =
            [.. LastLayerMatrices(product.Dispatch), backward.Dispatch.Matrices[1], backward.Dispatch.Matrices[2], forward.Dispatch.Matrices[2]];
        List<(string Name, int Value)> constants =
        [
            ("GROUP_SIZE", RowGroupSize), ("CLASS_TEXELS", logits.Shape.TexelsPerRow), TargetLayout.MaskConstant,
        ];
        long operations = product.Dispatch.FloatingPointOperations;
        RecordedDispatch? inputProduct = Readers(logitGradients).FirstOrDefault(reader => reader.Dispatch.Source.FileName == family.BackwardInputFile);
        if (inputProduct is not null && Array.TrueForAll(inputProduct.Dispatch.Matrices[3..], matrix => matrix.Operand == input))
        {
            matrices.Add(inputProduct.Dispatch.Matrices[2] with { Name = "HIDDEN_GRADIENTS" });
            constants.Add((InputGradients, 1));
            if (inputProduct.Dispatch.Matrices.Length > 3) constants.Add((Relu.Constant, 1));
            operations += inputProduct.Dispatch.FloatingPointOperations;
            dispatches.Remove(inputProduct);
        }

        Replace(product, new Dispatch(
            new KernelSource(RowsFile, [.. constants]), [.. matrices],
            [targets.Shape.TexelsPerRow, input.Shape.TexelsPerRow, input.Shape.Columns],
            new DispatchGrid(1, RowsPerGroupX: RowGroupSize), backward.Dispatch.Scalars)
        {
            FloatingPointOperations = operations,
        });
        dispatches.Remove(forward);
        dispatches.Remove(backward);
    }

    private void UpdateIntoGradient(RecordedDispatch update)
    {
        Operand gradient = update.Dispatch.Matrices[0].Operand;
        if (Producer(gradient, family.BackwardWeightsFile) is not { } product || !IsReadOnlyBy(gradient, update)) return;
        bool hasState = update.Dispatch.Matrices.Length > MatricesOfStatelessUpdate;
        MatrixBinding[] matrices = product.Dispatch.Matrices;
        ProductKernel kernel = family.BackwardWeights(matrices[0].Operand.Shape, matrices[1].Operand.Shape, hasState);
        Replace(product, Optimizer.FuseInto(product.Dispatch.With(kernel.Source, kernel.Grid), update.Dispatch));
        dispatches.Remove(update);
    }

    /// <summary>A further row of workgroups of the last layer's gradient, where there is room for its matrices.</summary>
    private void SumIntoGradient(RecordedDispatch sum)
    {
        MatrixBinding[] losses = sum.Dispatch.Matrices;
        if (Writer(losses[0].Operand) is not { } rows || rows.Dispatch.Source.FileName != RowsFile) return;
        Operand logitGradients = LogitGradientsOf(rows.Dispatch);
        RecordedDispatch? gradient = Readers(logitGradients).FirstOrDefault(reader => reader.Dispatch.Source.FileName == family.BackwardWeightsFile);
        if (gradient?.Dispatch is not { } product || !Dispatch.Fits([.. product.Matrices, .. losses], recording.MostMatrices)) return;
        Dispatch summed = product.With([.. product.Matrices, .. losses], SoftmaxCrossEntropy.LossPartsConstant);
        Replace(gradient, summed.With(summed.Source, product.Grid with { Y = product.Grid.Y + 1 }));
        dispatches.Remove(sum);
    }

    /// <summary>The layer before the last one, whose workgroups then have all columns of their rows.</summary>
    private void LayerIntoRows(RecordedDispatch layer)
    {
        Dispatch product = layer.Dispatch;
        Operand output = product.Matrices[2].Operand;
        if (!family.GoesOnInGroup || product.Grid is not { X: <= MostColumnGroups, RowsPerGroupY: > 0 } || wanted.Contains(output)) return;
        RecordedDispatch? recorded = Readers(output).FirstOrDefault(reader => reader.Dispatch.Source.FileName is RowsFile or PredictionRowsFile);
        if (recorded?.Dispatch is not { } rows || rows.Matrices[0].Operand != output) return;
        if (rows.Source.Has(InputGradients) && rows.Source.Has(Relu.Constant) != product.Source.Has(Relu.Constant)) return;
        MatrixBinding[] matrices = [rows.Matrices[0] with { Access = MatrixAccess.ReadWrite }, .. rows.Matrices[1..], .. product.Matrices[..2]];
        if (!Dispatch.Fits(matrices, recording.MostMatrices - (recording.HasRecord ? StepRecord.BindingsOfLosses : 0))) return;
        IEnumerable<(string, int)> tile = product.Source.Constants.Where(constant => !rows.Source.Has(constant.Name));
        Dispatch fused = new(
            rows.Source.With([.. tile, ("GROUP_ROWS", product.Grid.RowsPerGroupY)]),
            matrices, [.. rows.Sizes, product.Sizes[0], product.Sizes[2]], product.Grid with { X = 1 }, rows.Scalars)
        {
            FloatingPointOperations = rows.FloatingPointOperations + product.FloatingPointOperations,
        };
        Replace(recorded, fused);
        dispatches.Remove(layer);
    }

    /// <summary>Dense, ReLU, dense, with SGD: five dispatches that leave each other little to do.</summary>
    private void SmallStepIntoOne()
    {
        if (dispatches.Select(recorded => recorded.Dispatch).ToArray() is not [var hidden, var rows, var sum, var outputUpdate, var hiddenUpdate] ||
            !IsFused(hidden, family.ForwardFile, Relu.Constant) || !IsFused(rows, RowsFile, InputGradients) || !rows.Source.Has(Relu.Constant) ||
            sum.Source.FileName != SoftmaxCrossEntropy.SumFile || !IsUpdate(outputUpdate) || !IsUpdate(hiddenUpdate))
        {
            return;
        }

        Operand logitGradients = LogitGradientsOf(rows);
        long operations = dispatches.Sum(recorded => recorded.Dispatch.FloatingPointOperations);
        if (logitGradients.Shape.Rows > SoftmaxCrossEntropy.LossParts || operations > MostOperationsOfOneGroup) return;
        if (BindingsOfSmallStep + (recording.HasRecord ? StepRecord.BindingsOfSmallStep : 0) > recording.MostMatrices) return;

        Operand activations = hidden.Matrices[2].Operand;
        RecordedDispatch last = dispatches[^1];
        int texels = (2 * activations.Shape.TexelsPerRow) + logitGradients.Shape.TexelsPerRow + 1;
        Operand scratch = recording.Request(last.Block, last.Pass, texels * MatrixShape.ColumnsPerTexel, "What the phases of a step exchange");
        Dispatch step = new(
            new KernelSource(
                SmallStepFile,
                ("GROUP_SIZE", StepGroupSize), ("CLASS_TEXELS", logitGradients.Shape.TexelsPerRow), TargetLayout.MaskConstant),
            [
                hidden.Matrices[0], rows.Matrices.First(matrix => matrix.Name == "TARGETS"),
                hiddenUpdate.Matrices[2] with { Name = "HIDDEN_PARAMETERS" }, hiddenUpdate.Matrices[3] with { Name = "PENDING_HIDDEN_PARAMETERS" },
                outputUpdate.Matrices[2] with { Name = "OUTPUT_PARAMETERS" }, outputUpdate.Matrices[3] with { Name = "PENDING_OUTPUT_PARAMETERS" },
                new MatrixBinding("SCRATCH", scratch, MatrixAccess.ReadWrite), sum.Matrices[1],
            ],
            [
                rows.Sizes[0], hidden.Sizes[0], hidden.Sizes[2], activations.Shape.TexelsPerRow, activations.Shape.Columns,
                BitConverter.SingleToInt32Bits(rows.Scalars[0]),
            ],
            new DispatchGrid(1), hiddenUpdate.Scalars)
        {
            FloatingPointOperations = operations,
        };
        dispatches.Clear();
        dispatches.Add(last with { Dispatch = step });

        static bool IsFused(Dispatch dispatch, string fileName, string constant) =>
            dispatch.Source.FileName == fileName && dispatch.Source.Has(constant);

        bool IsUpdate(Dispatch dispatch) =>
            IsFused(dispatch, family.BackwardWeightsFile, Optimizer.UpdateConstant) && dispatch.Matrices.Length == MatricesOfStatelessUpdate + 1;
    }

    /// <summary>What a last layer works on, as the kernels that go on with it call it.</summary>
    private static MatrixBinding[] LastLayerMatrices(Dispatch product) =>
        [product.Matrices[0] with { Name = "HIDDEN" }, product.Matrices[1] with { Name = "OUTPUT_PARAMETERS" }];

    private static Operand LogitGradientsOf(Dispatch rows) => rows.Matrices.First(matrix => matrix.Name == "LOGIT_GRADIENTS").Operand;

    private void Replace(RecordedDispatch old, Dispatch fused) => dispatches[dispatches.IndexOf(old)] = old with { Dispatch = fused };

    /// <summary>The dispatch that writes a matrix, if it is of this kernel and not fused with a ReLU yet.</summary>
    private RecordedDispatch? Producer(Operand matrix, string fileName)
    {
        RecordedDispatch? writer = Writer(matrix);
        return writer?.Dispatch.Source is { } source && source.FileName == fileName && !source.Has(Relu.Constant) ? writer : null;
    }

    private RecordedDispatch? Writer(Operand matrix)
    {
        return dispatches.Find(d => d.Dispatch.Matrices.Any(binding => binding.Operand == matrix && binding.IsWritten));
    }

    /// <summary>The layer that gives logits that only these look at, if they are few enough for registers.</summary>
    private RecordedDispatch? LastLayer(Operand logits, params RecordedDispatch[] readers)
    {
        return logits.Shape.TexelsPerRow <= MostClassTexels && IsReadOnlyBy(logits, readers) ? Producer(logits, family.ForwardFile) : null;
    }

    private IEnumerable<RecordedDispatch> Readers(Operand matrix)
    {
        return dispatches.Where(d => d.Dispatch.Matrices.Any(binding => binding.Operand == matrix && binding.IsRead));
    }

    private bool IsReadOnlyBy(Operand matrix, params RecordedDispatch[] readers)
    {
        return !wanted.Contains(matrix) && Readers(matrix).All(readers.Contains);
    }
}
