namespace NeuralPlugin;

/// <summary>How deep the calls and frames that are open on a device lie in each other. Allocates nothing once the frames had room.</summary>
internal sealed class OpenCalls
{
    private long[] frames = new long[4];
    private int frameCount;
    private long lastFrame;
    private int depth;

    /// <summary>Whether the next call is in no other one and in no frame.</summary>
    public bool IsEmpty => depth == 0;

    /// <summary>Whether the call that is open lies in another one, or in a frame.</summary>
    public bool IsNested => depth > 1;

    public bool HasFrames => frameCount > 0;

    public void Begin() => depth++;

    /// <summary>Ends the innermost call; true where it was the outermost.</summary>
    public bool End() => --depth == 0;

    /// <summary>The call that has just begun is a frame.</summary>
    /// <returns>Its number, which no other frame has.</returns>
    public long BeginFrame()
    {
        if (frameCount == frames.Length) Array.Resize(ref frames, 2 * frames.Length);
        frames[frameCount++] = ++lastFrame;
        return lastFrame;
    }

    public bool IsOpen(long frame) => IndexOf(frame) >= 0;

    /// <summary>Ends all frames within one, and no longer counts it among the frames; <see cref="End"/> ends it as the call that it is.</summary>
    public void EndFrame(long frame)
    {
        int outer = IndexOf(frame);
        depth -= frameCount - outer - 1;
        frameCount = outer;
    }

    /// <summary>No frame is open any more: the device is lost or disposed.</summary>
    public void ForgetFrames() => frameCount = 0;

    private int IndexOf(long frame) => Array.IndexOf(frames, frame, 0, frameCount);
}
