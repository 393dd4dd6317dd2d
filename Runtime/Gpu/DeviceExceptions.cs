namespace NeuralPlugin;

/// <summary>
/// There is no OpenGL 4.3 with compute shaders here: no library of EGL or WGL, no driver, a version that is too old, or a
/// context without compute shaders. The message says what was found, what is needed and where to get it.
/// </summary>
public sealed class DeviceNotSupportedException : Exception
{
    /// <summary>Makes the exception with the sentence that its reader needs.</summary>
    public DeviceNotSupportedException(string message) : base(message) { }
}

/// <summary>
/// A call came from a thread on which the device's OpenGL context is not current (no context at all, or another one).
/// No OpenGL call was made.
/// </summary>
public sealed class WrongContextException : InvalidOperationException
{
    /// <summary>Makes the exception with the sentence that its reader needs.</summary>
    public WrongContextException(string message) : base(message) { }
}

/// <summary>
/// The device's OpenGL context was reset (the graphics card hung or was taken away), and everything on it is gone. No call waits
/// for it. Make a new context and a new device on it, and load the last saved weights; Dispose of the old ones does no harm.
/// </summary>
public sealed class ContextLostException : InvalidOperationException
{
    /// <summary>Makes the exception with the sentence that its reader needs.</summary>
    public ContextLostException(string message) : base(message) { }
}

/// <summary>
/// The driver has recorded an OpenGL error; looked for only with <see cref="NeuralDevice.Validation"/>. Found where a call
/// begins, it is the host's: nothing of the call was done, and reading consumed the error. Found where one ends, it is ours.
/// </summary>
public sealed class OpenGLErrorException : InvalidOperationException
{
    /// <summary>Makes the exception with the sentence that its reader needs.</summary>
    /// <param name="message">The sentence.</param>
    /// <param name="errors">The names of the errors, such as <c>GL_INVALID_OPERATION</c>.</param>
    /// <param name="isHosts">Whether a call of the host made them.</param>
    public OpenGLErrorException(string message, IReadOnlyList<string> errors, bool isHosts) : base(message)
    {
        Errors = errors;
        IsHosts = isHosts;
    }

    /// <summary>The names of the errors, in the order in which the driver gave them.</summary>
    public IReadOnlyList<string> Errors { get; }

    /// <summary>Whether a call of the host made them; else it was one of ours.</summary>
    public bool IsHosts { get; }
}

/// <summary>A size is beyond what this device can hold in one matrix or run in one dispatch. Nothing was made.</summary>
public sealed class DeviceLimitException : ArgumentException
{
    /// <summary>Makes the exception with the sentence that its reader needs and the parameter's name.</summary>
    public DeviceLimitException(string message, string? paramName = null) : base(message, paramName) { }
}

/// <summary>An input holds NaN or an infinity. Nothing was uploaded.</summary>
public sealed class NonFiniteValueException : ArgumentException
{
    /// <summary>Makes the exception with the sentence that its reader needs and the parameter's name.</summary>
    public NonFiniteValueException(string message, string? paramName = null) : base(message, paramName) { }
}

/// <summary>
/// The driver skipped dispatches, without an error. A conditional render of the host does that that is open during a call (glBeginConditionalRender
/// without its end) and whose query found nothing; with <see cref="HostStatePolicy.HostRebinds"/>, active transform feedback does too. A call that waits
/// throws it at once, and has changed nothing; in a frame it is known some frames later.
/// </summary>
public sealed class DispatchesSkippedException : InvalidOperationException
{
    /// <summary>Makes the exception with the sentence that its reader needs.</summary>
    public DispatchesSkippedException(string message) : base(message) { }

    /// <summary>Of a call that waits, which has noticed it.</summary>
    internal static DispatchesSkippedException OfCall()
    {
        return new DispatchesSkippedException(
            "The driver did not run the dispatches of this call, which has no result and has changed nothing: it skips them while a conditional render is open " +
            "(glBeginConditionalRender). Call before it or after glEndConditionalRender; and with HostStatePolicy.HostRebinds, not while transform feedback is active.");
    }
}
