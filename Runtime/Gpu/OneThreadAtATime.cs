namespace NeuralPlugin;

/// <summary>The open calls of a device that is not bound to a thread: any thread may call, but only one at a time.</summary>
/// <param name="device">The name of the device's kind in errors.</param>
internal sealed class OneThreadAtATime(string device)
{
    private readonly OpenCalls calls = new();
    private int owner;   // the thread that is inside; 0 for none

    /// <summary>Whether the open call is not nested in another one or in a frame.</summary>
    public bool IsOutermost => !calls.IsNested;

    /// <summary>Begins a call.</summary>
    /// <returns>Whether it is the outermost one.</returns>
    /// <exception cref="InvalidOperationException">Another thread is inside a call.</exception>
    public bool Begin()
    {
        if (!TryBegin())
        {
            throw new InvalidOperationException(
                $"Another thread is inside a call or a frame of this device. {device} may be used from any thread, but only one at a time: end the frame there first.");
        }

        return IsOutermost;
    }

    /// <summary>Begins a call, unless another thread is inside one.</summary>
    public bool TryBegin()
    {
        int current = Environment.CurrentManagedThreadId;
        if (Volatile.Read(ref owner) != current && Interlocked.CompareExchange(ref owner, current, 0) != 0) return false;
        calls.Begin();
        return true;
    }

    /// <summary>Ends the innermost call; true if it was the outermost.</summary>
    public bool End() => Released(calls.End());

    /// <summary>Begins a frame.</summary>
    /// <returns>The frame's number.</returns>
    public long BeginFrame() => calls.BeginFrame();

    /// <summary>Ends a frame and those within it; does nothing if it has already ended. True if it was the outermost call.</summary>
    public bool EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return false;
        calls.EndFrame(number);
        return End();
    }

    /// <summary>Forgets all open frames.</summary>
    public void ForgetFrames() => calls.ForgetFrames();

    private bool Released(bool isOutermost)
    {
        if (isOutermost) Volatile.Write(ref owner, 0);
        return isOutermost;
    }
}
