namespace NeuralPlugin;

/// <summary>
/// A trainer's steps that are enqueued without waiting for their loss. A non-finite loss does not reach the weights; it is
/// found some Updates later, as are steps that the driver skipped (<see cref="StepLedger"/>), and training continues from the last good weights.
/// </summary>
internal sealed class EnqueuedSteps : IDisposable
{
    private readonly Network network;
    private readonly Loss loss;
    private readonly OptimizerState state;
    private readonly StepLedger ledger;
    private StepWorkspace? workspace;
    private int rows;

    public EnqueuedSteps(Network network, Loss loss, OptimizerState state)
    {
        this.network = network;
        this.loss = loss;
        this.state = state;
        ledger = new StepLedger(network, state, readbacks: 1, loss.RateGuide);
    }

    /// <summary>Steps that do not count.</summary>
    public long Lost => ledger.Lost;

    /// <summary>The results of the latest known steps, if the loss guides the learning rate.</summary>
    public GuidedStepResult Guided => ledger.Guided;

    /// <summary>The mean loss over the same steps.</summary>
    public float Loss => ledger.Loss;

    /// <summary>The log that the steps keep on the GPU.</summary>
    public StepLog Log => ledger.Log;

    /// <summary>As <see cref="StepLedger.RowOfLastRate"/>.</summary>
    public int RowOfLastRate => ledger.RowOfLastRate;

    /// <summary>Ensures a compiled plan of at least this many rows.</summary>
    public void Prepare(int capacity)
    {
        if (workspace is not null && workspace.Capacity >= capacity) return;
        StepWorkspace larger = new(network, capacity, loss, state, log: ledger.Log);
        larger.Compile();
        workspace?.Dispose();
        workspace = larger;
    }

    /// <summary>Uploads the batch of the next steps, for which a plan was prepared.</summary>
    public void Upload(TrainingBatch batch)
    {
        workspace!.Upload(batch);
        rows = batch.Rows;
    }

    /// <summary>Uploads the targets of the next steps, whose features are written into <see cref="Features"/>.</summary>
    public void UploadTargets(BatchTargets targets, int count)
    {
        workspace!.UploadTargets(targets, count);
        rows = count;
    }

    /// <summary>The features of a batch, until a larger plan is prepared.</summary>
    public MatrixTexture Features => workspace!.Input;

    /// <summary>Collects the available results of the steps so far. Call it once a frame, before its steps.</summary>
    /// <returns>The last step that the driver skipped and that was not yet reported; 0 for none.</returns>
    public long TakeSkippedStep()
    {
        ledger.Read();
        ledger.EndCall();
        return ledger.TakeSkippedStep();
    }

    public void Enqueue(float learningRate)
    {
        ledger.Read();
        if (ledger.HasDropped) ledger.Resume();
        ledger.BeginStep(learningRate);
        workspace!.Enqueue(rows);
        ledger.CommitStep();
        ledger.StartReading();
    }

    public void Dispose()
    {
        workspace?.Dispose();
        ledger.Dispose();
    }
}
