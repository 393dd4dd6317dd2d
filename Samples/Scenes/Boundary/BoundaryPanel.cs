using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>One set of points, the two classifiers that learn it, side by side, and their curves.</summary>
internal sealed class BoundaryPanel : IDisposable
{
    private const float HeadingHeight = 26;
    private const float CaptionHeight = 40;
    private const float Gap = 18;
    private const float TickRoom = 18;
    private const int ShownPoints = 160;

    private static readonly SKColor ClassZero = new(0x1b, 0x4f, 0x8f);
    private static readonly SKColor ClassOne = new(0x9c, 0x1c, 0x22);

    private readonly PlaneRule rule;
    private readonly int hidden;
    private readonly SKRect linearPlane;
    private readonly SKRect layeredPlane;
    private readonly SKRect accuracyPlace;
    private readonly SKRect lossPlace;
    private readonly SKPoint corner;
    private readonly DiscBatch points;
    private readonly TrainingSet samples;
    private readonly LineChart accuracies;
    private readonly LineChart losses = new("loss", "", 0, 1);
    private readonly History linearAccuracy;
    private readonly History layeredAccuracy;
    private readonly History linearLoss;
    private readonly History layeredLoss;

    /// <param name="context">The scene's context.</param>
    /// <param name="training">Trains both classifiers.</param>
    /// <param name="rule">The points to learn.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="place">Where to draw.</param>
    public BoundaryPanel(SceneContext context, SceneTraining training, PlaneRule rule, int hidden, SKRect place)
    {
        (this.rule, this.hidden) = (rule, hidden);
        corner = place.Location;
        var side = MathF.Floor(Math.Min(place.Height - HeadingHeight - CaptionHeight, (place.Width - TickRoom - 2 * Gap) * 0.385f));
        linearPlane = SKRect.Create(place.Left + TickRoom, place.Top + HeadingHeight, side, side);
        layeredPlane = SKRect.Create(linearPlane.Right + Gap, linearPlane.Top, side, side);
        var charts = new SKRect(layeredPlane.Right + Gap + 6, linearPlane.Top - 4, place.Right, linearPlane.Bottom + TickRoom);
        var half = (charts.Height - 8) / 2;
        accuracyPlace = SKRect.Create(charts.Left, charts.Top, charts.Width, half);
        lossPlace = SKRect.Create(charts.Left, charts.Bottom - half, charts.Width, half);

        accuracies = new LineChart("accuracy", " %", 40, 100);
        linearAccuracy = accuracies.Add("", Palette.Orange);
        layeredAccuracy = accuracies.Add("", Palette.Blue);
        linearLoss = losses.Add("", Palette.Orange);
        layeredLoss = losses.Add("", Palette.Blue);

        var (learned, test) = (new PlaneData(rule, context.Seed, isTest: false), new PlaneData(rule, context.Seed, isTest: true));
        samples = new TrainingSet(context.Device, inputs: 2, classes: 2, PlaneData.Count);
        samples.AddRange(learned.Features, learned.Labels);
        Linear = new PlaneLearner(context, training, new LinearClassifier(context.Device, 2, 2, context.Seed), samples, test);
        Layered = new PlaneLearner(context, training, new TwoLayerClassifier(context.Device, 2, hidden, 2, context.Seed), samples, test);
        points = new DiscBatch(context.Gl) { Outline = 1 };
        AddPoints(learned, linearPlane);
        AddPoints(learned, layeredPlane);
    }

    public PlaneLearner Linear { get; }

    public PlaneLearner Layered { get; }

    public void RecordLosses()
    {
        linearLoss.Add(float.IsNaN(Linear.Loss) ? 1 : Linear.Loss);
        layeredLoss.Add(float.IsNaN(Layered.Loss) ? 1 : Layered.Loss);
        linearAccuracy.Add(100 * Linear.Accuracy);
        layeredAccuracy.Add(100 * Layered.Accuracy);
    }

    public void Ask()
    {
        Linear.Ask();
        Layered.Ask();
    }

    /// <summary>The point of one of its planes at a place on the screen; null for none.</summary>
    public SelectedSample? PointAt(SKPoint place)
    {
        const float HalfMark = 7;
        var isLinear = linearPlane.Contains(place);
        var plane = isLinear ? linearPlane : layeredPlane;
        if (!plane.Contains(place)) return null;
        var (x1, x2) = (2 * (place.X - plane.MidX) / plane.Width, 2 * (plane.MidY - place.Y) / plane.Height);
        var mark = SKRect.Create(place.X - HalfMark, place.Y - HalfMark, 2 * HalfMark, 2 * HalfMark);
        var (learner, name) = isLinear ? (Linear, "linear") : (Layered, "two layers");
        return new SelectedSample(learner.Classifier, [x1, x2], mark, name, Invariant($"at {x1:F2}, {x2:F2}"));
    }

    public void Draw(Screen screen)
    {
        screen.Draw(Linear.Plane, linearPlane);
        screen.Draw(Layered.Plane, layeredPlane);
        points.Draw();
        var sheet = screen.Sheet;
        sheet.Text(PlaneData.NameOf(rule), corner.X, corner.Y + 16, 18, Palette.Ink, isBold: true);
        DrawPlane(sheet, linearPlane, "linear", Linear.Accuracy, Palette.Orange);
        DrawPlane(sheet, layeredPlane, Invariant($"two layers, {hidden} hidden"), Layered.Accuracy, Palette.Blue);
        sheet.Text("x2", linearPlane.Left - 4, linearPlane.Top + 12, 12, Palette.FaintInk, SKTextAlign.Right);
        accuracies.Draw(sheet, accuracyPlace);
        losses.Draw(sheet, lossPlace);
    }

    public void Dispose()
    {
        Linear.Dispose();
        Layered.Dispose();
        samples.Dispose();
        points.Dispose();
    }

    private static void DrawPlane(SceneSheet sheet, SKRect plane, string name, float accuracy, SKColor color)
    {
        sheet.Frame(plane, Palette.FaintInk);
        sheet.Text("x1", plane.Right, plane.Bottom + 14, 12, Palette.FaintInk, SKTextAlign.Right);
        sheet.Text(name, plane.Left, plane.Bottom + 16, 14, color, isBold: true);
        sheet.Text(Invariant($"{100 * accuracy:F0} % of new points right"), plane.Left, plane.Bottom + 33, 13, Palette.Ink);
    }

    private void AddPoints(PlaneData data, SKRect plane)
    {
        var radius = Math.Clamp(plane.Width / 80, 2.5f, 4.5f);
        for (var i = 0; i < ShownPoints; i++)
        {
            var x = plane.MidX + data.Features[2 * i] * plane.Width / 2;
            var y = plane.MidY - data.Features[2 * i + 1] * plane.Height / 2;
            if (!plane.Contains(x, y)) continue;
            points.Add(x, y, radius + 1, data.Labels[i] == 1 ? ClassOne : ClassZero);
        }
    }
}
