namespace NeuralPlugin;

/// <content>Steps that are enqueued in parts.</content>
public sealed partial class NetworkPopulation
{
    /// <summary>The lines that the prepared step can be cut into; 1 if it runs whole.</summary>
    internal int StepLines => workspace.StepLines;

    /// <summary>The members of a part of the prepared step: the first, and their number.</summary>
    internal (int First, int Count) MembersOf(StepPart part) => workspace.MembersOf(part);

    /// <summary>Enqueues the rest of a step that is partly enqueued. Set by whoever enqueues parts: it is called before the weights change in another way.</summary>
    internal Action? CompleteStep { get; set; }

    /// <summary>
    /// Enqueues a part of the prepared step without waiting, as <see cref="TrainBatch"/> without losses; only <see cref="TakeSkippedStep"/> reports skipped steps.
    /// Parts come in order, and the last one completes the step: until then predictions see the weights from before it, of all members.
    /// </summary>
    internal void EnqueuePart(StepPart part, ReadOnlySpan<float> features, BatchTargets batchTargets, float learningRate)
    {
        TrainingBatch samples = TrainingBatch.Check(Inputs, targetLayout, features, batchTargets);
        (int first, int count) = workspace.MembersOf(part);
        Requirements.Length(samples.Rows, count * workspace.StepRows, $"{count} members × {workspace.StepRows} rows", nameof(features));
        using NeuralDevice.Scope scope = Enter();
        workspace.Features.Upload(samples.Features, first * workspace.StepRows);
        workspace.UploadTargets(samples.Targets, first, count);
        if (part.FirstLine == 0) this.learningRate = learningRate;
        RepeatPart(part);
    }

    /// <summary>Enqueues another step on the last one's batches, at its learning rate, without waiting.</summary>
    internal void RepeatStep() => RepeatPart(new StepPart(0, workspace.StepLines));

    /// <summary>Enqueues a part of it.</summary>
    internal void RepeatPart(StepPart part)
    {
        using NeuralDevice.Scope scope = Enter();
        if (part.FirstLine == 0) ledger.BeginStep(learningRate);
        workspace.RunStep(part);
        if (part.FirstLine + part.Lines == workspace.StepLines) ledger.CommitStep();
    }

    private void RequireWholeStep()
    {
        if (ledger.HasOpenStep) CompleteStep!();
    }
}
