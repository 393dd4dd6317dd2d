namespace NeuralPlugin;

/// <summary>One network's predictions requested without waiting, in reused slots.</summary>
/// <param name="network">The network.</param>
/// <param name="softmax">Whether to return probabilities rather than raw outputs.</param>
internal sealed class PredictionRequests(Network network, bool softmax) : IDisposable
{
    private readonly Slot[] slots = [.. Enumerable.Range(0, PredictionRequest.Capacity).Select(_ => new Slot())];
    private PredictionWorkspace? workspace;
    private long asked;
    private bool disposed;

    /// <summary>Enqueues a checked batch and the copy of its results.</summary>
    public PredictionRequest Add(ReadOnlySpan<float> features, int rows)
    {
        int number = (int)(asked % slots.Length);
        Slot slot = slots[number];
        if (slot.Status == PredictionStatus.Pending) network.Device.Update();
        if (slot.Status == PredictionStatus.Pending) return default;
        if (workspace is null || workspace.Capacity < rows)
        {
            PredictionWorkspace larger = new(network, rows, softmax);
            workspace?.Dispose();
            workspace = larger;
        }

        slot.Prepare(network.Device, workspace.Results, rows * network.Outputs);
        SkipMark.Put(network.Device, workspace.Results);
        workspace.Enqueue(features, rows);
        slot.Start(++asked, rows);
        return new PredictionRequest(this, number, asked);
    }

    public PredictionStatus StatusOf(int slot, long generation)
    {
        return !disposed && slots[slot].Generation == generation ? slots[slot].Status : PredictionStatus.Expired;
    }

    public bool TryGet(int slot, long generation, Span<float> results)
    {
        if (StatusOf(slot, generation) is not (PredictionStatus.Pending or PredictionStatus.Ready)) return false;
        int values = slots[slot].Count, outputs = network.Outputs;
        Requirements.Length(results.Length, values, $"{values / outputs} samples × {outputs} {(softmax ? "classes" : "outputs")}", nameof(results));
        if (slots[slot].Status == PredictionStatus.Pending) return false;
        slots[slot].Values.CopyTo(results);
        return true;
    }

    public void Dispose()
    {
        disposed = true;
        workspace?.Dispose();
        foreach (Slot slot in slots) slot.Dispose();
    }

    private sealed class Slot : IDisposable
    {
        private readonly MatrixTexture[] source = new MatrixTexture[1];
        private Readback? readback;
        private float[] values = [];

        public PredictionStatus Status { get; private set; } = PredictionStatus.Expired;

        /// <summary>The request that occupies the slot.</summary>
        public long Generation { get; private set; }

        public int Count { get; private set; }

        public ReadOnlySpan<float> Values => values.AsSpan(0, Count);

        public void Prepare(NeuralDevice device, MatrixTexture results, int count)
        {
            if (!ReferenceEquals(source[0], results))
            {
                Readback larger = new(device, [results.Shape], End);
                readback?.Dispose();
                readback = larger;
                source[0] = results;
            }

            if (values.Length < count) values = new float[count];
            Count = count;
        }

        public void Start(long generation, int rows)
        {
            readback!.Start(source, rows);
            Generation = generation;
            Status = PredictionStatus.Pending;
        }

        public void Dispose()
        {
            readback?.Dispose();
            readback = null;
        }

        private void End(Readback ended)
        {
            if (readback is null) return;   // disposed while pending: its buffer is gone
            Status = ended.Status == ReadbackStatus.Ready && TryRead(ended) ? PredictionStatus.Ready : PredictionStatus.Failed;
        }

        /// <summary>False if the driver lost the buffer or skipped the dispatches.</summary>
        private bool TryRead(Readback ended)
        {
            try
            {
                ended.Read(0, values.AsSpan(0, Count));
            }
            catch (InvalidOperationException)
            {
                return false;   // the requester learns of it, and the other readbacks of this Update go on
            }

            return !SkipMark.Is(values[0]);
        }
    }
}
