namespace NeuralPlugin;

/// <summary>
/// The calls of a frame, starting with <see cref="NeuralDevice.BeginFrame"/>: the host's OpenGL state is saved once and restored when
/// this is disposed. It is a value type and allocates nothing.
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
    /// Ends the frame. A second call does nothing. If frames that began within this one are still open, they end too, and
    /// their own Dispose does nothing, as does this one once the device is disposed or its context lost.
    /// </summary>
    /// <exception cref="WrongContextException">
    /// The device's context is not current on this thread: the frame stays open until it is disposed on the right one.
    /// </exception>
    /// <exception cref="OpenGLErrorException">With <see cref="NeuralDevice.Validation"/>: a call of ours in this frame caused a driver error.</exception>
    public void Dispose() => device?.EndFrame(number);
}
