namespace NeuralPlugin;

/// <summary>
/// There is no OpenGL 4.3 with compute shaders here: no EGL library, no driver, a version that is too old, or a
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

/// <summary>A size is beyond what this device can hold in one texture or run in one dispatch. Nothing was made.</summary>
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
