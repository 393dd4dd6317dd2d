using System.Diagnostics;
using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Everything a host passes to a scene.</summary>
internal sealed class SceneContext(NeuralDevice device, GL gl, SceneOptions options)
{
    private long frameStart;
    private TimeSpan training;
    private int steps;

    public NeuralDevice Device { get; } = device;

    /// <summary>The host's context, for drawing.</summary>
    public GL Gl { get; } = gl;

    public int Seed => Options.Seed;

    public TrainingBudget Budget => Options.Budget;

    public SceneOptions Options { get; } = options;

    /// <summary>The player's keys; null if there is no player.</summary>
    public IKeyboard? Keyboard { get; init; }

    /// <summary>Where the player clicked in this frame, in pixels of the screen; null for nowhere. Set by the host before the update.</summary>
    public SKPoint? Click { get; set; }

    /// <summary>The number of the current frame, from 0.</summary>
    public int Frame => Statistics.Count;

    /// <summary>The times of the frames before this one.</summary>
    public FrameStatistics Statistics { get; } = new();

    /// <summary>Called by the scene: reports this frame's training.</summary>
    public void CountTraining(TimeSpan time, int trainedSteps)
    {
        training += time;
        steps += trainedSteps;
    }

    /// <summary>Whether a frame has begun and not ended.</summary>
    public bool IsFrameOpen { get; private set; }

    public void BeginFrame()
    {
        IsFrameOpen = true;
        training = TimeSpan.Zero;
        steps = 0;
        frameStart = Stopwatch.GetTimestamp();
    }

    /// <summary>Called by the host when the GPU has finished the frame.</summary>
    public void EndFrame()
    {
        IsFrameOpen = false;
        Statistics.Add(Stopwatch.GetElapsedTime(frameStart), training, steps);
    }
}
