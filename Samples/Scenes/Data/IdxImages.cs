namespace NeuralPlugin.Samples;

/// <summary>The images of one IDX file: <see cref="Pixels"/> is [Count × Rows × Columns], one byte per pixel, row by row.</summary>
internal sealed record IdxImages(int Count, int Rows, int Columns, byte[] Pixels)
{
    public int PixelsPerImage => Rows * Columns;

    public ReadOnlySpan<byte> this[int image] => Pixels.AsSpan(image * PixelsPerImage, PixelsPerImage);
}
