namespace NeuralPlugin;

/// <summary>
/// Points in the GPU's time, marked between its commands and read some frames later without a wait. They are used in a
/// ring: one that was not read yet is not marked again, and then none is available.
/// </summary>
internal sealed class TimestampRing : IDisposable
{
    private readonly NeuralDevice device;
    private readonly BackendResource[] timestamps;
    private long marked;
    private long read;

    public TimestampRing(NeuralDevice device, int capacity)
    {
        this.device = device;
        timestamps = new BackendResource[capacity];
        using NeuralDevice.Scope scope = device.Enter(savesHostState: false);
        for (int i = 0; i < capacity; i++) timestamps[i] = device.Backend.CreateTimestamp();
    }

    ~TimestampRing()
    {
        if (timestamps is null) return;   // the constructor threw
        foreach (BackendResource? timestamp in timestamps) timestamp?.Retire();
    }

    /// <summary>The number of points that can be marked before any is read.</summary>
    public int Free => timestamps.Length - (int)(marked - read);

    /// <summary>Marks the point after all commands so far. There must be a free one.</summary>
    public void Mark()
    {
        if (Free == 0) throw new InvalidOperationException("All timestamps are waiting to be read.");
        device.Backend.MarkTime(timestamps[marked++ % timestamps.Length]);
    }

    /// <summary>The time of the oldest unread point, in nanoseconds of the GPU's own clock; false until it is available.</summary>
    public bool TryRead(out long nanoseconds)
    {
        nanoseconds = 0;
        if (read == marked || !device.Backend.TryReadTime(timestamps[read % timestamps.Length], out nanoseconds)) return false;
        read++;
        return true;
    }

    public void Dispose()
    {
        foreach (BackendResource timestamp in timestamps) timestamp.Retire();
        GC.SuppressFinalize(this);
    }
}
