namespace NeuralPlugin;

/// <summary>
/// The steps of a trainer that are enqueued without waiting for their loss. A record on the GPU keeps a loss that is not finite from
/// reaching the weights; it is read back, some Updates later, and training goes on from the last good weights.
/// </summary>
internal sealed class EnqueuedSteps : IDisposable
{
    private readonly Network network;
    private readonly Loss loss;
    private readonly OptimizerState state;
    private readonly StepLog record;
    private readonly StepLogCopy found = new();
    private readonly Readback readback;
    private readonly MatrixTexture[] textures;
    private StepWorkspace? workspace;
    private int rows;
    private long steps;
    private long stepsWhenRead;
    private long copied;
    private bool isRead = true;

    public EnqueuedSteps(Network network, Loss loss, OptimizerState state)
    {
        this.network = network;
        this.loss = loss;
        this.state = state;
        record = new StepLog(network.Device);
        textures = [record.Texture];
        readback = new Readback(network.Device, [record.Texture.Shape]);
    }

    /// <summary>Steps that do not count.</summary>
    public long Dropped { get; private set; }

    /// <summary>Sees to it that there is a compiled plan of at least so many rows.</summary>
    public void Prepare(int capacity)
    {
        if (workspace is not null && workspace.Capacity >= capacity) return;
        StepWorkspace larger = new(network, capacity, loss, state, log: record);
        larger.Compile();
        workspace?.Dispose();
        workspace = larger;
    }

    /// <summary>Takes the batch of the next steps, which a plan was prepared for.</summary>
    public void Upload(TrainingBatch batch)
    {
        workspace!.Upload(batch);
        rows = batch.Rows;
    }

    /// <summary>Takes the targets of the next steps, whose features are written into <see cref="Features"/>.</summary>
    public void UploadTargets(BatchTargets targets, int count)
    {
        workspace!.UploadTargets(targets, count);
        rows = count;
    }

    /// <summary>The features of a batch, until a larger plan is prepared.</summary>
    public MatrixTexture Features => workspace!.Input;

    public void Enqueue(float learningRate)
    {
        Notice();
        if (network.PendingIsStale) CopyToPending();   // what a step that is dropped leaves as it is
        state.PrepareStep(learningRate);
        record.BeginStep(++steps);
        workspace!.Enqueue(rows);
        state.Commit();
        if (readback.Status == ReadbackStatus.Pending || !isRead) return;
        stepsWhenRead = steps;
        isRead = false;
        readback.Start(textures);
    }

    public void Dispose()
    {
        workspace?.Dispose();
        record.Dispose();
        readback.Dispose();
    }

    /// <summary>
    /// Takes what was read back. Where a step was dropped, none behind it counted, and the weights are those before the step before it,
    /// or where these were copied, those before itself: it goes on with them.
    /// </summary>
    private void Notice()
    {
        if (isRead || readback.Status == ReadbackStatus.Pending) return;
        isRead = true;
        found.Read(readback);
        if (found.DroppedStep == 0) return;
        long dropped = stepsWhenRead;
        while (StepLog.NumberOf(dropped) != found.DroppedStep) dropped--;
        long lost = steps - Math.Max(dropped - 2, Math.Min(copied, dropped - 1));
        Dropped += lost;
        state.Rewind(state.Steps - lost);
        record.ForgetDrop();
        CopyToPending();
    }

    private void CopyToPending()
    {
        state.CopyToPending();
        copied = steps;
    }
}
