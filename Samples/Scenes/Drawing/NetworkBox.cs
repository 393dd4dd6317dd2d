using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The network of a selected creature or sample at work, in a box over the world.</summary>
/// <param name="network">Draws the network.</param>
internal sealed class NetworkBox(NetworkPanel network)
{
    private const float Width = 250;
    private const float Border = 12;
    private const float HeadingHeight = 32;
    private const int FramesBetweenReads = 10;

    private ClassifierParameters? parameters;
    private int frames;

    /// <summary>Something else was selected.</summary>
    public void Restart() => (parameters, frames) = (null, 0);

    /// <summary>Call it once a frame while something is selected: every few frames the parameters are read, which may wait.</summary>
    public void Step(Func<ClassifierParameters> read)
    {
        if (frames++ % FramesBetweenReads == 0) parameters = read();
    }

    /// <summary>Draws the network beside the world's edge that is farther from the selected thing, and a frame around that.</summary>
    /// <param name="sheet">The sheet to draw on.</param>
    /// <param name="world">The world.</param>
    /// <param name="selected">The selected thing.</param>
    /// <param name="name">Its name.</param>
    /// <param name="note">A note beside its name.</param>
    /// <param name="inputs">The inputs of its network.</param>
    /// <param name="chosen">The chosen action; null for the most probable output.</param>
    public void Draw(SceneSheet sheet, SKRect world, SKRect selected, string name, string note, ReadOnlySpan<float> inputs, int? chosen)
    {
        if (parameters is null) return;
        sheet.Frame(selected, Palette.Ink, 2);
        var left = selected.MidX < world.MidX ? world.Right - Width - Border : world.Left + Border;
        var box = SKRect.Create(left, world.Top + Border, Width, HeadingHeight + network.HeightOf(parameters.HiddenBiases.Length > 0) + 8);
        sheet.Fill(box, SKColors.White);
        sheet.Frame(box, Palette.FaintInk);
        sheet.Text(name, box.Left + Border, box.Top + 22, 14, Palette.Ink, isBold: true);
        sheet.Text(note, box.Right - Border, box.Top + 22, 14, Palette.FaintInk, SKTextAlign.Right);
        network.Draw(sheet, new SKRect(box.Left + Border, box.Top + HeadingHeight, box.Right - Border, box.Bottom), inputs, parameters, chosen);
    }
}
