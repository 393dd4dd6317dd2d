namespace NeuralPlugin;

/// <summary>What a call does about the OpenGL state of the host whose context it works on.</summary>
public enum HostStatePolicy
{
    /// <summary>
    /// After every call it is what it was before: what the call changes is read first and given back at its end. A frame that
    /// <see cref="NeuralDevice.BeginFrame"/> began reads and gives back once.
    /// </summary>
    Preserve,

    /// <summary>
    /// Nothing is read or given back. The host binds and sets anew, after each call, whatever of this it needs: the program;
    /// the active texture unit, and of units 0 and 1 the 2D texture, the buffer texture and the sampler; image units 0 to 7; the
    /// shader-storage buffers 0 to 7 and the generic one (GL_SHADER_STORAGE_BUFFER); the buffers that copies read and write; and the draw framebuffer. Transform feedback is over or paused
    /// before each call: while it is active, the driver takes no program of ours, and dispatches are skipped (<see cref="DispatchesSkippedException"/>).
    /// </summary>
    HostRebinds,
}
