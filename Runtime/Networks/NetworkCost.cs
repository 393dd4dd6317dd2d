namespace NeuralPlugin;

/// <summary>What one pass costs for one batch.</summary>
/// <param name="FloatingPointOperations">Multiplications and additions of the matrix products: 2·batch·inputs·units each.</param>
/// <param name="BytesMoved">Bytes of the matrices that the dispatches read and write, each matrix once a dispatch.</param>
/// <param name="BytesAllocated">Bytes of the textures that the pass needs beyond those of the passes before it.</param>
public readonly record struct PassCost(long FloatingPointOperations, long BytesMoved, long BytesAllocated)
{
    /// <summary>The sum, part by part.</summary>
    public static PassCost operator +(PassCost left, PassCost right) => new(
        left.FloatingPointOperations + right.FloatingPointOperations,
        left.BytesMoved + right.BytesMoved,
        left.BytesAllocated + right.BytesAllocated);

    /// <summary>The sum, part by part.</summary>
    public static PassCost Add(PassCost left, PassCost right) => left + right;
}

/// <summary>What one block of a network costs: an operation of the stack, or the loss at its end.</summary>
/// <param name="Name">The number in the stack and the operation: <c>0.dense</c>; the loss has the number after the last.</param>
/// <param name="Forward">The forward pass; its bytes hold the parameters and the block's output (and the features, in block 0).</param>
/// <param name="Backward">The backward pass; its bytes hold the gradients.</param>
/// <param name="Update">The optimizer's update; its bytes hold the pending parameters and the state. Zero without an optimizer.</param>
public sealed record BlockCost(string Name, PassCost Forward, PassCost Backward, PassCost Update);

/// <summary>What training a network on batches of one size costs.</summary>
/// <param name="Blocks">The operations of the stack in order, then the loss.</param>
public sealed record NetworkCost(IReadOnlyList<BlockCost> Blocks)
{
    /// <summary>The forward pass of all blocks.</summary>
    public PassCost Forward => Sum(block => block.Forward);

    /// <summary>The backward pass of all blocks.</summary>
    public PassCost Backward => Sum(block => block.Backward);

    /// <summary>The optimizer's update of all blocks.</summary>
    public PassCost Update => Sum(block => block.Update);

    /// <summary>All passes: one training step. Its bytes are what the device counts for the network and its plan.</summary>
    public PassCost Total => Forward + Backward + Update;

    /// <summary>Records a step, realizes nothing of it, and adds up what it holds.</summary>
    internal static NetworkCost Of(Stack stack, int batchSize, Optimizer? optimizer, bool fused, int mostMatrices)
    {
        Requirements.Size(batchSize, "rows of a batch");
        List<RecordedMatrix> matrices = [];
        Recording recording = Recording.OfStep(stack, batchSize, optimizer, KernelFamily.RegisterTiled, matrices, mostMatrices: mostMatrices);   // all families work on the same matrices
        IReadOnlyList<RecordedDispatch> run = fused ? recording.Fuse(keepGradients: optimizer is null) : recording.Dispatches;
        return new NetworkCost(BlockCosts(stack, recording.Dispatches, run, [.. matrices, .. recording.Matrices]));
    }

    /// <summary>The products are those of the plain plan; bytes are those of the plan that runs.</summary>
    private static BlockCost[] BlockCosts(
        Stack stack, IEnumerable<RecordedDispatch> plain, IReadOnlyList<RecordedDispatch> run, IEnumerable<RecordedMatrix> matrices)
    {
        PassCost[,] costs = new PassCost[stack.Layers.Count + 1, Enum.GetValues<RecordedPass>().Length];
        foreach (RecordedDispatch recorded in plain)
            costs[recorded.Block, (int)recorded.Pass] += new PassCost(recorded.Dispatch.FloatingPointOperations, 0, 0);
        foreach (RecordedDispatch recorded in run)
            costs[recorded.Block, (int)recorded.Pass] += new PassCost(0, recorded.Dispatch.Matrices.Sum(matrix => matrix.Operand.Shape.Bytes), 0);
        HashSet<Operand> used = [.. run.SelectMany(recorded => recorded.Dispatch.Matrices).Select(matrix => matrix.Operand)];
        foreach (RecordedMatrix recorded in matrices.Where(m => used.Contains(m.Matrix)))
            costs[recorded.Block, (int)recorded.Pass] += new PassCost(0, 0, recorded.Matrix.Shape.Bytes);
        IEnumerable<string> names = [.. stack.Layers.Select(layer => layer.Operation.Name), SoftmaxCrossEntropy.Name];
        return
        [
            .. names.Select((name, i) => new BlockCost(
                $"{i}.{name}", costs[i, (int)RecordedPass.Forward], costs[i, (int)RecordedPass.Backward], costs[i, (int)RecordedPass.Update])),
        ];
    }

    private PassCost Sum(Func<BlockCost, PassCost> part) => Blocks.Select(part).Aggregate((a, b) => a + b);
}
