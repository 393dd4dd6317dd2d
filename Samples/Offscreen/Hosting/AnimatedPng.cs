using System.Buffers.Binary;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>
/// Writes an animated PNG: Skia compresses the frames, and their data is wrapped in the chunks of an animation. Each frame after the first
/// holds only the rectangle that changed. A viewer without animation support shows the first frame. Source: PNG, third
/// edition (W3C, 2025), section 11.3.6.
/// </summary>
internal sealed unsafe class AnimatedPng(TimeSpan delay, TimeSpan lastDelay)
{
    private readonly List<(SKRectI Area, List<byte[]> Data)> frames = [];
    private byte[] header = [];
    private SKBitmap? previous;

    public int Frames => frames.Count;

    /// <summary>Takes ownership of the bitmap; all have the same size.</summary>
    public void Add(SKBitmap bitmap)
    {
        var area = previous is null ? new SKRectI(0, 0, bitmap.Width, bitmap.Height) : Changed(previous, bitmap);
        using (var part = bitmap.PeekPixels().ExtractSubset(area))
        {
            var chunks = Chunks(FramePicture.ToPng(part));
            if (previous is null) header = chunks.Single(chunk => chunk.Type == "IHDR").Data;
            frames.Add((area, [.. chunks.Where(chunk => chunk.Type == "IDAT").Select(chunk => chunk.Data)]));
        }

        previous?.Dispose();
        previous = bitmap;
    }

    /// <summary>Returns the file; frees the frames.</summary>
    public byte[] Finish()
    {
        previous?.Dispose();
        previous = null;
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Write(file, "IHDR", header);
        Write(file, "acTL", [.. BigEndian(frames.Count), .. BigEndian(0)]);
        var sequence = 0;
        for (var i = 0; i < frames.Count; i++)
        {
            var (area, data) = frames[i];
            Write(file, "fcTL", Control(sequence++, area, i == frames.Count - 1 ? lastDelay : delay));
            foreach (var chunk in data)
            {
                if (i == 0) Write(file, "IDAT", chunk);
                else Write(file, "fdAT", [.. BigEndian(sequence++), .. chunk]);
            }
        }

        Write(file, "IEND", []);
        return file.ToArray();
    }

    private static byte[] Control(int sequence, SKRectI area, TimeSpan delay)
    {
        const byte Keep = 0;    // the frame stays under the next one, whose pixels replace the existing ones
        return
        [
            .. BigEndian(sequence), .. BigEndian(area.Width), .. BigEndian(area.Height), .. BigEndian(area.Left), .. BigEndian(area.Top),
            .. BigEndian((int)delay.TotalMilliseconds)[2..], .. BigEndian(1000)[2..], Keep, Keep,
        ];
    }

    private static SKRectI Changed(SKBitmap before, SKBitmap after)
    {
        var (left, top, right, bottom) = (after.Width, after.Height, 0, 0);
        for (var row = 0; row < after.Height; row++)
        {
            var a = new ReadOnlySpan<uint>((void*)before.GetAddress(0, row), after.Width);
            var b = new ReadOnlySpan<uint>((void*)after.GetAddress(0, row), after.Width);
            var first = a.CommonPrefixLength(b);
            if (first == a.Length) continue;
            var last = a.Length - 1;
            while (a[last] == b[last]) last--;
            (left, right) = (Math.Min(left, first), Math.Max(right, last + 1));
            (top, bottom) = (Math.Min(top, row), row + 1);
        }

        // A frame has at least one pixel.
        return bottom == 0 ? new SKRectI(0, 0, 1, 1) : new SKRectI(left, top, right, bottom);
    }

    private static List<(string Type, byte[] Data)> Chunks(byte[] png)
    {
        var chunks = new List<(string, byte[])>();
        for (var at = 8; at < png.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            chunks.Add((System.Text.Encoding.ASCII.GetString(png, at + 4, 4), png[(at + 8)..(at + 8 + length)]));
            at += length + 12;
        }

        return chunks;
    }

    private static void Write(MemoryStream file, string type, byte[] data)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        file.Write(BigEndian(data.Length));
        file.Write(body);
        file.Write(BigEndian((int)Crc32.Of(body)));
    }

    private static byte[] BigEndian(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
