namespace NeuralPlugin;

/// <summary>
/// The consecutive steps of one dispatch (<see cref="SmallSteps"/>) in double precision, one after the other: each reads what the one before has written, and the log is kept by
/// Shaders/Include/step_log.glsl.
/// </summary>
/// <param name="step">One step.</param>
/// <param name="batch">The batches.</param>
/// <param name="content">The matrices before the first step; afterwards those after the last one.</param>
internal sealed class SmallStepsTwin(SmallStep step, VerifiedBatch batch, Dictionary<Operand, double[]> content)
{
    /// <summary>The row of the log of each step.</summary>
    public List<double[]> Rows { get; } = [];

    /// <summary>The number of the dropped step; 0 for none.</summary>
    public int Dropped { get; private set; }

    /// <summary>The number of the last step in which a parameter kept its value; 0 for none.</summary>
    public int Kept { get; private set; }

    /// <summary>Both sides of the parameters and of the optimizer's state.</summary>
    public static IEnumerable<(Operand Committed, Operand Pending)> SidesOf(SmallStep step) =>
        ((ParameterUpdate[])[step.HiddenUpdate, step.OutputUpdate]).SelectMany(update => update.State.Prepend(update.Weights));

    /// <param name="steps">The number of steps.</param>
    /// <param name="firstStep">The first one's number for the optimizer.</param>
    /// <param name="firstLogged">The first one's number for the log.</param>
    public void Run(int steps, long firstStep, long firstLogged)
    {
        SmallStep turn = step;
        for (int i = 0; i < steps; i++, turn = Swapped(turn)) Run(turn, i, firstStep + i, StepLog.NumberOf(firstLogged + i));
    }

    private void Run(SmallStep turn, int batchOfStep, long numberForOptimizer, int number)
    {
        int[] labels = batch.LabelsOf(batchOfStep);
        ComputationTwin twin = new(labels.Length, labels, batch.ValuesOf(batchOfStep), numberForOptimizer);
        foreach ((Operand matrix, double[] values) in content) twin.Set(matrix, values);
        twin.Set(turn.Hidden.Input, batch.InputsOf(batchOfStep));
        twin.Run(turn);
        double[] loss = twin.Of(turn.Sum.BatchLoss)!;
        Rows.Add([loss[0], loss[1], labels.Length, number]);
        bool dropsNow = Dropped == 0 && !double.IsFinite(loss[0]);
        if (dropsNow) Dropped = number;
        if (dropsNow) return;
        if (Dropped == 0 && twin.HasKept) Kept = number;
        foreach ((Operand committed, Operand pending) in SidesOf(turn)) content[pending] = Dropped == 0 ? twin.Of(pending)! : content[committed];
    }

    /// <summary>The step after this one: what this one writes, it reads.</summary>
    private static SmallStep Swapped(SmallStep step)
    {
        static ParameterUpdate Swap(ParameterUpdate update) => update with
        {
            Weights = (update.Weights.Pending, update.Weights.Committed),
            State = [.. update.State.Select(state => (state.Pending, state.Committed))],
        };
        return step with
        {
            Hidden = step.Hidden with { Parameters = step.HiddenUpdate.Weights.Pending },
            Last = step.Last with { OutputParameters = step.OutputUpdate.Weights.Pending },
            HiddenUpdate = Swap(step.HiddenUpdate),
            OutputUpdate = Swap(step.OutputUpdate),
        };
    }
}
