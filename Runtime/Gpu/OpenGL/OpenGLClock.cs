using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// Reads the GPU's time by queries. The counters of some drivers have 36 bits and wrap after a minute; the times that it returns do not.
/// </summary>
internal sealed class OpenGLClock(OpenGLContext context)
{
    private const int BitsOfTime = 64;   // also of a counter that has none, and that nobody reads (DeviceLimits.HasClock)

    private readonly GL gl = context.Gl;
    private GpuResource? emptyFramebuffer;
    private int bits;   // of the counter; 0 until queried
    private long last;

    public GpuResource CreateQuery()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        return context.Resources.Register(GpuResourceKind.Query, gl.GenQuery(), 0);
    }

    /// <summary>
    /// A common driver delays a timestamp to the end of all drawing while a framebuffer with pixels is bound, so one without is bound. The end
    /// of the outermost call restores the host's.
    /// </summary>
    public void Prepare()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.Computing);
        emptyFramebuffer ??= context.Resources.Register(GpuResourceKind.Framebuffer, gl.GenFramebuffer(), 0);   // without attachments and size
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, emptyFramebuffer.Name);
    }

    /// <summary>Makes a query record the GPU's time after all commands so far. Its last result must have been read.</summary>
    public void Mark(uint query)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.QueryCounter(query, QueryCounterTarget.Timestamp);
    }

    /// <summary>The time that a query recorded, in nanoseconds; false until the GPU has reached it. Does not wait.</summary>
    public bool TryRead(uint query, out long nanoseconds)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        gl.GetQueryObject(query, QueryObjectParameterName.ResultAvailable, out int available);
        nanoseconds = 0;
        if (available == 0) return false;
        gl.GetQueryObject(query, QueryObjectParameterName.Result, out long counter);
        nanoseconds = last = Unwrapped(counter);
        return true;
    }

    /// <summary>
    /// Of all times that end in these bits, the one nearest to the last. Two times within half a period of the counter differ by the time between
    /// them, and the difference is negative only if the counter itself ran backwards.
    /// </summary>
    private long Unwrapped(long counter)
    {
        if (bits == 0)
        {
            gl.GetQuery(GLEnum.Timestamp, GLEnum.QueryCounterBits, out bits);
            if (bits is <= 0 or > BitsOfTime) bits = BitsOfTime;
        }

        int unused = BitsOfTime - bits;
        return last + (((counter - last) << unused) >> unused);
    }
}
