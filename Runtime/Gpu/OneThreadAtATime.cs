namespace NeuralPlugin;

/// <summary>The open calls of a device that is not bound to a thread: any thread may call, but only one at a time.</summary>
/// <param name="device">The name of the device's kind in errors.</param>
internal sealed class OneThreadAtATime(string device)
{
    private readonly OpenCalls calls = new();
    private int thread;

    /// <summary>Begins a call.</summary>
    /// <returns>Whether it is the outermost one.</returns>
    /// <exception cref="InvalidOperationException">Another thread is inside a call.</exception>
    public bool Begin()
    {
        int current = Environment.CurrentManagedThreadId;
        bool isOutermost = calls.IsEmpty;
        if (!isOutermost && thread != current)
        {
            throw new InvalidOperationException(
                $"Another thread is inside a call or a frame of this device. {device} may be used from any thread, but from one at a time: end the frame there first.");
        }

        thread = current;
        calls.Begin();
        return isOutermost;
    }

    /// <summary>Ends the innermost call; true if it was the outermost.</summary>
    public bool End() => calls.End();

    /// <summary>Begins a frame.</summary>
    /// <returns>The frame's number.</returns>
    public long BeginFrame()
    {
        Begin();
        return calls.BeginFrame();
    }

    /// <summary>Ends a frame and those within it; does nothing if it has already ended. True if it was the outermost call.</summary>
    public bool EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return false;
        calls.EndFrame(number);
        return calls.End();
    }

    /// <summary>Forgets all open frames.</summary>
    public void ForgetFrames() => calls.ForgetFrames();
}
