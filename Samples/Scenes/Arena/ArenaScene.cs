using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Hundreds of creatures, each with its own brain, which learn to eat and not to be eaten.</summary>
internal sealed class ArenaScene(int creatureCount) : IScene
{
    private const float Scale = 14;

    private static readonly SKRect Plane =
        SKRect.Create(SceneFrame.Margin, SceneFrame.Top + 6, ArenaWorld.Width * Scale, ArenaWorld.Height * Scale);

    private static readonly float[] Directions = [-MathF.PI / 2, 0, MathF.PI / 2, MathF.PI];

    private readonly LineChart rewards = new("reward", "", 0, 24);
    private readonly AgentCurves curves = new();
    private SceneContext? context;
    private Screen? screen;
    private ArenaTrial? trial;
    private DiscBatch? discs;
    private History? learned;
    private History? floor;
    private History? ceiling;
    private CreatureView? view;

    public string Title => "Eat, and don't be eaten";

    public IReadOnlyList<SceneFigure> Figures =>
    [
        new(Invariant($"reward per creature in 100 frames, over the last {ArenaTrial.Window}: random"), trial!.Floor.Value, "F2"),
        new("the same, those that learn", trial.Learned.Value, "F2"),
        new("the same, hand-written policy", trial.Ceiling.Value, "F2"),
        new("share of the gap that learning has closed", trial.GapClosed, "P1"),
    ];

    public string Times => string.Join(Environment.NewLine, trial!.Times.Lines(Invariant($"{creatureCount} agents")));

    public void Load(SceneContext context)
    {
        this.context = context;
        screen = new Screen(context.Gl);
        discs = new DiscBatch(context.Gl);
        trial = new ArenaTrial(context.Device, creatureCount, context.Seed, context.Budget);
        view = new CreatureView(
            trial.Population, trial.Agents, Plane, creature => OnScreen(trial.Learning.Creatures[creature]), creature => creature.Index,
            new NetworkPanel(ArenaWorld.ObservationNames, ArenaWorld.ActionNames));
        ceiling = rewards.Add("hand-written", Palette.Orange);
        learned = rewards.Add("learning", Palette.Blue);
        floor = rewards.Add("random", Palette.FaintInk);
    }

    public void Update()
    {
        if (context!.Click is { } click) view!.Select(click);
        trial!.Step();
        view!.Step();
        context.CountTraining(trial.Progress.TrainingTime, trial.Progress.StepsThisFrame);
        curves.Add(trial.Progress, trial.Entropy);
        learned!.Add((float)trial.Learned.Value);
        floor!.Add((float)trial.Floor.Value);
        ceiling!.Add((float)trial.Ceiling.Value);
    }

    public void Render()
    {
        screen!.Begin();
        DrawWorld(trial!.Learning);
        discs!.Draw();
        var sheet = screen.Sheet;
        sheet.Frame(Plane, Palette.FaintInk);
        DrawLegend(sheet);
        sheet.Text($"all agents, {trial.Times.Medians}", Plane.Right, Plane.Bottom + 26, 14, Palette.FaintInk, SKTextAlign.Right);
        view!.Draw(sheet);
        DrawFigures(sheet);
        curves.Draw(sheet, SceneFrame.BelowWorld(Plane));
        SceneFrame.Draw(
            sheet, context!, Title,
            "Each creature has a network of its own, sees food and hunters in eight directions, and learns from what it eats (+1) and from being eaten (-2). Click one to see it think.");
        screen.End();
    }

    public void Dispose()
    {
        view?.Dispose();
        trial?.Dispose();
        discs?.Dispose();
        screen?.Dispose();
    }

    private void DrawWorld(ArenaWorld world)
    {
        discs!.Clear();
        foreach (var place in world.Food) Add(place, 0.16f, Palette.Green, DiscBatch.NoDirection);
        for (var i = 0; i < world.Creatures.Length; i++) Add(world.Creatures[i], 0.3f, Palette.Blue, Directions[world.Moves[i]]);
        for (var i = 0; i < world.Hunters.Length; i++) Add(world.Hunters[i], 0.6f, Palette.Orange, world.Headings[i]);
    }

    private static SKPoint OnScreen(ArenaWorld.Position place) => new(Plane.Left + place.X * Scale, Plane.Top + place.Y * Scale);

    private void Add(ArenaWorld.Position place, float radius, SKColor color, float direction) =>
        discs!.Add(Plane.Left + place.X * Scale, Plane.Top + place.Y * Scale, radius * Scale, color, direction);

    private void DrawLegend(SceneSheet sheet)
    {
        var x = Plane.Left;
        foreach (var (name, color) in ((string, SKColor)[])
            [(Invariant($"{creatureCount} creatures"), Palette.Blue), ("hunters", Palette.Orange), ("food", Palette.Green)])
        {
            sheet.Text(name, x, Plane.Bottom + 26, 16, color, isBold: true);
            x += sheet.Measure(name, 16, isBold: true) + 24;
        }
    }

    private void DrawFigures(SceneSheet sheet)
    {
        var (left, right) = (Plane.Right + 32, Screen.Width - SceneFrame.Margin);
        sheet.Text(Invariant($"{100 * Math.Max(0, trial!.GapClosed):F0} %"), left, SceneFrame.Top + 56, 52, Palette.Blue, isBold: true);
        sheet.Text("of the way from moving at random", left, SceneFrame.Top + 84, 16, Palette.Ink);
        sheet.Text("to a hand-written policy,", left, SceneFrame.Top + 105, 16, Palette.Ink);
        sheet.Text(Invariant($"reward of {ArenaTrial.Window} frames"), left, SceneFrame.Top + 126, 16, Palette.Ink);
        rewards.Draw(sheet, new SKRect(left, SceneFrame.Top + 160, right, Plane.Bottom));
    }
}
