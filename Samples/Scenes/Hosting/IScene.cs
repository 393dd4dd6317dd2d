using System.Globalization;

namespace NeuralPlugin.Samples;

/// <summary>
/// A world that learns while it is shown. It is written once, against this interface, and runs in every host: a host loads it once, then
/// updates and renders it once per frame, all on the thread of the context.
/// </summary>
internal interface IScene : IDisposable
{
    /// <summary>A title of a few words.</summary>
    string Title { get; }

    /// <summary>Creates its objects on the device and in the context. Reads no files except its own data.</summary>
    void Load(SceneContext context);

    /// <summary>Advances the world by one frame and lets it learn, as long as the budget allows.</summary>
    void Update();

    /// <summary>Draws the world into the bound framebuffer, within the current viewport.</summary>
    void Render();

    /// <summary>Its results so far, by name. With a budget in steps and the same seed they are the same, bit for bit.</summary>
    IReadOnlyList<SceneFigure> Figures { get; }

    /// <summary>The times of its parts on this machine, in a separate line; empty for none.</summary>
    string Times => "";
}

/// <summary>One number of a scene, and its format ("P1" is percent).</summary>
internal readonly record struct SceneFigure(string Name, double Value, string Format)
{
    public override string ToString() => $"{Name}: {Value.ToString(Format, CultureInfo.InvariantCulture)}";
}
