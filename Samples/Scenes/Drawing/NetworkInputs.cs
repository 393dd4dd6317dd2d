using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The inputs of a network, as a <see cref="NetworkPanel"/> draws them.</summary>
internal abstract class NetworkInputs
{
    /// <summary>What stands above them.</summary>
    public abstract string Heading { get; }

    /// <summary>The height of the drawing.</summary>
    public abstract float Height { get; }

    /// <param name="sheet">The sheet to draw on.</param>
    /// <param name="place">Its top left corner and width.</param>
    /// <param name="inputs">The inputs of one sample.</param>
    public abstract void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> inputs);
}

/// <summary>Inputs with names, each from −1 to 1 as a bar.</summary>
internal sealed class NamedInputs(string heading, IReadOnlyList<string> names) : NetworkInputs
{
    private readonly SignedBars bars = new(names, Palette.Sky);

    public override string Heading => heading;

    public override float Height => names.Count * SignedBars.Row;

    public override void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> inputs) => bars.Draw(sheet, place, inputs, scale: 1);
}

/// <summary>The pixels of an image, from 0 (white) to 1 (black).</summary>
internal sealed class ImageInputs(int rows, int columns) : NetworkInputs
{
    private const int MostHeight = 112;

    public override string Heading => "input";

    public override float Height => rows * PixelSize + 6;

    private int PixelSize => Math.Max(1, MostHeight / rows);

    public override void Draw(SceneSheet sheet, SKRect place, ReadOnlySpan<float> inputs)
    {
        var image = SKRect.Create(place.Left, place.Top + 6, columns * PixelSize, rows * PixelSize);
        sheet.Fill(image, SKColors.White);
        for (var i = 0; i < rows * columns; i++)
        {
            if (inputs[i] == 0) continue;
            var shade = (byte)(255 * (1 - inputs[i]));
            sheet.Fill(SKRect.Create(image.Left + i % columns * PixelSize, image.Top + i / columns * PixelSize, PixelSize, PixelSize), new SKColor(shade, shade, shade));
        }

        sheet.Frame(image, Palette.Rule);
    }
}
