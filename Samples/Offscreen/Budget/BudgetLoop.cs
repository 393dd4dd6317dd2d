using System.Diagnostics;

namespace NeuralPlugin.Samples;

/// <summary>A game's loop: sixty frames per second, each drawn, finished, and waited for.</summary>
internal static class BudgetLoop
{
    /// <summary>Frames before the measured ones: they compile kernels, and let the budget's control learn the costs.</summary>
    public const int Settling = 60;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1) / 60;

    /// <summary>The most by which a sleeping thread wakes up late.</summary>
    private static readonly TimeSpan Awake = TimeSpan.FromMilliseconds(1.5);

    public static BudgetRun Run(ImageData data, double? budget, int frames, int seed, string device, bool inline, CancellationToken cancellation)
    {
        const int MostCompiling = 1_000;
        using var scene = new BudgetScene(data);
        var training = budget is { } milliseconds ? TrainingBudget.OfMilliseconds(milliseconds) : TrainingBudget.Off;
        using var player = new ScenePlayer(scene, new SceneOptions(frames, seed, training, OutFolder: null, Every: null) { Device = device }, inline);
        player.Load();
        var statistics = player.Context.Statistics;
        while (budget is not null && !scene.IsTraining)
        {
            if (statistics.Count > MostCompiling) throw new InvalidOperationException("The kernels are still not compiled after a thousand frames.");
            player.RunFrame();
        }

        var next = Stopwatch.GetTimestamp();
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
