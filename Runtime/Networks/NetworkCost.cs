namespace NeuralPlugin;

/// <summary>The cost of one pass for one batch.</summary>
/// <param name="FloatingPointOperations">Multiplications and additions of the matrix products: 2·batch·inputs·units each.</param>
/// <param name="BytesMoved">Bytes of the matrices that the dispatches read and write, each matrix once per dispatch.</param>
/// <param name="BytesAllocated">Bytes of the textures that the pass needs in addition to those of the passes before it.</param>
public readonly record struct PassCost(long FloatingPointOperations, long BytesMoved, long BytesAllocated)
{
    /// <summary>The component-wise sum.</summary>
    public static PassCost operator +(PassCost left, PassCost right) => new(
        left.FloatingPointOperations + right.FloatingPointOperations,
        left.BytesMoved + right.BytesMoved,
        left.BytesAllocated + right.BytesAllocated);

    /// <summary>The component-wise sum.</summary>
    public static PassCost Add(PassCost left, PassCost right) => left + right;
}

/// <summary>The cost of one network layer, or of the loss at the end.</summary>
/// <param name="Name">The layer's number in the stack and its kind: <c>0.dense</c>; the loss has the number after the last.</param>
/// <param name="Forward">The forward pass; its bytes include the parameters and the layer's output (and the features, in layer 0).</param>
/// <param name="Backward">The backward pass; its bytes include the gradients.</param>
/// <param name="Update">The optimizer's update; its bytes include the pending parameters and the state. Zero without an optimizer.</param>
public sealed record LayerCost(string Name, PassCost Forward, PassCost Backward, PassCost Update);

/// <summary>The cost of training a network on batches of one size.</summary>
/// <param name="Layers">The layers of the stack in order, then the loss.</param>
public sealed record NetworkCost(IReadOnlyList<LayerCost> Layers)
{
    /// <summary>The forward pass of all layers.</summary>
    public PassCost Forward => Sum(layer => layer.Forward);

    /// <summary>The backward pass of all layers.</summary>
    public PassCost Backward => Sum(layer => layer.Backward);

    /// <summary>The optimizer's update of all layers.</summary>
    public PassCost Update => Sum(layer => layer.Update);

    /// <summary>All passes: one training step. Its bytes match the device's count for the network and its plan.</summary>
    public PassCost Total => Forward + Backward + Update;

    /// <summary>Adds up the graph of a step without realizing it.</summary>
    internal static NetworkCost Of(Stack stack, int batchSize, Loss loss, Optimizer? optimizer, bool fused, FamilyKernels kernels)
    {
        Requirements.Size(batchSize, "rows of a batch");
        List<GraphMatrix> matrices = [];
        ComputationGraph graph = ComputationGraph.OfStep(stack, batchSize, loss, optimizer, kernels, matrices);
        IReadOnlyList<PlannedComputation> run = fused ? graph.Fuse(keepGradients: optimizer is null) : graph.Computations;
        return new NetworkCost(LayerCosts(stack, loss, graph.Computations, run, [.. matrices, .. graph.Matrices]));
    }

    /// <summary>Operation counts are those of the plain plan; bytes are those of the plan that runs.</summary>
    private static LayerCost[] LayerCosts(
        Stack stack, Loss loss, IEnumerable<PlannedComputation> plain, IReadOnlyList<PlannedComputation> run, IEnumerable<GraphMatrix> matrices)
    {
        PassCost[,] costs = new PassCost[stack.Layers.Count + 1, Enum.GetValues<Pass>().Length];
        foreach (PlannedComputation planned in plain)
            costs[planned.Layer, (int)planned.Pass] += new PassCost(planned.Computation.FloatingPointOperations, 0, 0);
        foreach (PlannedComputation planned in run)
            costs[planned.Layer, (int)planned.Pass] += new PassCost(0, planned.Computation.Matrices.Sum(matrix => matrix.Operand.Shape.Bytes), 0);
        HashSet<Operand> used = [.. run.SelectMany(planned => planned.Computation.Matrices).Select(matrix => matrix.Operand)];
        foreach (GraphMatrix planned in matrices.Where(m => used.Contains(m.Matrix)))
            costs[planned.Layer, (int)planned.Pass] += new PassCost(0, 0, planned.Matrix.Shape.Bytes);
        IEnumerable<string> names = [.. stack.Layers.Select(layer => layer.Layer.Name), loss.Name];
        return
        [
            .. names.Select((name, i) => new LayerCost(
                $"{i}.{name}", costs[i, (int)Pass.Forward], costs[i, (int)Pass.Backward], costs[i, (int)Pass.Update])),
        ];
    }

    private PassCost Sum(Func<LayerCost, PassCost> part) => Layers.Select(part).Aggregate((a, b) => a + b);
}
