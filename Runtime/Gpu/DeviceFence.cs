namespace NeuralPlugin;

/// <summary>A point in a device's commands that can be polled, without waiting, for whether the device has reached it. It can be set repeatedly.</summary>
internal sealed class DeviceFence(NeuralDevice device) : IFenced
{
    private bool isAhead;

    public nint Fence { get; private set; }

    /// <summary>Sets the fence after all commands so far. It must have been reached since it was last set.</summary>
    public void Insert()
    {
        if (isAhead) throw new InvalidOperationException("The device has not reached this fence yet.");
        Fence = device.Backend.InsertFence();
        isAhead = true;
        device.Readbacks.Add(this);
    }

    /// <summary>Whether the device has reached it, or has ended.</summary>
    public bool IsReached()
    {
        if (isAhead) device.Readbacks.Ask(this);
        return !isAhead;
    }

    public void Complete() => isAhead = false;

    public void Fail(Exception why) => isAhead = false;
}
