namespace NeuralPlugin;

/// <summary>
/// Rewrites the computations of a graph into fewer: an activation into the preceding product, its derivative into the product that
/// gives its gradient, the last layer with the softmax (and in a step with the loss and their gradients) into one, the
/// update into the gradient of the weights, the sum of the losses into the last layer's, the second-to-last layer into the
/// last one if it is narrow, the updates of two layers into one, and a small network's complete step into one, which may then run several times in a dispatch. A product whose sums the family cuts in parts becomes
/// two computations, or one and what the last layer does. Layers, losses and optimizers know nothing of it. Where a
/// kernel family has no kernel or a driver no room, the computations stay unfused. Results keep their bits, and matrices that are no longer used
/// are never made.
/// </summary>
internal sealed class Fusion
{
    private readonly ComputationGraph graph;
    private readonly List<PlannedComputation> plan;
    private readonly HashSet<Operand> wanted;
    private PlannedMatrix? partSums;

    private Fusion(ComputationGraph graph, IEnumerable<Operand?> wanted)
    {
        this.graph = graph;
        plan = [.. graph.Computations];
        this.wanted = [.. wanted.OfType<Operand>()];
    }

    /// <param name="graph">The plain computations, in order.</param>
    /// <param name="wanted">The matrices read after the plan has run, which must therefore be written.</param>
    public static IReadOnlyList<PlannedComputation> Fuse(ComputationGraph graph, params IEnumerable<Operand?> wanted)
    {
        Fusion fusion = new(graph, wanted);
        fusion.ForEach<ActivationForward>(fusion.ActivationIntoProduct);
        fusion.ForEach<ActivationBackward>(fusion.DerivativeIntoProduct);
        fusion.ForEach<SoftmaxForward>(fusion.SoftmaxIntoLastLayer);
        fusion.ForEach<LossBackward>(fusion.LossIntoLastLayer);
        fusion.ForEach<ParameterUpdate>(fusion.UpdateIntoGradient);
        fusion.SmallStepIntoOne();
        fusion.ForEach<LossSum>(fusion.SumIntoGradient);
        fusion.ForEach<DenseForward>(fusion.LayerIntoLastLayer);
        fusion.ForEach<DenseForward>(fusion.LayerIntoParts);
        fusion.ForEach<DenseBackwardWeights>(fusion.UpdatesOfTwoLayersIntoOne);
        return fusion.plan;
    }

    private void ForEach<T>(Action<T> rule) where T : Computation
    {
        foreach (T computation in plan.Select(planned => planned.Computation).OfType<T>().ToArray()) rule(computation);
    }

    private void ActivationIntoProduct(ActivationForward activation)
    {
        if (Writer(activation.Input) is not DenseForward { Activation: null } product || !IsReadOnlyBy(activation.Input, activation)) return;
        Replace([product, activation], product with { Output = activation.Output, Activation = activation.Activation });
    }

    private void DerivativeIntoProduct(ActivationBackward derivative)
    {
        if (Writer(derivative.OutputGradients) is not DenseBackwardInput { Activation: null } product) return;
        if (!IsReadOnlyBy(derivative.OutputGradients, derivative)) return;
        Replace(
            [product, derivative],
            product with { InputGradients = derivative.InputGradients, Activation = derivative.Activation, Activations = derivative.Output });
    }

    private void SoftmaxIntoLastLayer(SoftmaxForward softmax)
    {
        if (Writer(softmax.Logits) is not DenseForward { Activation: null } product || !IsReadOnlyBy(softmax.Logits, softmax)) return;
        Replace([softmax, product], new LastLayerSoftmax(null, product.Input, product.Parameters, softmax.Probabilities));
    }

