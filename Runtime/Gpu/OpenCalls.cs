namespace NeuralPlugin;

/// <summary>The nesting of open calls and frames on a device. Allocates nothing once there is room for the frames.</summary>
internal sealed class OpenCalls
{
    private long[] frames = new long[4];
    private int frameCount;
    private long lastFrame;
    private int depth;

    /// <summary>Whether the next call is outside of any other call and frame.</summary>
    public bool IsEmpty => depth == 0;

    /// <summary>Whether the open call is within another one, or within a frame.</summary>
    public bool IsNested => depth > 1;

    public bool HasFrames => frameCount > 0;

    public void Begin() => depth++;

    /// <summary>Ends the innermost call; true if it was the outermost.</summary>
    public bool End() => --depth == 0;

    /// <summary>Marks the call that has just begun as a frame.</summary>
    /// <returns>Its unique number.</returns>
    public long BeginFrame()
    {
        if (frameCount == frames.Length) Array.Resize(ref frames, 2 * frames.Length);
        frames[frameCount++] = ++lastFrame;
        return lastFrame;
    }

    public bool IsOpen(long frame) => IndexOf(frame) >= 0;

    /// <summary>Ends all frames within the given one and removes it from the frames; <see cref="End"/> then ends its call.</summary>
    public void EndFrame(long frame)
    {
        int outer = IndexOf(frame);
        depth -= frameCount - outer - 1;
        frameCount = outer;
    }

    /// <summary>Forgets all open frames, after the device is lost or disposed.</summary>
    public void ForgetFrames() => frameCount = 0;

    private int IndexOf(long frame) => Array.IndexOf(frames, frame, 0, frameCount);
}
