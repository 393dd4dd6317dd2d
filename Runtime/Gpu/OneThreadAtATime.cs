namespace NeuralPlugin;

/// <summary>The open calls of a device that is bound to no thread: they come from any, but from one at a time.</summary>
/// <param name="device">What its kind is called in an error.</param>
internal sealed class OneThreadAtATime(string device)
{
    private readonly OpenCalls calls = new();
    private int owner;   // the thread that is inside; 0 for none

    /// <summary>Whether the call that is open lies in no other one and in no frame.</summary>
    public bool IsOutermost => !calls.IsNested;

    /// <summary>Begins a call.</summary>
    /// <returns>Whether it is the outermost one.</returns>
    /// <exception cref="InvalidOperationException">Another thread is inside one.</exception>
    public bool Begin()
    {
        if (!TryBegin())
        {
            throw new InvalidOperationException(
                $"Another thread is inside a call or a frame of this device. {device} may be used from any thread, but from one at a time: end the frame there first.");
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

    /// <summary>Ends the innermost call; true where it was the outermost.</summary>
    public bool End() => Released(calls.End());

    /// <summary>Begins a frame.</summary>
    /// <returns>Its number.</returns>
    public long BeginFrame() => calls.BeginFrame();

    /// <summary>Ends a frame and those within it; one that has ended is left alone. True where it was the outermost call.</summary>
    public bool EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return false;
        calls.EndFrame(number);
        return End();
    }

    /// <summary>No frame is open any more.</summary>
    public void ForgetFrames() => calls.ForgetFrames();

    private bool Released(bool isOutermost)
    {
        if (isOutermost) Volatile.Write(ref owner, 0);
        return isOutermost;
    }
}
