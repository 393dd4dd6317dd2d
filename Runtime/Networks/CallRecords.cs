namespace NeuralPlugin;

/// <summary>
/// What a call's last step left in a ledger's log, copied at the end of the call: evidence of all its steps, for when steps of later calls have replaced their rows before the log could be read back.
/// A conditional render of the host may begin to skip in the middle of a call, but never stops there; so if the last step has run, all steps of the call have
/// (of a population's step that spans calls, its last part).
/// </summary>
internal sealed class CallRecords : IDisposable
{
    /// <summary>Calls whose records are kept: more than the frames that a trainer may be ahead of the GPU (<see cref="DeviceFence"/>). Beyond them, the oldest call counts as the one after it.</summary>
    private const int Slots = 64;

    private readonly long[] lastSteps = new long[Slots];
    private readonly float[] found;
    private int first;   // slot
    private int count;
    private long lastStep;   // of the last recorded call

    /// <param name="device">The device of the log.</param>
    /// <param name="columns">The columns of the log.</param>
    public CallRecords(NeuralDevice device, int columns)
    {
        Texture = new MatrixTexture(device, device.Shape(Slots, columns, "The records of a trainer's calls"));
        found = new float[Texture.Shape.Elements];
    }

    /// <summary>The records, a row for each call: to be read back behind the log.</summary>
    public MatrixTexture Texture { get; }

    /// <summary>Records a call, unless it added no step to the last recorded one. Copies are never skipped.</summary>
    /// <param name="step">Its last step.</param>
    /// <param name="log">The log.</param>
    /// <param name="row">The row that this step writes.</param>
    public void Add(long step, MatrixTexture log, int row)
    {
        if (step <= lastStep) return;
        if (count == Slots) RemoveFirst();
        int slot = (first + count++) % Slots;
        log.CopyRow(row, Texture, slot);
        lastSteps[slot] = lastStep = step;
    }

    /// <summary>Takes the content of a readback.</summary>
    /// <param name="readback">The readback.</param>
    /// <param name="matrix">The index of <see cref="Texture"/> in it.</param>
    public void Read(Readback readback, int matrix)
    {
        if (count > 0) readback.Read(matrix, found);
    }

    /// <summary>The record of the call that a step belongs to, as it was read.</summary>
    /// <param name="step">The step.</param>
    /// <param name="lastRead">The last step before the readback began.</param>
    /// <param name="lastStep">The last step of that call.</param>
    /// <returns>Empty if no call was recorded between the two: then the step belongs to the call in which the readback began.</returns>
    public ReadOnlySpan<float> Of(long step, long lastRead, out long lastStep)
    {
        for (int i = 0; i < count; i++)
        {
            int slot = (first + i) % Slots;
            lastStep = lastSteps[slot];
            if (lastStep > lastRead) break;
            if (lastStep >= step) return found.AsSpan(slot * Texture.Shape.Columns, Texture.Shape.Columns);
        }

        lastStep = 0;
        return default;
    }

    /// <summary>Drops the records of calls whose steps are all known.</summary>
    public void Forget(long known)
    {
        while (count > 0 && lastSteps[first] <= known) RemoveFirst();
    }

    public void Dispose() => Texture.Dispose();

    private void RemoveFirst()
    {
        first = (first + 1) % Slots;
        count--;
    }
}