    /// <summary>The loss and its gradient, and the gradient of the last layer's input if needed.</summary>
    private void LossIntoLastLayer(LossBackward backward)
    {
        LossForward forward = Readers(backward.Outputs).OfType<LossForward>().First();
        if (Writer(backward.Outputs) is not DenseForward { Activation: null } product || !IsReadOnlyBy(backward.Outputs, forward, backward)) return;
        DenseBackwardInput? inputProduct = Readers(backward.OutputGradients).OfType<DenseBackwardInput>()
            .FirstOrDefault(candidate => candidate.Activations is null || candidate.Activations == product.Input);
        LastLayerLoss last = new(
            null, product.Input, product.Parameters, backward.Loss, backward.Targets, backward.OutputGradients, forward.RowLosses,
            inputProduct?.InputGradients, inputProduct?.Activation);
        Replace([product, forward, backward, .. inputProduct is null ? Array.Empty<Computation>() : [inputProduct]], last);
    }

    private void UpdateIntoGradient(ParameterUpdate update)
    {
        if (Writer(update.Gradients) is not DenseBackwardWeights { Update: null } product || !IsReadOnlyBy(update.Gradients, update)) return;
        Replace([product, update], product with { Update = update });
    }

    /// <summary>An additional row of workgroups in the last layer's gradient.</summary>
    private void SumIntoGradient(LossSum sum)
    {
        if (Writer(sum.RowLosses) is not LastLayerLoss last || IsGuided(last)) return;
        DenseBackwardWeights? gradient = Readers(last.OutputGradients).OfType<DenseBackwardWeights>().FirstOrDefault();
        if (gradient is not null) Replace([gradient, sum], gradient with { Sum = sum });
    }

    /// <summary>The second-to-last layer, whose workgroups then have all columns of their rows.</summary>
    private void LayerIntoLastLayer(DenseForward layer)
    {
        if (wanted.Contains(layer.Output)) return;
        LastLayer? last = Readers(layer.Output).OfType<LastLayer>().FirstOrDefault(candidate => candidate.Hidden == layer.Output);
        if (last is null || !CanTake(last, layer)) return;
        Replace([last, layer], last with { Before = layer });
    }

    /// <summary>Whether a last layer that computes the gradient of its input has the activation of the layer before it.</summary>
    private static bool CanTake(LastLayer last, DenseForward layer) => last is not LastLayerLoss { HiddenGradients: not null } loss || loss.Activation == layer.Activation;

    /// <summary>A layer whose sums the family cuts in parts, for a small batch: the last layer adds them if it can, otherwise a computation of its own.</summary>
    private void LayerIntoParts(DenseForward layer)
    {
        if (!plan.Exists(candidate => ReferenceEquals(candidate.Computation, layer)) || graph.Kernels.PartLengthOf(layer) is not { } partLength) return;
        if (layer.Activation is null && !Readers(layer.Output).Any() && TryReplace([layer], new LastLayerOutputs(null, layer.Input, layer.Parameters, layer.Output))) return;
        PlannedComputation planned = plan.Find(candidate => ReferenceEquals(candidate.Computation, layer))!;
        int columns = MatrixShape.CeilingDivide(layer.Input.Shape.Columns, partLength) * layer.Output.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        if (partSums is null || partSums.Shape.Columns != columns) partSums = graph.Request(planned.Layer, planned.Pass, columns, "The parts of the sums of a layer");
        PlannedMatrix sums = partSums;   // layers of one size share it, since each is done with it before the next
        LastLayer? last = Readers(layer.Output).OfType<LastLayer>().FirstOrDefault(candidate => candidate.Hidden == layer.Output);
        Computation? reader = last;
        if (last is not null && !wanted.Contains(layer.Output) && CanTake(last, layer)) Replace([last], last with { Before = layer, PartSums = sums });
        if (last is null && Readers(layer.Output).FirstOrDefault() is DenseForward { Activation: null } next && IsReadOnlyBy(layer.Output, next))
        {
            reader = next;
            Replace([next], new LastLayerOutputs(layer, next.Input, next.Parameters, next.Output) { PartSums = sums });
        }

        bool isTaken = reader is not null && !plan.Exists(candidate => ReferenceEquals(candidate.Computation, reader));
        int place = plan.IndexOf(planned);
        plan[place] = planned with { Computation = new DenseForwardParts(layer, sums, partLength) };
        if (!isTaken) plan.Insert(place + 1, planned with { Computation = new DensePartsSum(layer, sums) });
    }

