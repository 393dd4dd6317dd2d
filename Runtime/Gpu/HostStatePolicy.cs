namespace NeuralPlugin;

/// <summary>How a call treats the OpenGL state of the host whose context it uses.</summary>
public enum HostStatePolicy
{
    /// <summary>
    /// After each call the state is as before: the call reads what it will change and restores it at its end. A frame begun with
    /// <see cref="NeuralDevice.BeginFrame"/> saves and restores once.
    /// </summary>
    Preserve,

    /// <summary>
    /// Nothing is saved or restored. After each call, the host rebinds and resets whatever of this it needs: the program;
    /// the active texture unit; for units 0 and 1 the 2D texture, the buffer texture and the sampler, and for units 2 to 15 the buffer texture; image units 0 to 7; the
    /// shader-storage buffers 0 to 7 (0 to 15 where the driver has as many) and the generic one (GL_SHADER_STORAGE_BUFFER); the buffers that copies read and write; and the draw framebuffer.
    /// Transform feedback must be ended or paused before each call: while active, the driver accepts no program of ours and skips dispatches
    /// (<see cref="DispatchesSkippedException"/>).
    /// </summary>
    HostRebinds,
}
