namespace NeuralPlugin;

/// <summary>The open calls of a device that is bound to no thread: they come from any, but from one at a time.</summary>
/// <param name="device">What its kind is called in an error.</param>
internal sealed class OneThreadAtATime(string device)
{
    private readonly OpenCalls calls = new();
    private int thread;

    /// <summary>Begins a call.</summary>
    /// <returns>Whether it is the outermost one.</returns>
    /// <exception cref="InvalidOperationException">Another thread is inside one.</exception>
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

    /// <summary>Ends the innermost call; true where it was the outermost.</summary>
    public bool End() => calls.End();

    /// <summary>Begins a frame.</summary>
    /// <returns>Its number.</returns>
    public long BeginFrame()
    {
        Begin();
        return calls.BeginFrame();
    }

    /// <summary>Ends a frame and those within it; one that has ended is left alone. True where it was the outermost call.</summary>
    public bool EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return false;
        calls.EndFrame(number);
        return calls.End();
    }

    /// <summary>No frame is open any more.</summary>
    public void ForgetFrames() => calls.ForgetFrames();
}
