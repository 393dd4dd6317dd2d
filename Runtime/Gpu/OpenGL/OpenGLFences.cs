using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Fences in the GPU's commands, each kept until reached.</summary>
internal sealed class OpenGLFences(OpenGLContext context)
{
    private readonly GL gl = context.Gl;
    private readonly List<nint> ahead = new(ReadbackQueue.Usual);

    /// <summary>Inserts a fence after all commands so far, and flushes them to the GPU.</summary>
    public nint Insert()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.Flush();
        ahead.Add(fence);
        return fence;
    }

    /// <summary>Call before fences are queried: those of a context that was reset report being reached, whatever became of the work.</summary>
    /// <exception cref="ContextLostException">The context was reset since the open frame began.</exception>
    public void RequireTheirContext()
    {
        if (ahead.Count > 0) context.RequireNotResetSinceFrameBegan();
    }

    /// <summary>Whether the GPU has reached a fence, which is then deleted. Does not wait. Called within a call.</summary>
    public bool TryPass(nint fence)
    {
        SyncStatus status = (SyncStatus)gl.ClientWaitSync(fence, (SyncObjectMask)0, 0);
        if (status == SyncStatus.TimeoutExpired) return false;
        if (status == SyncStatus.WaitFailed) context.Lose("no longer knows its fences");
        ahead.Remove(fence);
        gl.DeleteSync(fence);
        return true;
    }

    public void DeleteAll()
    {
        foreach (nint fence in ahead) gl.DeleteSync(fence);
    }

    /// <summary>Call when the context has ended, and its fences with it.</summary>
    public void Forget() => ahead.Clear();
}