    /// <summary>Two updates that follow each other in the plan, with nothing between them: the second layer's comes first.</summary>
    private void UpdatesOfTwoLayersIntoOne(DenseBackwardWeights first)
    {
        int place = plan.FindIndex(planned => ReferenceEquals(planned.Computation, first));
        if (place <= 0 || first is not { Update: not null, Sum: null }) return;
        if (plan[place - 1].Computation is DenseBackwardWeights { Update: not null } second && second.Writes.All(written => !first.Reads.Contains(written)))
            Replace([second, first], new TwoLayerUpdate(first, second));
    }

    /// <summary>Dense, activation, dense.</summary>
    private void SmallStepIntoOne()
    {
        if (plan.Select(planned => planned.Computation).ToArray() is not
            [
                DenseForward { Activation: not null } hidden, LastLayerLoss { HiddenGradients: not null } last, LossSum sum,
                DenseBackwardWeights { Update: { } outputUpdate }, DenseBackwardWeights { Update: { } hiddenUpdate },
            ] || last.Activation != hidden.Activation || IsGuided(last))
        {
            return;
        }

        int columns = graph.Kernels.SmallStepScratchTexels(last) * MatrixShape.ColumnsPerTexel;
        PlannedMatrix? scratch = columns == 0 ? null : graph.Request(plan[^1].Layer, plan[^1].Pass, columns, "What the phases of a step exchange");
        Computation[] parts = [.. plan.Select(planned => planned.Computation).Reverse()];
        SmallStep step = new(hidden, last, sum, outputUpdate, hiddenUpdate, scratch);
        Replace(parts, step);
        if (graph.Steps is { } arguments && plan.Count == 1 && graph.Kernels.MostStepsOf(step) is > 1 and var most)
            Replace([step], new SmallSteps(step, arguments, most), graph.Kernels.Limits.MostStorageBuffers);
    }

    /// <summary>Whether the updates of the step wait for the sum of its losses, which determines their learning rate.</summary>
    private bool IsGuided(LastLayerLoss last) => graph.HasLog && last.Loss.RateGuide is not null;

    /// <summary>Replaces several computations by one in the first one's place, if the family has a kernel for it and the driver room for its matrices.</summary>
    private bool TryReplace(Computation[] parts, Computation fused, int mostBuffers = Dispatch.MostBindingsOfAKind)
    {
        int most = graph.Kernels.Limits.MostBindings - (graph.HasLog ? StepLog.BindingsOf(fused) : 0);
        if (fused.KernelOf(graph.Kernels) is not { } kernel || !Dispatch.Fits(fused.Matrices, kernel.Source.Fetches, most, mostBuffers)) return false;
        int place = plan.FindIndex(planned => ReferenceEquals(planned.Computation, parts[0]));
        plan[place] = plan[place] with { Computation = fused };
        plan.RemoveAll(planned => parts.Skip(1).Any(part => ReferenceEquals(part, planned.Computation)));
        return true;
    }

    private void Replace(Computation[] parts, Computation fused, int mostBuffers = Dispatch.MostBindingsOfAKind) => _ = TryReplace(parts, fused, mostBuffers);

    private Computation? Writer(Operand matrix) => plan.Find(planned => planned.Computation.Writes.Contains(matrix))?.Computation;

    private IEnumerable<Computation> Readers(Operand matrix) =>
        plan.Select(planned => planned.Computation).Where(computation => computation.Reads.Contains(matrix));

    private bool IsReadOnlyBy(Operand matrix, params Computation[] readers)
    {
        return !wanted.Contains(matrix) && Readers(matrix).All(reader => readers.Any(known => ReferenceEquals(known, reader)));
    }
}
