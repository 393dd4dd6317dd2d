using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Fences in the GPU's commands, each kept until it was reached.</summary>
internal sealed class OpenGLFences(OpenGLContext context)
{
    private readonly GL gl = context.Gl;
    private readonly List<nint> ahead = new(ReadbackQueue.Usual);

    /// <summary>Sets a fence after all commands so far, and sends them to the GPU.</summary>
    public nint Insert()
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.Flush();
        ahead.Add(fence);
        return fence;
    }

    /// <summary>Before fences are asked: those of a context that was reset say that they were reached, whatever became of the work.</summary>
    /// <exception cref="ContextLostException">The context was reset since the frame that is open began.</exception>
    public void RequireTheirContext()
    {
        if (ahead.Count > 0) context.RequireNotResetSinceFrameBegan();
    }

    /// <summary>Whether the GPU has come to a fence, which is gone then. Does not wait. Called within a call.</summary>
    public bool TryPass(nint fence)
    {
        SyncStatus status = (SyncStatus)gl.ClientWaitSync(fence, (SyncObjectMask)0, 0);
        if (status == SyncStatus.TimeoutExpired) return false;
        if (status == SyncStatus.WaitFailed) context.Lose("no longer knows the fences made on it");
        ahead.Remove(fence);
        gl.DeleteSync(fence);
        return true;
    }

    public void DeleteAll()
    {
        foreach (nint fence in ahead) gl.DeleteSync(fence);
    }

    /// <summary>The context has ended, and its fences with it.</summary>
    public void Forget() => ahead.Clear();
}
