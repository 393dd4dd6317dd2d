using System.Globalization;

namespace NeuralPlugin.Samples;

/// <summary>
/// A world that learns while it is shown. It is written once, against this, and runs in every host: a host loads it once, then
/// updates and renders it once a frame, all on the thread of the context.
/// </summary>
internal interface IScene : IDisposable
{
    /// <summary>What is shown, in a few words.</summary>
    string Title { get; }

    /// <summary>Makes what it needs on the device and in the context. Reads no file but its own data.</summary>
    void Load(SceneContext context);

    /// <summary>Moves the world by one frame and lets it learn, for as long as the budget allows.</summary>
    void Update();

    /// <summary>Draws the world into the framebuffer that is bound, within the viewport that is set.</summary>
    void Render();

    /// <summary>What it has come to so far, by name. With a budget in steps and the same seed they are the same, bit for bit.</summary>
    IReadOnlyList<SceneFigure> Figures { get; }

    /// <summary>What its parts take on this machine, in a line of its own; empty where it says nothing.</summary>
    string Times => "";
}

/// <summary>One number of a scene, and how it is written ("P1" is percent).</summary>
internal readonly record struct SceneFigure(string Name, double Value, string Format)
{
    public override string ToString() => $"{Name}: {Value.ToString(Format, CultureInfo.InvariantCulture)}";
}
