using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Handwritten digits, and the predictions of a network that learns from others, frame by frame.</summary>
internal sealed class DigitsFrameScene(Func<ImageData> load, int hidden, float learningRate) : IScene
{
    private const int Columns = 12;
    private const int Rows = 7;
    private const int TileSize = 56;
    private const int CellWidth = 64;
    private const int CellHeight = 84;
    private const float ChartsLeft = 830;

    private static readonly SKPoint Corner = new(SceneFrame.Margin, SceneFrame.Top + 30);
    private static readonly SKRect World = SKRect.Create(Corner.X, Corner.Y, Columns * CellWidth, Rows * CellHeight);

    private readonly LineChart accuracies = new("accuracy on digits that it never learns", " %", 0, 100);
    private readonly LineChart losses = new("loss (mean cross-entropy of the last steps)", "", 0, 2.5f);
    private SceneContext? context;
    private Screen? screen;
    private ImageData? data;
    private DigitsLearner? learner;
    private SceneTraining? training;
    private PixelTexture? digits;
    private History? accuracy;
    private History? loss;
    private SampleView? view;

    public string Title => "Learning to read digits";

    public IReadOnlyList<SceneFigure> Figures =>
    [
        new("loss of the last steps", learner!.Loss, "F4"),
        new("accuracy on new digits", learner.Accuracy, "P1"),
    ];

    private static int Shown => Columns * Rows;

    public void Load(SceneContext context)
    {
        this.context = context;
        data = load();
        if (data.Test.Count < Shown) throw new UserErrorException(Invariant($"The scene shows {Shown} test images, but there are {data.Test.Count}."));
        screen = new Screen(context.Gl);
        training = new SceneTraining(context);
        learner = new DigitsLearner(context, training, data, hidden, learningRate, Shown);
        accuracy = accuracies.Add("", Palette.Blue);
        loss = losses.Add("", Palette.Orange);
        digits = new PixelTexture(context.Gl, Columns * CellWidth, Rows * CellHeight, smooth: false);
        digits.Upload(DrawDigits(data));
        view = new SampleView(
            World, new NetworkPanel(new ImageInputs(data.Test.Images.Rows, data.Test.Images.Columns), [.. Enumerable.Range(0, data.Classes).Select(digit => Invariant($"{digit}"))]));
        learner.Ask();
    }

    public void Update()
    {
        if (context!.Click is { } click) view!.Select(DigitAt(click));
        training!.Tick();
        view!.Step();
        learner!.Ask();
        accuracy!.Add(100 * learner.Accuracy);
        loss!.Add(float.IsNaN(learner.Loss) ? MathF.Log(data!.Classes) : learner.Loss);
    }

    public void Render()
    {
        screen!.Begin();
        screen.Draw(digits!, World);
        var sheet = screen.Sheet;
        sheet.Text(
            Invariant($"{Shown} digits that it never learns, and what it takes them for"), Corner.X, Corner.Y - 10, 16, Palette.Ink, isBold: true);
        for (var i = 0; i < Shown; i++) DrawPrediction(sheet, i);
        DrawCharts(sheet);
        view!.Draw(sheet);
        SceneFrame.Draw(
            sheet, context!, Title,
            "Under each digit: what the network takes it for, green if right, orange with the true digit if wrong; the bar is how sure it is. Click one to see the network at work.");
        screen.End();
    }

    public void Dispose()
    {
        training?.Dispose();
        learner?.Dispose();
        digits?.Dispose();
        screen?.Dispose();
    }

    /// <summary>Dark strokes on light tiles, at twice their size: the data has them light on black.</summary>
    private static uint[] DrawDigits(ImageData data)
    {
        var pixels = new uint[Columns * CellWidth * Rows * CellHeight];
        Array.Fill(pixels, uint.MaxValue);
        var images = data.Test.Images;
        for (var i = 0; i < Shown; i++)
        {
            var image = images[i];
            for (var row = 0; row < TileSize; row++)
            {
                for (var column = 0; column < TileSize; column++)
                {
                    var shade = (byte)(255 - image[row * images.Rows / TileSize * images.Columns + column * images.Columns / TileSize]);
                    var (x, y) = (i % Columns * CellWidth + column, i / Columns * CellHeight + row);
                    pixels[y * Columns * CellWidth + x] = PixelTexture.Pack(new SKColor(shade, shade, shade));
                }
            }
        }

        return pixels;
    }

    private static SKPoint PlaceOf(int image) => new(Corner.X + image % Columns * CellWidth, Corner.Y + image / Columns * CellHeight);

    private SelectedSample? DigitAt(SKPoint place)
    {
        if (!World.Contains(place)) return null;
        var image = (int)((place.Y - Corner.Y) / CellHeight) * Columns + (int)((place.X - Corner.X) / CellWidth);
        var corner = PlaceOf(image);
        return new SelectedSample(
            learner!.Classifier, learner.FeaturesOf(image), SKRect.Create(corner.X, corner.Y, TileSize, TileSize), Invariant($"a {data!.Test.Labels[image]}"), "never learned");
    }

    private void DrawPrediction(SceneSheet sheet, int image)
    {
        var (left, top) = (PlaceOf(image).X, PlaceOf(image).Y);
        var (digit, probability) = learner!.PredictionOf(image);
        var truth = data!.Test.Labels[image];
        var color = digit == truth ? Palette.Green : Palette.Orange;
        sheet.Frame(SKRect.Create(left, top, TileSize, TileSize), digit == truth ? Palette.Rule : color, digit == truth ? 1 : 2);
        sheet.Text(Invariant($"{digit}"), left + 2, top + TileSize + 18, 17, color, isBold: true);
        if (digit != truth) sheet.Text(Invariant($"not {truth}"), left + TileSize, top + TileSize + 17, 12, color, SKTextAlign.Right);
        else sheet.Fill(SKRect.Create(left + 18, top + TileSize + 8, (TileSize - 18) * probability, 7), color);
    }

    private void DrawCharts(SceneSheet sheet)
    {
        var right = Screen.Width - SceneFrame.Margin;
        sheet.Text(Invariant($"{100 * learner!.Accuracy:F1} %"), ChartsLeft, SceneFrame.Top + 60, 52, Palette.Blue, isBold: true);
        sheet.Text(Invariant($"of {data!.Test.Count:N0} new digits read right"), ChartsLeft, SceneFrame.Top + 86, 16, Palette.Ink);
        accuracies.Draw(sheet, new SKRect(ChartsLeft, SceneFrame.Top + 116, right, SceneFrame.Top + 340));
        losses.Draw(sheet, new SKRect(ChartsLeft, SceneFrame.Top + 362, right, SceneFrame.Top + 586));
    }
}
