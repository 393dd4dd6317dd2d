namespace NeuralPlugin;

/// <summary>
/// OpenGL 4.3 with compute shaders is not available: no EGL or WGL library, no driver, an outdated version, or a
/// context without compute shaders. The message gives what was found, what is needed and where to get it.
/// </summary>
public sealed class DeviceNotSupportedException : Exception
{
    /// <summary>Makes the exception with a message for its reader.</summary>
    public DeviceNotSupportedException(string message) : base(message) { }
}

/// <summary>
/// A call came from a thread on which the device's OpenGL context is not current (no context at all, or another one).
/// No OpenGL call was made.
/// </summary>
public sealed class WrongContextException : InvalidOperationException
{
    /// <summary>Makes the exception with a message for its reader.</summary>
    public WrongContextException(string message) : base(message) { }
}

/// <summary>
/// The device's OpenGL context was reset (the graphics card hung or was removed), and everything on it is lost. No call waits
/// for it. Make a new context and a new device on it, and load the last saved weights; disposing the old ones is harmless.
/// </summary>
public sealed class ContextLostException : InvalidOperationException
{
    /// <summary>Makes the exception with a message for its reader.</summary>
    public ContextLostException(string message) : base(message) { }
}

/// <summary>
/// The driver recorded an OpenGL error; checked only with <see cref="NeuralDevice.Validation"/>. An error found where a call
/// begins is the host's: the call did nothing, and reading consumed the error. One found where a call ends is ours.
/// </summary>
public sealed class OpenGLErrorException : InvalidOperationException
{
    /// <summary>Makes the exception with a message for its reader.</summary>
    /// <param name="message">The message.</param>
    /// <param name="errors">The names of the errors, such as <c>GL_INVALID_OPERATION</c>.</param>
    /// <param name="isHosts">Whether a call of the host caused them.</param>
    public OpenGLErrorException(string message, IReadOnlyList<string> errors, bool isHosts) : base(message)
    {
        Errors = errors;
        IsHosts = isHosts;
    }

    /// <summary>The names of the errors, in the driver's order.</summary>
    public IReadOnlyList<string> Errors { get; }

    /// <summary>Whether a call of the host caused them; otherwise it was one of ours.</summary>
    public bool IsHosts { get; }
}

/// <summary>A size exceeds what this device can hold in one matrix or run in one dispatch. Nothing was made.</summary>
public sealed class DeviceLimitException : ArgumentException
{
    /// <summary>Makes the exception with a message for its reader and the parameter's name.</summary>
    public DeviceLimitException(string message, string? paramName = null) : base(message, paramName) { }
}

/// <summary>An input contains NaN or an infinity. Nothing was uploaded.</summary>
public sealed class NonFiniteValueException : ArgumentException
{
    /// <summary>Makes the exception with a message for its reader and the parameter's name.</summary>
    public NonFiniteValueException(string message, string? paramName = null) : base(message, paramName) { }
}

/// <summary>
/// The driver skipped dispatches, without an error. The cause is a conditional render of the host that is open during a call (glBeginConditionalRender
/// without its end) and whose query found nothing; with <see cref="HostStatePolicy.HostRebinds"/>, also active transform feedback. A waiting call
/// throws it at once, and has changed nothing; in a frame it is known some frames later.
/// </summary>
public sealed class DispatchesSkippedException : InvalidOperationException
{
    /// <summary>Makes the exception with a message for its reader.</summary>
    public DispatchesSkippedException(string message) : base(message) { }

    /// <summary>For a waiting call that noticed the skip.</summary>
    internal static DispatchesSkippedException OfCall()
    {
        return new DispatchesSkippedException(
            "The driver did not run the dispatches of this call, which has no result and has changed nothing: it skips them while a conditional render is open " +
            "(glBeginConditionalRender). Call before it or after glEndConditionalRender; and with HostStatePolicy.HostRebinds, not while transform feedback is active.");
    }
}
