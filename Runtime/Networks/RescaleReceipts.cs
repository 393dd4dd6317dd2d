namespace NeuralPlugin;

/// <summary>
/// The rescales of a value output that were enqueued and of which it is not known yet that they ran: a conditional render of the host may skip them, and the caller already
/// computes with the new scale. Each has a number, which its dispatch leaves in a receipt per row, and a row whose receipt has the number stays unchanged. So they are
/// enqueued again before everything that reads the weights: what runs reads weights that are on the new scale. A copy is never skipped, so it is compared with a copy of the receipts.
/// </summary>
internal sealed class RescaleReceipts : IDisposable
{
    private readonly MatrixTexture[] textures;
    private readonly Readback readback;
    private readonly float[] found;
    private readonly float[] copied;
    private readonly float[] one = new float[1];
    private readonly List<float[]> open = [];    // the first ones are in use, the oldest first; the others are spare
    private readonly int valuesOfEach;
    private int newest;

    /// <param name="device">The device of the weights.</param>
    /// <param name="rows">The rows of a rescale's dispatch.</param>
    /// <param name="valuesOfEach">The numbers that a rescale consists of.</param>
    public RescaleReceipts(NeuralDevice device, int rows, int valuesOfEach)
    {
        this.valuesOfEach = valuesOfEach;
        textures = [new MatrixTexture(device, device.Shape(rows, 1, "The receipts of a rescale"))];
        readback = new Readback(device, [textures[0].Shape]);
        (found, copied) = (new float[rows], new float[rows]);
        open.Add(new float[valuesOfEach]);
    }

    /// <summary>The receipts [rows × 1]: of each row the number of the last rescale that it had.</summary>
    public MatrixTexture Matrix => textures[0];

    /// <summary>The rescales whose outcome is unknown.</summary>
    public int Count { get; private set; }

    /// <summary>The number of an open rescale; the oldest one's index is 0.</summary>
    public float NumberOf(int index) => newest - Count + 1 + index;

    /// <summary>Its values.</summary>
    public ReadOnlySpan<float> ValuesOf(int index) => open[index];

    /// <summary>Adds one. Allocates only if more are open than ever before.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        if (Count == open.Count) open.Add(new float[valuesOfEach]);
        values.CopyTo(open[Count++]);
        newest++;
    }

    /// <summary>Drops those that are known to have run, without waiting.</summary>
    public void Collect()
    {
        if (Count == 0 || readback.Status != ReadbackStatus.Ready) return;
        readback.Read(0, found);
        float least = LeastOf(found);
        while (Count > 0 && NumberOf(0) <= least)
        {
            float[] done = open[0];
            open.RemoveAt(0);
            open.Add(done);
            Count--;
        }
    }

    /// <summary>Asks which have run, after they were enqueued.</summary>
    public void StartReading()
    {
        if (readback.Status != ReadbackStatus.Pending) readback.Start(textures);
    }

    /// <summary>The number of the last one of which it is not known that it ran; 0 for none.</summary>
    public float LastOpen => Count == 0 ? 0 : newest;

    /// <summary>Whether a rescale had run when the weights and then these receipts were copied.</summary>
    /// <param name="number">Its number, as <see cref="LastOpen"/> gave it at the time; 0 for none.</param>
    /// <param name="copy">The copy.</param>
    /// <param name="matrix">The index of the receipts in it.</param>
    public bool HadRun(float number, Readback copy, int matrix)
    {
        if (number == 0) return true;
        copy.Read(matrix, copied);
        return LeastOf(copied) >= number;
    }

    /// <summary>Throws if a rescale has not run: weights that are read now would be on another scale. Waits if it is not known.</summary>
    /// <exception cref="DispatchesSkippedException">The driver skipped one.</exception>
    public void RequireAll()
    {
        if (Count == 0) return;
        Matrix.Read(copied);
        if (LeastOf(copied) < newest) throw DispatchesSkippedException.OfCall();
    }

    /// <summary>The weights of all rows are replaced: none is to run any more.</summary>
    public void Forget() => Count = 0;

    /// <summary>The weights of a row are replaced: none is to change it any more.</summary>
    public void Forget(int row)
    {
        if (Count == 0) return;
        one[0] = newest;
        Matrix.Upload<float>(one, row);
    }

    public void Dispose()
    {
        textures[0].Dispose();
        readback.Dispose();
    }

    private static float LeastOf(float[] receipts)
    {
        float least = float.PositiveInfinity;
        foreach (float receipt in receipts) least = Math.Min(least, receipt);
        return least;
    }
}
