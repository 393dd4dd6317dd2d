using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>A race car that the player steers, and a ghost that learns to drive like the player, at the same time; then it drives alone.</summary>
/// <param name="keyScript">Keys in place of the player's; null for the player's or, if there is no player, those of a scripted driver.</param>
/// <param name="ghostToLoad">A saved ghost to begin with.</param>
/// <param name="framesBeforeHandingOver">Frames after which the ghost drives alone.</param>
internal sealed class PlayScene(KeyScript? keyScript, string? ghostToLoad, int framesBeforeHandingOver) : IScene
{
    private const float Scale = 14;
    private const int FramesOfAMessage = 240;

    private static readonly SKRect Plane = SKRect.Create(SceneFrame.Margin, SceneFrame.Top + 6, Track.Width * Scale, Track.Height * Scale);

    private readonly LineChart curves = new("five seconds", " %", 0, 100);
    private readonly NetworkPanel network = new(RaceWorld.ObservationNames, RaceWorld.ActionNames);
    private readonly HashSet<SceneKey> held = [];
    private SceneContext? context;
    private Screen? screen;
    private RaceWorld? world;
    private IKeyboard? keys;
    private PlayTrial? trial;
    private DiscBatch? discs;
    private PixelTexture? road;
    private History? agreement;
    private History? onRoad;
    private ClassifierParameters? brain;
    private Task? saving;
    private string message = "";
    private int messageFrames;
    private bool isPaused;
    private int driven;

    public string Title => "Drive, and be learned from";

    public IReadOnlyList<SceneFigure> Figures =>
    [
        new(Invariant($"the player's keys that the ghost predicted, in the player's last {PlayTrial.Window} frames"), trial!.Agreement.Value, "P1"),
        new(Invariant($"frames on the road, of the ghost's last {PlayTrial.Window}"), trial.GhostOnRoad.Value, "P1"),
        new("place on the road, from -1 (left edge) to 1 (right edge): the player's", trial.PlayerOffset.Value, "F2"),
        new("the same, the ghost's", trial.GhostOffset.Value, "F2"),
        new("laps that the ghost drove alone", trial.LapsAlone, "F2"),
    ];

    private string GhostFile => Path.Combine(context!.Options.OutFolder ?? Path.Combine("out", "play"), "ghost.safetensors");

    /// <summary>A car's action for the keys that are down.</summary>
    public static int ActionOf(IKeyboard keys) =>
        keys.IsDown(SceneKey.Brake) ? RaceWorld.Brake
        : keys.IsDown(SceneKey.Left) == keys.IsDown(SceneKey.Right) ? RaceWorld.Straight
        : keys.IsDown(SceneKey.Left) ? RaceWorld.Left : RaceWorld.Right;

    public void Load(SceneContext context)
    {
        this.context = context;
        world = new RaceWorld(cars: 2, context.Seed);
        keys = keyScript ?? context.Keyboard ?? new ScriptedDriver(world, framesBeforeHandingOver);
        trial = new PlayTrial(context.Device, context.Seed, context.Budget, world, () => ActionOf(keys));
        if (ghostToLoad is not null) trial.Load(ghostToLoad);
        screen = new Screen(context.Gl);
        discs = new DiscBatch(context.Gl);
        road = DrawRoad(context, world.Track);
        agreement = curves.Add("as the player", Palette.Blue);
        onRoad = curves.Add("on the road", Palette.Green);
    }

    public void Update()
    {
        keys!.NextFrame();
        if (Pressed(SceneKey.Pause)) isPaused = !isPaused;
        if (Pressed(SceneKey.Save)) Save();
        if (Pressed(SceneKey.Load)) LoadTheGhost();
        if (Pressed(SceneKey.HandOver)) trial!.HandOver();
        FinishSaving();
        if (isPaused)
        {
            context!.Device.Update();   // a ghost may be on its way to the file
            return;
        }

        driven++;
        if (driven == framesBeforeHandingOver && !trial!.IsGhostAlone) trial.HandOver();
        trial!.Step();
        context!.CountTraining(trial.Progress.TrainingTime, trial.Progress.StepsThisFrame);
        agreement!.Add((float)(100 * trial.Agreement.Value));
        onRoad!.Add((float)(100 * trial.GhostOnRoad.Value));
        brain = trial.RecentBrain ?? brain;
    }

    public void Render()
    {
        screen!.Begin();
        screen.Draw(road!, Plane);
        DrawCars();
        discs!.Draw();
        var sheet = screen.Sheet;
        sheet.Frame(Plane, Palette.FaintInk);
        DrawBelow(sheet);
        DrawFigures(sheet);
        SceneFrame.Draw(
            sheet, context!, Title,
            "Left, right and down steer and brake. Space: the ghost alone, and back. P: pause. S: save the ghost. L: load it. The brain sees distances to the road's edge.");
        screen.End();
    }

    public void Dispose()
    {
        while (saving is { IsCompleted: false }) context!.Device.Update();
        trial?.Dispose();
        discs?.Dispose();
        road?.Dispose();
        screen?.Dispose();
    }

    /// <summary>Whether a key went down since the last query.</summary>
    private bool Pressed(SceneKey key) => keys!.IsDown(key) ? held.Add(key) : held.Remove(key) && false;

    private void Save()
    {
        if (saving is not null) return;
        OutputFile.Prepare(Path.GetDirectoryName(GhostFile)!, Path.GetFileName(GhostFile));
        saving = trial!.SaveAsync(GhostFile);
    }

