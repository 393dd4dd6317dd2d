using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// Runs scenes without a window: in a context made through EGL, to which the scene's device is attached as it is to a game's.
/// Frames follow each other as fast as they can; the world moves by a sixtieth of a second in each.
/// </summary>
internal sealed class OffscreenHost(IAnsiConsole console, CancellationToken cancellation) : ISceneHost
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(66);
    private static readonly TimeSpan LastDelay = TimeSpan.FromSeconds(2);

    public string? DefaultOutFolder(string scene) => Path.Combine("out", scene);

    public int? DefaultFrames(int sceneFrames) => sceneFrames;

    public void Run(string name, IScene scene, SceneOptions options)
    {
        using var player = new ScenePlayer(scene, options);
        var context = player.Context;
        var animation = new AnimatedPng(Delay, LastDelay);
        var file = options.OutFolder is { } folder ? OutputFile.Prepare(folder, $"{name}.apng") : null;
        console.WriteLine(Invariant($"{name}: {options.Frames:N0} frames, {options.Budget}, seed {options.Seed}, on {context.Device.Renderer}"));
        player.Load();
        for (var frame = 0; frame < options.Frames; frame++)
        {
            cancellation.ThrowIfCancellationRequested();
            player.RunFrame();
            if (file is null || !options.IsPictured(frame)) continue;
            var picture = player.Picture();
            using (var pixels = picture.PeekPixels())
                OutputFile.Prepare(options.OutFolder!, Invariant($"{name}-{frame + 1:D5}.png")).Write(FramePicture.ToPng(pixels));
            animation.Add(picture);
        }

        file?.Write(animation.Finish());
        Report(scene, context.Statistics, file?.Path, animation.Frames);
    }

    private void Report(IScene scene, FrameStatistics statistics, string? path, int pictures)
    {
        foreach (var figure in scene.Figures) console.WriteLine(figure.Name + ": " + figure.Value.ToString(figure.Format, null));
        var (frames, trainings) = (statistics.FrameMilliseconds, statistics.TrainingMilliseconds);
        console.WriteLine(Invariant(
            $"frame time: median {FrameStatistics.Quantile(frames, 0.5):F2} ms, p99 {FrameStatistics.Quantile(frames, 0.99):F2} ms; ")
            + Invariant($"training: median {FrameStatistics.Quantile(trainings, 0.5):F2} ms, {statistics.Steps:N0} steps"));
        if (path is not null) console.WriteLine(Invariant($"{pictures} pictures beside {path}"));
    }
}
