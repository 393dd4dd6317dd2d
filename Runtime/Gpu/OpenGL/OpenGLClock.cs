using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Tells the GPU's time by queries.</summary>
internal sealed class OpenGLClock(OpenGLContext context)
{
    private readonly GL gl = context.Gl;
    private GpuResource? emptyFramebuffer;

    public GpuResource CreateQuery()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        return context.Resources.Register(GpuResourceKind.Query, gl.GenQuery(), 0);
    }

    /// <summary>
    /// A common driver puts a timestamp off to the end of all drawing while a framebuffer with pixels is bound, so one without is. The end
    /// of the outermost call gives the host's back.
    /// </summary>
    public void Prepare()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Computing);
        emptyFramebuffer ??= context.Resources.Register(GpuResourceKind.Framebuffer, gl.GenFramebuffer(), 0);   // without attachments and size
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, emptyFramebuffer.Name);
    }

    /// <summary>Lets a query note the GPU's time behind all commands so far. Its last result must have been read.</summary>
    public void Mark(uint query)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.QueryCounter(query, QueryCounterTarget.Timestamp);
    }

    /// <summary>What a query noted, in nanoseconds; false while the GPU has not come there. Does not wait.</summary>
    public bool TryRead(uint query, out long nanoseconds)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.GetQueryObject(query, QueryObjectParameterName.ResultAvailable, out int available);
        nanoseconds = 0;
        if (available == 0) return false;
        gl.GetQueryObject(query, QueryObjectParameterName.Result, out nanoseconds);
        return true;
    }
}