    private void FinishSaving()
    {
        if (saving is not { IsCompleted: true }) return;
        saving.GetAwaiter().GetResult();
        saving = null;
        Say(Invariant($"The ghost is saved: {GhostFile}"));
    }

    private void LoadTheGhost()
    {
        try
        {
            trial!.Load(GhostFile);
            Say(Invariant($"The ghost is loaded: {GhostFile}"));
        }
        catch (UserErrorException exception)
        {
            Say(exception.Message);
        }
    }

    private void Say(string text) => (message, messageFrames) = (text, FramesOfAMessage);

    private static PixelTexture DrawRoad(SceneContext context, Track track)
    {
        var info = new SKImageInfo((int)Plane.Width, (int)Plane.Height, SKColorType.Rgba8888, SKAlphaType.Premul);
        using var surface = SKSurface.Create(info);
        using var path = new SKPath();
        path.AddPoly([.. track.Center.Select(point => new SKPoint(point.X * Scale, point.Y * Scale))], close: true);
        using var paint = new SKPaint { IsAntialias = true, IsStroke = true, StrokeJoin = SKStrokeJoin.Round };
        var canvas = surface.Canvas;
        canvas.Clear(new SKColor(0xe6, 0xee, 0xe2));
        void Stroke(SKColor color, float width)
        {
            (paint.Color, paint.StrokeWidth) = (color, width * Scale);
            canvas.DrawPath(path, paint);
        }

        Stroke(SKColors.White, 2 * Track.HalfRoad + 0.5f);
        Stroke(new SKColor(0xc4, 0xc9, 0xcf), 2 * Track.HalfRoad);
        using var dashes = SKPathEffect.CreateDash([0.9f * Scale, 0.9f * Scale], 0);
        paint.PathEffect = dashes;
        Stroke(SKColors.White, 0.14f);
        var texture = new PixelTexture(context.Gl, info.Width, info.Height, smooth: true);
        using var pixels = surface.PeekPixels();
        texture.Upload(pixels.GetPixels());
        return texture;
    }

    private void DrawCars()
    {
        discs!.Clear();
        Add(PlayTrial.Ghost, Palette.Blue);
        if (!trial!.IsGhostAlone) Add(PlayTrial.Player, Palette.Orange);
    }

    private void Add(int car, SKColor color)
    {
        var (place, heading, _, _, _) = world!.Cars[car];
        discs!.Add(Plane.Left + place.X * Scale, Plane.Top + place.Y * Scale, 0.62f * Scale, color, heading);
    }

    private void DrawBelow(SceneSheet sheet)
    {
        var y = Plane.Bottom + 26;
        var x = Plane.Left;
        var players = trial!.IsGhostAlone ? "the ghost drives alone" : keys is ScriptedDriver ? "the player (a script)" : "the player";
        if (!trial.IsGhostAlone)
        {
            sheet.Text(players, x, y, 16, Palette.Orange, isBold: true);
            x += sheet.Measure(players, 16, isBold: true) + 24;
        }

        sheet.Text(trial.IsGhostAlone ? players : "its ghost", x, y, 16, Palette.Blue, isBold: true);
        if (isPaused) sheet.Text("paused", Plane.MidX, Plane.MidY, 40, Palette.Ink, SKTextAlign.Center, isBold: true);
        DrawBudget(sheet, SKRect.Create(Plane.Right - 330, y - 13, 330, 16));
        if (messageFrames-- > 0) sheet.Text(message, Plane.Left, y + 26, 14, Palette.Ink);
    }

    // How much of the training budget of a frame was used.
    private void DrawBudget(SceneSheet sheet, SKRect place)
    {
        var (budget, progress) = (context!.Budget, trial!.Progress);
        var used = isPaused || trial.IsGhostAlone ? 0
            : budget.Time is { } time ? progress.TrainingTime / time
            : budget.Steps == 0 ? 0 : (double)progress.StepsThisFrame / budget.Steps;
        var bar = SKRect.Create(place.Right - 130, place.Top, 130, place.Height);
        sheet.Text(Invariant($"learning: {budget}"), bar.Left - 10, place.Top + 13, 14, Palette.FaintInk, SKTextAlign.Right);
        sheet.Fill(bar, Palette.Panel);
        sheet.Fill(SKRect.Create(bar.Left, bar.Top, bar.Width * (float)Math.Min(1, used), bar.Height), Palette.Yellow);
        sheet.Frame(bar, Palette.FaintInk);
    }

    private void DrawFigures(SceneSheet sheet)
    {
        var (left, right, top) = (Plane.Right + 32, Screen.Width - SceneFrame.Margin, SceneFrame.Top);
        var (figure, first, second) = trial!.IsGhostAlone
            ? (Invariant($"{trial.LapsAlone:F1}"), "laps that the ghost has driven", "alone, as the player showed it")
            : (Invariant($"{100 * trial.Agreement.Value:F0} %"), "of the player's last five seconds of", "keys, as the ghost predicted them");
        sheet.Text(figure, left, top + 46, 44, Palette.Blue, isBold: true);
        sheet.Text(first, left, top + 68, 14, Palette.Ink);
        sheet.Text(second, left, top + 86, 14, Palette.Ink);
        curves.Draw(sheet, new SKRect(left, top + 104, right, top + 246));
        if (brain is not null) network.Draw(sheet, new SKRect(left, top + 262, right, top + 262 + network.HeightOf(hasHidden: true)), trial.GhostSees, brain, trial.GhostAction);
    }
}
