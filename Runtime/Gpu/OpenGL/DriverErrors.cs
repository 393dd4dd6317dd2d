using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Reads the errors that a context has recorded, only in validation mode: each read waits for the driver.</summary>
internal sealed class DriverErrors(GL gl)
{
    /// <summary>A lost context returns errors endlessly.</summary>
    private const int Most = 8;

    /// <summary>Throws if the host left errors; reading consumes them.</summary>
    public void ThrowHosts()
    {
        if (Read() is { } errors)
        {
            throw new OpenGLErrorException(
                $"The host left {string.Join(", ", errors)} before this call: an OpenGL call of its own failed. This call did nothing. " +
                "Reading consumed the error: the host's own glGetError will not see it.", errors, isHosts: true);
        }
    }

    public void ThrowOurs()
    {
        if (Read() is { } errors)
        {
            throw new OpenGLErrorException(
                $"An OpenGL call of this package caused {string.Join(", ", errors)}. The call or frame that ends here ran, but its result cannot be trusted. " +
                "Please report it, with the driver and its version.", errors, isHosts: false);
        }
    }

    private List<string>? Read()
    {
        List<string>? found = null;
        for (int i = 0; i < Most && gl.GetError() is var error && error != GLEnum.NoError; i++) (found ??= []).Add(NameOf(error));
        return found;
    }

    private static string NameOf(GLEnum error) => error switch
    {
        GLEnum.InvalidEnum => "GL_INVALID_ENUM",
        GLEnum.InvalidValue => "GL_INVALID_VALUE",
        GLEnum.InvalidOperation => "GL_INVALID_OPERATION",
        GLEnum.InvalidFramebufferOperation => "GL_INVALID_FRAMEBUFFER_OPERATION",
        GLEnum.OutOfMemory => "GL_OUT_OF_MEMORY",
        GLEnum.StackOverflow => "GL_STACK_OVERFLOW",
        GLEnum.StackUnderflow => "GL_STACK_UNDERFLOW",
        GLEnum.ContextLost => "GL_CONTEXT_LOST",
        _ => $"0x{(int)error:X4}",
    };
}
