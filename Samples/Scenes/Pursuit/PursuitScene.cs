using System.Numerics;
using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>A player who chases quarries, and a dozen others who learn it by watching, during the game.</summary>
internal sealed class PursuitScene : IScene
{
    private const float Scale = 14;

    private static readonly SKRect Plane =
        SKRect.Create(SceneFrame.Margin, SceneFrame.Top + 6, PursuitWorld.Width * Scale, PursuitWorld.Height * Scale);

    private readonly CurveRow curves = new();
    private readonly LineChart accuracies = new("balanced accuracy", " %", 0, 100);
    private SceneContext? context;
    private Screen? screen;
    private PursuitTrial? trial;
    private DiscBatch? discs;
    private History? accuracy;
    private CurveRow.Curve? catches;
    private CurveRow.Curve? loss;
    private CurveRow.Curve? entropy;
    private CreatureView? view;

    public string Title => "Do as I do";

    public IReadOnlyList<SceneFigure> Figures =>
    [
        new(Invariant($"balanced accuracy on {trial!.UnseenStates:N0} unseen states"), trial.BalancedAccuracy, "P1"),
        new("largest share of one action in the player's demonstrations", trial.LargestShare, "P1"),
        new("the same, in the unseen states", trial.LargestUnseenShare, "P1"),
        new(Invariant($"caught in 100 frames, over the last {PursuitTrial.Window}: by a follower"), trial.FollowerCatches.Value, "F2"),
        new("the same, by the player", trial.PlayerCatches.Value, "F2"),
    ];

    public void Load(SceneContext context)
    {
        this.context = context;
        screen = new Screen(context.Gl);
        discs = new DiscBatch(context.Gl);
        trial = new PursuitTrial(context.Device, context.Seed, context.Budget);
        view = new CreatureView(
            trial.Population, trial.Agents, Plane, pursuer => OnScreen(trial.World.Pursuers[pursuer].Place), _ => 0,
            new NetworkPanel(PursuitWorld.ObservationNames, PursuitWorld.ActionNames));
        catches = curves.Add("caught by a follower in 100 frames", "F1");
        loss = curves.Add("loss on unseen states", "F2");
        entropy = curves.Add("entropy there, in nats", "F2");
        accuracies.Levels.Add((25, "", Palette.FaintInk));
        accuracy = accuracies.Add("", Palette.Blue);
    }

    public void Update()
    {
        if (context!.Click is { } click) view!.Select(click);
        trial!.Step();
        view!.Step();
        context.CountTraining(trial.Progress.TrainingTime, trial.Progress.StepsThisFrame);
        accuracy!.Add((float)(100 * trial.BalancedAccuracy));
        catches!.Add(trial.FollowerCatches.Value);
        loss!.Add(trial.UnseenLoss);
        entropy!.Add(trial.UnseenEntropy);
    }

    public void Render()
    {
        screen!.Begin();
        DrawWorld(trial!.World);
        discs!.Draw();
        var sheet = screen.Sheet;
        sheet.Frame(Plane, Palette.FaintInk);
        DrawLegend(sheet);
        view!.Draw(sheet);
        DrawFigures(sheet);
        curves.Draw(sheet, SceneFrame.BelowWorld(Plane));
        SceneFrame.Draw(
            sheet, context!, Title,
            "The player goes for the nearest quarry, and must be slow to catch it. The followers share a network that learns from the player alone. Click one to see it think.");
        screen.End();
    }

    public void Dispose()
    {
        view?.Dispose();
        trial?.Dispose();
        discs?.Dispose();
        screen?.Dispose();
    }

    private void DrawWorld(PursuitWorld world)
    {
        discs!.Clear();
        foreach (var quarry in world.Quarries) Add(quarry.Place, 0.32f, Palette.Green, DiscBatch.NoDirection);
        var pursuers = world.Pursuers;
        for (var i = 1; i < pursuers.Length; i++) Add(pursuers[i].Place, 0.45f, Palette.Blue, pursuers[i].Heading);
        Add(pursuers[0].Place, 0.7f, Palette.Orange, pursuers[0].Heading);
    }

