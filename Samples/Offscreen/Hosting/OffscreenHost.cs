using SkiaSharp;
using Spectre.Console;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// Runs scenes without a window: in a context created through EGL, to which the scene's device is attached as to a game's.
/// Frames follow each other as fast as they can; each advances the world by a sixtieth of a second.
/// </summary>
internal sealed class OffscreenHost(IAnsiConsole console, CancellationToken cancellation) : ISceneHost
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(66);
    private static readonly TimeSpan LastDelay = TimeSpan.FromSeconds(2);

    private TextWriter Output => console.Profile.Out.Writer;

    public string? DefaultOutFolder(string scene) => Path.Combine("out", scene);

    public int? DefaultFrames(int sceneFrames) => sceneFrames;

    public void Run(string name, IScene scene, SceneOptions options)
    {
        using var player = new ScenePlayer(scene, options);
        var context = player.Context;
        var animation = new AnimatedPng(Delay, LastDelay);
        var file = options.OutFolder is { } folder ? OutputFile.Prepare(folder, $"{name}.apng") : null;
        Output.WriteLine(Invariant($"{name}: {options.Frames:N0} frames, {options.Budget}, seed {options.Seed}, on {context.Device.Renderer}"));
        player.Load();
        for (var frame = 0; frame < options.Frames; frame++)
        {
            cancellation.ThrowIfCancellationRequested();
            player.RunFrame();
            if (file is null || !options.IsPictured(frame)) continue;
            var picture = player.Picture();
            using (var pixels = picture.PeekPixels())
                OutputFile.Prepare(options.OutFolder!, Invariant($"{name}-{frame + 1:D5}.png")).Write(FramePicture.ToPng(pixels));
            animation.Add(Smaller(picture));
        }

        file?.Write(animation.Finish());
        foreach (var figure in scene.Figures) Output.WriteLine(figure);
        if (scene.Times.Length > 0) Output.WriteLine(scene.Times);
        Output.WriteLine(context.Statistics);
        if (file is not null) Output.WriteLine(Invariant($"{animation.Frames} pictures beside {file.Path}"));
    }

    /// <summary>Scales to three quarters of the width and height, to keep the animation small; frees the original.</summary>
    private static SKBitmap Smaller(SKBitmap picture)
    {
        var info = picture.Info.WithSize(picture.Width * 3 / 4, picture.Height * 3 / 4);
        var smaller = picture.Resize(info, new SKSamplingOptions(SKCubicResampler.Mitchell));
        picture.Dispose();
        return smaller ?? throw new InvalidOperationException("Skia did not resize a picture.");
    }
}
