using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// Queries the driver for whether the context was reset. After a reset, fences and queries report being done, whatever became
/// of the work, so this is checked before them. Source: OpenGL 4.5, 2.3.2; KHR_robustness; ARB_robustness.
/// </summary>
internal sealed unsafe class ResetStatus
{
    private readonly delegate* unmanaged[Cdecl]<uint> getStatus;

    /// <summary>The entry point of a missing extension may be a stub whose call is an error, so the driver's list decides.</summary>
    public ResetStatus(GL gl, DriverExtensions extensions)
    {
        string? name = extensions.Has("GL_KHR_robustness", sinceMajor: 4, sinceMinor: 5) ? "glGetGraphicsResetStatus"
            : extensions.Has("GL_ARB_robustness") ? "glGetGraphicsResetStatusARB" : null;
        if (name is not null && gl.Context.TryGetProcAddress(name, out nint address)) getStatus = (delegate* unmanaged[Cdecl]<uint>)address;
    }

    /// <summary>What happened to the context; null if nothing did, or if the driver does not report it.</summary>
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
