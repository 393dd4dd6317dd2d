namespace NeuralPlugin;

/// <summary>
/// The calls of a frame, from <see cref="NeuralDevice.BeginFrame"/> on: the host's OpenGL state is saved once and given back when
/// this is disposed. It is a value and allocates nothing.
/// </summary>
public readonly struct FrameScope : IDisposable
{
    private readonly NeuralDevice? device;
    private readonly long number;

    internal FrameScope(NeuralDevice device, long number)
    {
        this.device = device;
        this.number = number;
    }

    /// <summary>
    /// Ends the frame. A second call does nothing. If frames that began within this one are still open, they end with it, and
    /// their own Dispose does nothing. It does nothing either once the device was disposed or its context lost.
    /// </summary>
    /// <exception cref="WrongContextException">
    /// The device's context is not current on this thread: the frame stays open, until it is disposed where it is.
    /// </exception>
    /// <exception cref="OpenGLErrorException">With <see cref="NeuralDevice.Validation"/>: a call of ours in this frame was an error to the driver.</exception>
    public void Dispose() => device?.EndFrame(number);
}
