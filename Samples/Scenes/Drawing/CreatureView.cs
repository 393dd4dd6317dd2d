using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>The network of a selected creature at work, in a box over the world.</summary>
/// <param name="population">The creatures' population.</param>
/// <param name="brainOf">The brain of a creature: its index, or 0 where they share one.</param>
/// <param name="network">Draws the network.</param>
internal sealed class CreatureView(AgentPopulation population, Func<Agent, int> brainOf, NetworkPanel network) : IDisposable
{
    private const float Width = 250;
    private const float Border = 12;
    private const int FramesBetweenBrains = 10;

    private static readonly SKColor Paper = new(0xff, 0xff, 0xff, 0xec);

    private AgentInspector? inspector;
    private ClassifierParameters? brain;
    private int frames;

    /// <summary>The selected creature; null for none.</summary>
    public Agent? Selected => inspector?.Agent;

    /// <summary>Selects a creature, or none.</summary>
    public void Select(Agent? creature)
    {
        inspector?.Dispose();
        inspector = creature is null ? null : population.Inspect(creature);
        (brain, frames) = (null, 0);
    }

    /// <summary>Call it after each update of the population: every few frames the weights are read, which waits.</summary>
    public void Step()
    {
        if (inspector is not null && frames++ % FramesBetweenBrains == 0) brain = population.GetBrain(brainOf(inspector.Agent));
    }

    /// <summary>Draws the network beside the world's edge that is farther from the creature, and a frame around the creature.</summary>
    public void Draw(SceneSheet sheet, SKRect world, SKPoint creature)
    {
        if (inspector is null || brain is null || inspector.Decisions == 0) return;
        const float HalfMark = 13;
        sheet.Frame(SKRect.Create(creature.X - HalfMark, creature.Y - HalfMark, 2 * HalfMark, 2 * HalfMark), Palette.Ink, 2);
        var left = creature.X < world.MidX ? world.Right - Width - Border : world.Left + Border;
        var box = SKRect.Create(left, world.Top + Border, Width, network.Height + 40);
        sheet.Fill(box, Paper);
        sheet.Frame(box, Palette.FaintInk);
        var value = float.IsNaN(inspector.Value) ? "" : Invariant($"expects {inspector.Value:F2}");
        sheet.Text(inspector.Agent.Name, box.Left + Border, box.Top + 22, 14, Palette.Ink, isBold: true);
        sheet.Text(value, box.Right - Border, box.Top + 22, 14, Palette.FaintInk, SKTextAlign.Right);
        var place = new SKRect(box.Left + Border, box.Top + 32, box.Right - Border, box.Bottom);
        network.Draw(sheet, place, inspector.NormalizedObservations, brain, inspector.Agent.Action);
    }

    public void Dispose() => inspector?.Dispose();
}
