using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The options of every scene.</summary>
/// <param name="Frames">Frames to run; null runs until the window is closed.</param>
/// <param name="Seed">Draws weights, samples and worlds.</param>
/// <param name="Budget">How much to train per frame.</param>
/// <param name="OutFolder">The folder for pictures; null writes none.</param>
/// <param name="Every">Frames between pictures; null chooses so that there are about sixty, or one every ten seconds if there is no end.</param>
internal sealed record SceneOptions(int? Frames, int Seed, TrainingBudget Budget, string? OutFolder, int? Every)
{
    private const int MostPictures = 60;
    private const int FramesOfTenSeconds = 600;

    /// <summary>The device of its networks: a value of <see cref="DeviceOption"/>.</summary>
    public string Device { get; init; } = DeviceOption.OpenGL;

    /// <summary>Where to click in the first frame, in pixels of the screen; null for nowhere.</summary>
    public SKPoint? Click { get; init; }

    /// <summary>Whether a picture is taken of this frame, counted from 0. The last frame always is.</summary>
    public bool IsPictured(int frame)
    {
        var every = Every ?? (Frames is { } frames ? (frames + MostPictures - 1) / MostPictures : FramesOfTenSeconds);
        return frame == Frames - 1 || (frame + 1) % every == 0;
    }
}
