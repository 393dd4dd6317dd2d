namespace NeuralPlugin;

/// <summary>
/// What a trainer's dispatches of consecutive steps are told (<see cref="SmallSteps"/>): their number, where their batches are, and the scalars of the optimizer that change from step to step. These
/// are computed on the processor, since they must have the bits that single steps are passed, for some steps ahead.
/// </summary>
internal sealed class ConsecutiveSteps : IDisposable
{
    /// <summary>Steps of the table: at least those of one dispatch.</summary>
    private const int Rows = 256;

    private readonly Optimizer optimizer;
    private readonly MatrixTexture? table;
    private readonly float[] scalars = [];
    private long first;   // step of the table, from 1; 0 for an empty one

    public ConsecutiveSteps(NeuralDevice device, Optimizer optimizer)
    {
        this.optimizer = optimizer;
        if (optimizer.HasStepScalars)
        {
            table = new MatrixTexture(device, TableShape);
            scalars = new float[TableShape.Elements];
        }

        Arguments = new StepArguments(StepLog.Numbers, table);
    }

    /// <summary>The arguments of a dispatch with nothing made, for the kernel that it needs.</summary>
    public static StepArguments Planned(Optimizer optimizer) => new(StepLog.Numbers, optimizer.HasStepScalars ? new PlannedMatrix(TableShape, "The scalars of steps") : null);

    private static MatrixShape TableShape => new(Rows, MatrixShape.ColumnsPerTexel);

    /// <summary>The arguments of the dispatch.</summary>
    public StepArguments Arguments { get; }

    /// <summary>Sets the next dispatch. Uploads scalars if the table has not those of all its steps.</summary>
    /// <param name="steps">The number of its steps.</param>
    /// <param name="firstStep">The first one's number for the optimizer, from 1.</param>
    /// <param name="batches">The first one's batch.</param>
    public void Prepare(int steps, long firstStep, EpochBatches batches)
    {
        if (table is not null && (first == 0 || firstStep < first || firstStep + steps > first + Rows)) Fill(firstStep);
        Arguments.Set(steps, batches, table is null ? 0 : (int)(firstStep - first));
    }

    public void Dispose() => table?.Dispose();

    private void Fill(long firstStep)
    {
        first = firstStep;
        for (int row = 0; row < Rows; row++)
            optimizer.WriteStepScalars(scalars.AsSpan(row * MatrixShape.ColumnsPerTexel, MatrixShape.ColumnsPerTexel), firstStep + row);
        table!.Upload<float>(scalars);
    }
}
