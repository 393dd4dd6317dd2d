using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// The context of a device: its owner, whether it is current and was not reset, and the calls and frames that are open on it. The
/// outermost call saves the host's state and restores it. Nothing of this package reaches the driver outside of a call.
/// </summary>
internal sealed unsafe class OpenGLContext
{
    private readonly HeadlessContext? own;
    private readonly ContextIdentity identity;
    private readonly DeviceSettings settings;
    private readonly SavedHostState? host;
    private readonly DisplayLists? displayLists;
    private readonly ResetStatus resetStatus;
    private readonly DriverErrors errors;
    private readonly DebugProc? debugCallback;
    private readonly OpenCalls calls = new();
    private bool isValidating;
    private volatile bool disposed;
    private volatile string? lost;

    /// <param name="gl">The current context, already checked.</param>
    /// <param name="own">The same if it is the device's own; null if it is a host's.</param>
    /// <param name="identity">Its identity.</param>
    /// <param name="options">The destination of the driver's messages.</param>
    /// <param name="settings">The user's settings.</param>
    public OpenGLContext(GL gl, HeadlessContext? own, ContextIdentity identity, HeadlessOptions options, DeviceSettings settings)
    {
        Gl = gl;
        this.own = own;
        this.identity = identity;
        this.settings = settings;
        Extensions = new DriverExtensions(gl);
        resetStatus = new ResetStatus(gl, Extensions);
        errors = new DriverErrors(gl);
        Vendor = gl.GetStringS(StringName.Vendor);
        Renderer = gl.GetStringS(StringName.Renderer);
        Version = gl.GetStringS(StringName.Version);
        Resources = new ResourceTable(gl);
        host = own is null ? new SavedHostState(gl, Resources) : null;
        displayLists = own is null ? new DisplayLists(gl) : null;
        if (options.Debug && options.DebugMessage is { } receive)
        {
            debugCallback = (_, _, _, _, length, message, _) => receive(Marshal.PtrToStringUTF8(message, length));
            gl.Enable(EnableCap.DebugOutput);
            gl.Enable(EnableCap.DebugOutputSynchronous);
            gl.DebugMessageCallback(debugCallback, null);
        }
    }

    /// <summary>
    /// Raised once, when the context was lost or closed, with the exception of every later call. No object, fence or query is queried or
    /// deleted from then on.
    /// </summary>
    public event Action<Exception>? Ended;

    public GL Gl { get; }

    public DriverExtensions Extensions { get; }

    public ResourceTable Resources { get; }

    public string Vendor { get; }

    public string Renderer { get; }

    public string Version { get; }

    public void MakeCurrent()
    {
        RequireNotDisposed();
        RequireNotLost();
        if (own is null)
        {
            throw new InvalidOperationException(
                "This device is attached to the host's context: make it current with the host's own call (IGLContext.MakeCurrent).");
        }

        own.MakeCurrent();
    }

    /// <summary>
    /// Begins a call: checks the device and the context; in the outermost call, checks whether the context was reset, and deletes
    /// retired objects; saves the parts of the host's state that the call may change.
    /// </summary>
    /// <param name="parts">A call that makes others requests all of their parts at once, or leaves that to each.</param>
    public Scope Enter(HostStateParts parts)
    {
        RequireNotDisposed();
        RequireNotLost();
        RequireCurrent();
        if (calls.IsEmpty)
        {
            RequireNotReset();
            displayLists?.RequireNoneOpen();
            isValidating = settings.Validation;
            if (isValidating) errors.ThrowHosts();
            host?.Begin(settings.HostStatePolicy);
            Resources.DeleteRetired();
        }

        host?.Take(parts);
        calls.Begin();
        return new Scope(this);
    }

    /// <summary>Ends the innermost call; the outermost one restores the host's state.</summary>
    public void Leave()
    {
        if (!calls.End() || lost is not null) return;
        host?.GiveBack();
        if (isValidating) errors.ThrowOurs();
    }

    /// <summary>Begins a frame, which <see cref="EndFrame"/> ends.</summary>
    public long BeginFrame()
    {
        Enter(HostStateParts.None);
        return calls.BeginFrame();
    }

    /// <summary>Ends a frame and those within it; one that has already ended is left alone.</summary>
    public void EndFrame(long number)
    {
        if (!calls.IsOpen(number)) return;
        RequireCurrent();
        calls.EndFrame(number);
        Leave();
    }

    /// <summary>Within a frame, the outermost call checked this when it began, which may be long ago.</summary>
    public void RequireNotResetSinceFrameBegan()
    {
        if (calls.IsNested) RequireNotReset();
    }

    /// <summary>From now on every call fails; the current one fails now.</summary>
    [DoesNotReturn]
    public void Lose(string what)
    {
        ContextLostException loss = new(
            $"The OpenGL context of the driver {Renderer} {what}. Everything on it is lost. Make a new context and a new device on it, and " +
            "load the last saved weights; Dispose of this device and of its objects does no harm.");
        lost = loss.Message;
        End(loss);
        throw loss;
    }

    /// <summary>Closes the context if it is open, and deletes it if it is the device's own. A frame that is still open ends.</summary>
    /// <param name="deleteObjects">Deletes the objects of the context, which is current then; not called if it was lost.</param>
    public void Close(Action deleteObjects)
    {
        if (disposed) return;
        if (lost is not null)
        {
            disposed = true;
            own?.Dispose();
        }
        else if (own is null)
        {
            RequireCurrent();
            Free(deleteObjects);
        }
        else
        {
            using IDisposable previous = own.MakeCurrentForNow();
            Free(deleteObjects);
            own.Dispose();
        }
    }

    private void Free(Action deleteObjects)
    {
        if (calls.HasFrames) host?.GiveBack();
        deleteObjects();
        if (debugCallback is not null) Gl.DebugMessageCallback(null, null);
        disposed = true;
        End(new ObjectDisposedException(nameof(NeuralDevice)));
    }

    private void End(Exception why)
    {
        calls.ForgetFrames();
        Resources.Forget();
        Ended?.Invoke(why);
    }

    private void RequireNotDisposed() => ObjectDisposedException.ThrowIf(disposed, typeof(NeuralDevice));

    private void RequireNotLost()
    {
        if (lost is { } why) throw new ContextLostException(why);
    }

    private void RequireNotReset()
    {
        if (resetStatus.Read() is { } what) Lose(what);
    }

    private void RequireCurrent()
    {
        if (identity.IsCurrent) return;
        throw new WrongContextException(identity.IsNoneCurrent
            ? "No OpenGL context is current on this thread, so the device cannot be used from it. Call from the thread that owns the device's context."
            : "Another OpenGL context is current on this thread, not the device's own. Make the device's context current first.");
    }

    /// <summary>The extent of one call.</summary>
    public readonly ref struct Scope(OpenGLContext context)
    {
        public void Dispose() => context.Leave();
    }
}
