using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>
/// The limits of linear models: a linear classifier and one with a hidden layer learn the same points, and the plane is
/// colored by the predictions of each.
/// </summary>
internal sealed class BoundaryScene(IReadOnlyList<PlaneRule> rules, int hidden) : IScene
{
    private static readonly SKRect World = new(SceneFrame.Margin, SceneFrame.Top, Screen.Width - SceneFrame.Margin, SceneFrame.Bottom);

    private readonly List<BoundaryPanel> panels = [];
    private readonly SampleView view = new(World, new NetworkPanel(new NamedInputs("input", ["x1", "x2"]), ["blue", "red"]));
    private SceneContext? context;
    private Screen? screen;
    private SceneTraining? training;

    public string Title => "The limits of linear models";

    public IReadOnlyList<SceneFigure> Figures =>
    [
        .. panels.Zip(rules).SelectMany(pair => new SceneFigure[]
        {
            new($"{PlaneData.NameOf(pair.Second)}, linear: accuracy on new points", pair.First.Linear.Accuracy, "P1"),
            new($"{PlaneData.NameOf(pair.Second)}, {hidden} hidden units: accuracy on new points", pair.First.Layered.Accuracy, "P1"),
        }),
    ];

    public void Load(SceneContext context)
    {
        this.context = context;
        screen = new Screen(context.Gl);
        var places = Places();
        training = new SceneTraining(context);
        for (var i = 0; i < rules.Count; i++) panels.Add(new BoundaryPanel(context, training, rules[i], hidden, places[i]));
        foreach (var panel in panels) panel.Ask();
    }

    public void Update()
    {
        if (context!.Click is { } click) view.Select(panels.Select(panel => panel.PointAt(click)).FirstOrDefault(point => point is not null));
        training!.Tick();
        view.Step();
        foreach (var panel in panels) panel.RecordLosses();

        // One panel per frame: the picture is at most as many frames old as there are panels.
        panels[context.Frame % panels.Count].Ask();
    }

    public void Render()
    {
        screen!.Begin();
        foreach (var panel in panels) panel.Draw(screen);
        view.Draw(screen.Sheet);
        SceneFrame.Draw(
            screen.Sheet, context!, Title,
            "Dots: points to learn, of two classes. Background: the class each network predicts for a point, the stronger the more certain. Click anywhere to see a network at work.");
        screen.End();
    }

    public void Dispose()
    {
        training?.Dispose();
        foreach (var panel in panels) panel.Dispose();
        screen?.Dispose();
    }

    private SKRect[] Places()
    {
        const float Gap = 34;
        if (rules.Count == 1) return [World];
        var (width, height) = ((World.Width - Gap) / 2, World.Height / 2);
        return [.. rules.Select((_, i) => SKRect.Create(World.Left + i % 2 * (width + Gap), World.Top + i / 2 * height, width, height - 6))];
    }
}
