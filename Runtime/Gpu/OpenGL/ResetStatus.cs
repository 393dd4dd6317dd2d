using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// Asks the driver whether the context was reset. After a reset fences and queries say that they are done, whatever became
/// of the work, so it is asked before them. Source: OpenGL 4.5, 2.3.2; KHR_robustness; ARB_robustness.
/// </summary>
internal sealed unsafe class ResetStatus
{
    private readonly delegate* unmanaged[Cdecl]<uint> getStatus;

    /// <summary>An entry point of an extension that is not there may be a stub whose call is an error, so the driver's word decides.</summary>
    public ResetStatus(GL gl, DriverExtensions extensions)
    {
        string? name = extensions.Has("GL_KHR_robustness", sinceMajor: 4, sinceMinor: 5) ? "glGetGraphicsResetStatus"
            : extensions.Has("GL_ARB_robustness") ? "glGetGraphicsResetStatusARB" : null;
        if (name is not null && gl.Context.TryGetProcAddress(name, out nint address)) getStatus = (delegate* unmanaged[Cdecl]<uint>)address;
    }

    /// <summary>What happened to the context; null where nothing did, or where the driver does not tell.</summary>
    public string? Read()
    {
        if (getStatus is null) return null;
        return (GLEnum)getStatus() switch
        {
            GLEnum.NoError => null,
            GLEnum.GuiltyContextReset => "was reset, and work of this context was the cause (GL_GUILTY_CONTEXT_RESET)",
            GLEnum.InnocentContextReset => "was reset because of another context (GL_INNOCENT_CONTEXT_RESET)",
            _ => "was reset for an unknown reason (GL_UNKNOWN_CONTEXT_RESET)",
        };
    }
}
