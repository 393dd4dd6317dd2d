using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Selects a creature by a click, and shows its network at work.</summary>
/// <param name="population">The creatures' population.</param>
/// <param name="creatures">The creatures.</param>
/// <param name="world">The world on the screen.</param>
/// <param name="placeOf">The place of a creature on the screen, by its number.</param>
/// <param name="brainOf">The brain of a creature: its index, or 0 where they share one.</param>
/// <param name="network">Draws the network.</param>
internal sealed class CreatureView(
    AgentPopulation population, IReadOnlyList<Agent> creatures, SKRect world, Func<int, SKPoint> placeOf, Func<Agent, int> brainOf, NetworkPanel network) : IDisposable
{
    private const float HalfMark = 13;

    private readonly NetworkBox box = new(network);
    private AgentInspector? inspector;
    private int selected;

    /// <summary>Selects the creature nearest to a click; none for a click outside the world.</summary>
    public void Select(SKPoint click)
    {
        inspector?.Dispose();
        inspector = null;
        box.Restart();
        if (!world.Contains(click)) return;
        selected = Enumerable.Range(0, creatures.Count).MinBy(i => SKPoint.DistanceSquared(placeOf(i), click));
        inspector = population.Inspect(creatures[selected]);
    }

    /// <summary>Call it after each update of the population.</summary>
    public void Step()
    {
        if (inspector is not null) box.Step(() => population.GetBrain(brainOf(inspector.Agent)));
    }

    /// <summary>Draws the network of the selected creature, if there is one, over the world.</summary>
    public void Draw(SceneSheet sheet)
    {
        if (inspector is null || inspector.Decisions == 0) return;
        var place = placeOf(selected);
        var mark = SKRect.Create(place.X - HalfMark, place.Y - HalfMark, 2 * HalfMark, 2 * HalfMark);
        var expected = float.IsNaN(inspector.Value) ? "" : Invariant($"expects {inspector.Value:F2}");
        box.Draw(sheet, world, mark, inspector.Agent.Name, expected, inspector.NormalizedObservations, inspector.Agent.Action);
    }

    public void Dispose() => inspector?.Dispose();
}