    private static SKPoint OnScreen(Vector2 place) => new(Plane.Left + place.X * Scale, Plane.Top + place.Y * Scale);

    private void Add(Vector2 place, float radius, SKColor color, float direction) =>
        discs!.Add(Plane.Left + place.X * Scale, Plane.Top + place.Y * Scale, radius * Scale, color, direction);

    private void DrawLegend(SceneSheet sheet)
    {
        var x = Plane.Left;
        foreach (var (name, color) in ((string, SKColor)[])
            [("the player", Palette.Orange), (Invariant($"{PursuitTrial.Followers} followers"), Palette.Blue), ("quarries", Palette.Green)])
        {
            sheet.Text(name, x, Plane.Bottom + 26, 16, color, isBold: true);
            x += sheet.Measure(name, 16, isBold: true) + 24;
        }

        sheet.Text(
            Invariant($"caught in 100 frames: {trial!.PlayerCatches.Value:F1} by the player, {trial.FollowerCatches.Value:F1} by a follower"),
            Plane.Right, Plane.Bottom + 26, 16, Palette.Ink, SKTextAlign.Right);
    }

    private void DrawFigures(SceneSheet sheet)
    {
        var (left, right) = (Plane.Right + 32, Screen.Width - SceneFrame.Margin);
        sheet.Text(Invariant($"{100 * trial!.BalancedAccuracy:F0} %"), left, SceneFrame.Top + 56, 52, Palette.Blue, isBold: true);
        sheet.Text("as the player would steer, where it", left, SceneFrame.Top + 84, 16, Palette.Ink);
        sheet.Text("has never been: mean of the four", left, SceneFrame.Top + 105, 16, Palette.Ink);
        sheet.Text("actions; by chance, a quarter", left, SceneFrame.Top + 126, 16, Palette.Ink);
        accuracies.Draw(sheet, new SKRect(left, SceneFrame.Top + 148, right, SceneFrame.Top + 350));
        DrawActions(sheet, new SKRect(left, SceneFrame.Top + 376, right, Plane.Bottom));
    }

    // One below the other: how often the player takes an action, and how often the brain does when the script does.
    private void DrawActions(SceneSheet sheet, SKRect place)
    {
        const float NameWidth = 66;
        const float NumberWidth = 50;
        const float BarHeight = 10;
        const float RowHeight = 30;
        var (left, width) = (place.Left + NameWidth, place.Width - NameWidth - NumberWidth);
        sheet.Text("part of what was shown", place.Left, place.Top, 14, Palette.Orange, isBold: true);
        sheet.Text("known", place.Right, place.Top, 14, Palette.Blue, SKTextAlign.Right, isBold: true);
        for (var action = 0; action < PursuitWorld.Actions; action++)
        {
            var (top, share, recall) = (place.Top + 10 + action * RowHeight, (float)trial!.Share(action), (float)trial.Recalls[action]);
            sheet.Text(PursuitWorld.ActionNames[action], place.Left, top + 16, 14, Palette.Ink);
            sheet.Fill(SKRect.Create(left, top, width, 2 * BarHeight + 2), Palette.Panel);
            sheet.Fill(SKRect.Create(left, top, width * share, BarHeight), Palette.Orange);
            sheet.Fill(SKRect.Create(left, top + BarHeight + 2, width * recall, BarHeight), Palette.Blue);
            sheet.Text(Invariant($"{100 * share:F0} %"), place.Right, top + BarHeight - 1, 12, Palette.Orange, SKTextAlign.Right, isBold: true);
            sheet.Text(Invariant($"{100 * recall:F0} %"), place.Right, top + 2 * BarHeight + 2, 12, Palette.Blue, SKTextAlign.Right, isBold: true);
        }
    }
}
