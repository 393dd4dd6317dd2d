using SkiaSharp;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// A small network at work, as bars: its inputs, its hidden units, its logits and their probabilities. It is computed here, on the
/// processor, from the shown parameters.
/// </summary>
/// <param name="inputs">Draws its inputs.</param>
/// <param name="outputNames">The names of its actions or classes.</param>
internal sealed class NetworkPanel(NetworkInputs inputs, IReadOnlyList<string> outputNames)
{
    private const float HeadingSize = 12;
    private const float HiddenHeight = 34;

    private readonly SignedBars logitBars = new(outputNames, Palette.Purple);
    private readonly float[] logits = new float[outputNames.Count];
    private readonly float[] probabilities = new float[outputNames.Count];
    private float[] hidden = [];

    /// <summary>The panel of an agent's network.</summary>
    public NetworkPanel(IReadOnlyList<string> observationNames, IReadOnlyList<string> actionNames) : this(new NamedInputs("observes", observationNames), actionNames)
    {
    }

    /// <summary>The height of the drawing of a network with a hidden layer, or without one.</summary>
    public float HeightOf(bool hasHidden) => 18 + inputs.Height + (hasHidden ? 26 + HiddenHeight : 0) + 30 + outputNames.Count * SignedBars.Row;

    /// <param name="sheet">The sheet to draw on.</param>
    /// <param name="place">Its top left corner and width; the panel sets the height.</param>
    /// <param name="values">The inputs of one sample.</param>
    /// <param name="parameters">The parameters of a network with a hidden layer of ReLU, or of a linear one.</param>
    /// <param name="chosen">The chosen action; null for the most probable output.</param>
    public void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> values, ClassifierParameters parameters, int? chosen)
    {
        Compute(values, parameters);
        var y = place.Top + 11;
        sheet.Text(inputs.Heading, place.Left, y, HeadingSize, Palette.Ink, isBold: true);
        inputs.Draw(sheet, new SKRect(place.Left, y, place.Right, place.Bottom), values);
        y += inputs.Height;
        if (hidden.Length > 0)
        {
            y += 26;
            sheet.Text(Invariant($"{hidden.Length} hidden units"), place.Left, y, HeadingSize, Palette.Ink, isBold: true);
            DrawHidden(sheet, SKRect.Create(place.Left, y + 5, place.Width, HiddenHeight));
            y += HiddenHeight;
        }

        y += 30;
        sheet.Text("logits", place.Left, y, HeadingSize, Palette.Ink, isBold: true);
        sheet.Text("probabilities", place.Right, y, HeadingSize, Palette.Ink, SKTextAlign.Right, isBold: true);
        logitBars.Draw(sheet, new SKRect(place.Left, y, place.MidX, place.Bottom), logits, Math.Max(1, logits.Max(MathF.Abs)));
        DrawProbabilities(sheet, new SKRect(place.MidX + 10, y, place.Right, place.Bottom), chosen ?? Array.IndexOf(probabilities, probabilities.Max()));
    }

    private void Compute(ReadOnlySpan<float> values, ClassifierParameters parameters)
    {
        if (hidden.Length != parameters.HiddenBiases.Length) hidden = new float[parameters.HiddenBiases.Length];
        for (var j = 0; j < hidden.Length; j++)
        {
            hidden[j] = parameters.HiddenBiases[j];
            for (var i = 0; i < values.Length; i++) hidden[j] += values[i] * parameters.HiddenWeights[i * hidden.Length + j];
            hidden[j] = MathF.Max(0, hidden[j]);
        }

        var last = hidden.Length > 0 ? hidden : values;
        var outputs = parameters.OutputBiases.Length;   // a brain may have more of them than actions
        for (var k = 0; k < logits.Length; k++)
        {
            logits[k] = parameters.OutputBiases[k];
            for (var j = 0; j < last.Length; j++) logits[k] += last[j] * parameters.OutputWeights[j * outputs + k];
        }

        var (largest, sum) = (logits.Max(), 0f);
        for (var k = 0; k < logits.Length; k++) sum += probabilities[k] = MathF.Exp(logits[k] - largest);
        for (var k = 0; k < logits.Length; k++) probabilities[k] /= sum;
    }

    private void DrawProbabilities(SceneSheet sheet, SKRect place, int chosen)
    {
        for (var k = 0; k < probabilities.Length; k++)
        {
            var bar = SKRect.Create(place.Left, place.Top + (k + 1) * SignedBars.Row - 9, place.Width, 10);
            sheet.Fill(bar, Palette.Panel);
            sheet.Fill(SKRect.Create(bar.Left, bar.Top, bar.Width * probabilities[k], bar.Height), k == chosen ? Palette.Blue : Palette.Rule);
        }
    }

    private void DrawHidden(SceneSheet sheet, SKRect place)
    {
        sheet.Fill(place, Palette.Panel);
        var scale = Math.Max(1e-6f, hidden.Max());
        var width = place.Width / hidden.Length;
        for (var j = 0; j < hidden.Length; j++)
        {
            var height = place.Height * hidden[j] / scale;
            sheet.Fill(SKRect.Create(place.Left + j * width, place.Bottom - height, Math.Max(1, width - 1), height), Palette.Green);
        }
    }
}
