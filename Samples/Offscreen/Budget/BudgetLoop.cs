using System.Diagnostics;

namespace NeuralPlugin.Samples;

/// <summary>A game's loop: sixty frames per second, each drawn, finished, and waited for.</summary>
internal static class BudgetLoop
{
    /// <summary>Frames before the measured ones: they compile kernels, and let the budget's control learn the costs.</summary>
    public const int Settling = 60;

    /// <summary>
    /// The frames before those wait so long for kernels: without a cache, a driver may take half a second for a large one, on threads of its own, while frames
    /// go on. A busy machine without a GPU has fewer frames in that time, each of which compiles a kernel.
    /// </summary>
    public static readonly TimeSpan MostCompiling = TimeSpan.FromSeconds(30);

    /// <summary>Frames within which a driver that compiles inside the calls is done, whatever they take.</summary>
    public const int CompilingFrames = 1_000;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1) / 60;

    /// <summary>The most by which a sleeping thread wakes up late.</summary>
    private static readonly TimeSpan Awake = TimeSpan.FromMilliseconds(1.5);

    public static BudgetRun Run(ImageData data, double? budget, int frames, int seed, string device, bool inline, CancellationToken cancellation)
    {
        using var scene = new BudgetScene(data);
        var training = budget is { } milliseconds ? TrainingBudget.OfMilliseconds(milliseconds) : TrainingBudget.Off;
        using var player = new ScenePlayer(scene, new SceneOptions(frames, seed, training, OutFolder: null, Every: null) { Device = device }, inline);
        player.Load();
        var statistics = player.Context.Statistics;
        var next = Stopwatch.GetTimestamp();
        if (budget is not null) RunUntil(() => scene.IsTraining, RunFrame, TimeProvider.System);
        for (var frame = 0; frame < Settling; frame++) RunFrame();
        var (first, steps, start) = (statistics.Count, statistics.Steps, Stopwatch.GetTimestamp());
        for (var frame = 0; frame < frames; frame++) RunFrame();
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new BudgetRun(
            budget, [.. statistics.FrameMilliseconds.Skip(first)], [.. statistics.TrainingMilliseconds.Skip(first)], (statistics.Steps - steps) / seconds);

        void RunFrame()
        {
            cancellation.ThrowIfCancellationRequested();
            WaitUntil(next);
            next = Math.Max(next + (long)(Period.TotalSeconds * Stopwatch.Frequency), Stopwatch.GetTimestamp());
            player.RunFrame();
        }
    }

    /// <summary>Runs frames until the kernels are compiled; bounded by time, since frames may be quicker than the compiler.</summary>
    /// <exception cref="InvalidOperationException">They are not compiled after <see cref="MostCompiling"/> and <see cref="CompilingFrames"/>.</exception>
    public static void RunUntil(Func<bool> isCompiled, Action runFrame, TimeProvider time)
    {
        var start = time.GetTimestamp();
        for (var frame = 0; !isCompiled(); frame++)
        {
            if (frame >= CompilingFrames && time.GetElapsedTime(start) > MostCompiling)
                throw new InvalidOperationException($"The kernels are still not compiled after {frame} frames, in {time.GetElapsedTime(start).TotalSeconds:F0} seconds.");
            runFrame();
        }
    }

    private static void WaitUntil(long timestamp)
    {
        while (true)
        {
            var left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp);
            if (left <= TimeSpan.Zero) return;
            if (left > Awake) Thread.Sleep(left - Awake);
            else Thread.SpinWait(20);
        }
    }
}
