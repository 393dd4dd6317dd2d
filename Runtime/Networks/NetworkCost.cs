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

    /// <summary>Records a step on shapes alone and adds up what it holds.</summary>
    internal static NetworkCost Of(Stack stack, int batchSize, Optimizer? optimizer, int foldHeight)
    {
        Requirements.Size(batchSize, "rows of a batch");
        PassCost[,] costs = new PassCost[stack.Layers.Count + 1, Enum.GetValues<RecordedPass>().Length];
        Operand Allocate(MatrixRequest request)
        {
            ShapeOperand operand = new(new MatrixShape(request.Rows, request.Columns, foldHeight), request.Format);
            costs[request.Block, (int)request.Pass] += new PassCost(0, 0, operand.Shape.Bytes);
            return operand;
        }

        Operand[][] Parameters(RecordedPass pass) =>
        [
            .. stack.Layers.Select((layer, block) => layer.Parameters
                .Select(p => Allocate(new MatrixRequest(block, pass, p.Rows, p.Columns, "The parameters of an operation"))).ToArray()),
        ];

        Operand[][] weights = Parameters(RecordedPass.Forward);
        Recording recording = new(stack, batchSize, weights, Allocate);
        recording.RecordLoss(new SoftmaxCrossEntropy());
        recording.RecordBackward(inputGradients: false);
        if (optimizer is not null)
        {
            Operand[][] pending = Parameters(RecordedPass.Update);
            Operand[][][] state = [.. Enumerable.Range(0, 2 * optimizer.StateMatrices).Select(_ => Parameters(RecordedPass.Update))];
            recording.RecordUpdate(
                optimizer,
                [.. weights.Select((block, i) => block.Select((w, j) => new UpdateOperands(
                    (w, pending[i][j]),
                    [.. Enumerable.Range(0, optimizer.StateMatrices).Select(s => (state[2 * s][i][j], state[(2 * s) + 1][i][j]))])).ToArray())],
                new float[optimizer.ScalarCount]);
        }

        foreach (RecordedDispatch recorded in recording.Dispatches)
        {
            long moved = recorded.Dispatch.Images.Sum(image => image.Operand.Shape.Bytes * (image.Access == ImageAccess.ReadWrite ? 2 : 1));
            costs[recorded.Block, (int)recorded.Pass] += new PassCost(recorded.Dispatch.FloatingPointOperations, moved, 0);
        }

        IEnumerable<string> names = [.. stack.Layers.Select(layer => layer.Operation.Name), SoftmaxCrossEntropy.Name];
        return new NetworkCost(
        [
            .. names.Select((name, i) => new BlockCost(
                $"{i}.{name}", costs[i, (int)RecordedPass.Forward], costs[i, (int)RecordedPass.Backward], costs[i, (int)RecordedPass.Update])),
        ]);
    }

    private PassCost Sum(Func<BlockCost, PassCost> part) => Blocks.Select(part).Aggregate((a, b) => a + b);

    /// <summary>A matrix of which nothing is needed but its shape.</summary>
    private sealed class ShapeOperand(MatrixShape shape, TexelFormat format) : Operand
    {
        public override MatrixShape Shape => shape;

        public override TexelFormat Format => format;

        public override uint TextureName => 0;
    }
}
