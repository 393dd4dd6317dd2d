using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// A small network at work, as bars: its observation, its hidden units, its logits and the probabilities of the actions. It is computed here, on the
/// processor, from the shown parameters.
/// </summary>
internal sealed class NetworkPanel(IReadOnlyList<string> observationNames, IReadOnlyList<string> actionNames)
{
    private const float Small = 11;
    private const float Row = 17;
    private const float HiddenHeight = 34;

    private float[] hidden = [];
    private float nameWidth;
    private readonly float[] logits = new float[actionNames.Count];
    private readonly float[] probabilities = new float[actionNames.Count];

    /// <summary>The height of the drawing.</summary>
    public float Height => 18 + observationNames.Count * Row + 26 + HiddenHeight + 30 + actionNames.Count * Row;

    /// <param name="sheet">The sheet to draw on.</param>
    /// <param name="place">Its top left corner and width; the panel sets the height.</param>
    /// <param name="observations">[observations].</param>
    /// <param name="brain">The parameters of a network with a hidden layer of ReLU.</param>
    /// <param name="action">The chosen action.</param>
    public void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> observations, ClassifierParameters brain, int action)
    {
        if (nameWidth == 0) nameWidth = 6 + observationNames.Concat(actionNames).Max(name => sheet.Measure(name, Small));
        Compute(observations, brain);
        var y = place.Top + 11;
        sheet.Text("observes", place.Left, y, Small + 1, Palette.Ink, isBold: true);
        for (var i = 0; i < observations.Length; i++) DrawSigned(sheet, place, y += Row, observationNames[i], observations[i], 1, Palette.Sky);
        y += 26;
        sheet.Text(Invariant($"{hidden.Length} hidden units"), place.Left, y, Small + 1, Palette.Ink, isBold: true);
        DrawHidden(sheet, SKRect.Create(place.Left, y + 5, place.Width, HiddenHeight));
        y += HiddenHeight + 30;
        sheet.Text("logits", place.Left, y, Small + 1, Palette.Ink, isBold: true);
        sheet.Text("probabilities", place.Right, y, Small + 1, Palette.Ink, SKTextAlign.Right, isBold: true);
        var half = new SKRect(place.Left, place.Top, place.MidX, place.Bottom);
        var scale = Math.Max(1, logits.Max(MathF.Abs));
        for (var i = 0; i < logits.Length; i++)
        {
            DrawSigned(sheet, half, y += Row, actionNames[i], logits[i], scale, Palette.Purple);
            var bar = SKRect.Create(place.MidX + 10, y - 9, place.Width / 2 - 10, 10);
            sheet.Fill(bar, Palette.Panel);
            sheet.Fill(SKRect.Create(bar.Left, bar.Top, bar.Width * probabilities[i], bar.Height), i == action ? Palette.Blue : Palette.Rule);
        }
    }

    private void Compute(ReadOnlySpan<float> observations, ClassifierParameters brain)
    {
        if (hidden.Length != brain.HiddenBiases.Length) hidden = new float[brain.HiddenBiases.Length];
        for (var j = 0; j < hidden.Length; j++)
        {
            hidden[j] = brain.HiddenBiases[j];
            for (var i = 0; i < observations.Length; i++) hidden[j] += observations[i] * brain.HiddenWeights[i * hidden.Length + j];
            hidden[j] = MathF.Max(0, hidden[j]);
        }

        var outputs = brain.OutputBiases.Length;
        for (var k = 0; k < logits.Length; k++)
        {
            logits[k] = brain.OutputBiases[k];
            for (var j = 0; j < hidden.Length; j++) logits[k] += hidden[j] * brain.OutputWeights[j * outputs + k];
        }

        var (largest, sum) = (logits.Max(), 0f);
        for (var k = 0; k < logits.Length; k++) sum += probabilities[k] = MathF.Exp(logits[k] - largest);
        for (var k = 0; k < logits.Length; k++) probabilities[k] /= sum;
    }

    private void DrawSigned(SceneSheet sheet, SKRect place, float baseline, string name, float value, float scale, SKColor color)
    {
        sheet.Text(name, place.Left, baseline, Small, Palette.FaintInk);
        var bar = SKRect.Create(place.Left + nameWidth, baseline - 9, place.Width - nameWidth, 10);
        sheet.Fill(bar, Palette.Panel);
        var end = bar.MidX + bar.Width / 2 * Math.Clamp(value / scale, -1, 1);
        sheet.Fill(new SKRect(Math.Min(bar.MidX, end), bar.Top, Math.Max(bar.MidX, end), bar.Bottom), color);
        sheet.Line(bar.MidX, bar.Top, bar.MidX, bar.Bottom, Palette.FaintInk);
    }

    private void DrawHidden(SceneSheet sheet, SKRect place)
    {
        sheet.Fill(place, Palette.Panel);
        if (hidden.Length == 0) return;
        var scale = Math.Max(1e-6f, hidden.Max());
        var width = place.Width / hidden.Length;
        for (var j = 0; j < hidden.Length; j++)
        {
            var height = place.Height * hidden[j] / scale;
            sheet.Fill(SKRect.Create(place.Left + j * width, place.Bottom - height, Math.Max(1, width - 1), height), Palette.Green);
        }
    }
}
