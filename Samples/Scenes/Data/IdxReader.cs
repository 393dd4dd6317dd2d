using System.Buffers.Binary;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// Reads IDX files of bytes, gzipped or not (http://yann.lecun.com/exdb/mnist: a big-endian magic number 0x000008DD, DD the
/// number of dimensions, one 32-bit size per dimension, the bytes). It trusts nothing that a file says about itself: any error
/// is an <see cref="IdxFormatException"/>, and memory is allocated for the file's content, not for what it claims.
/// </summary>
internal static class IdxReader
{
    /// <summary>Larger images (256×256) would not be samples for a two-layer classifier but a broken header.</summary>
    public const int MaxPixelsPerImage = 65_536;

    private const int FirstPieceBytes = 65_536;

    /// <summary>Reads images, magic number 0x00000803.</summary>
    /// <param name="stream">Seekable, at its beginning, with nothing after the file.</param>
    /// <param name="fileName">The name of the file in the exception.</param>
    /// <exception cref="IdxFormatException">The content is not a complete IDX file of images.</exception>
    public static IdxImages ReadImages(Stream stream, string fileName) => Read(stream, fileName, content =>
    {
        var sizes = ReadHeader(content, fileName, dimensions: 3, "images");
        var (count, rows, columns) = (sizes[0], sizes[1], sizes[2]);
        if (rows == 0 || columns == 0 || (ulong)rows * columns > MaxPixelsPerImage)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"announces images of {rows}x{columns} pixels, but only 1 to {MaxPixelsPerImage} pixels are accepted"));
        }

        var what = Invariant($"{count} images of {rows}x{columns} pixels");
        return new IdxImages((int)count, (int)rows, (int)columns, ReadBytes(content, fileName, (ulong)count * rows * columns, what));
    });

    /// <summary>Reads labels, magic number 0x00000801.</summary>
    /// <inheritdoc cref="ReadImages"/>
    public static byte[] ReadLabels(Stream stream, string fileName) => Read(stream, fileName, content =>
    {
        var count = ReadHeader(content, fileName, dimensions: 1, "labels")[0];
        return ReadBytes(content, fileName, count, Invariant($"{count} labels"));
    });

    private static T Read<T>(Stream stream, string fileName, Func<Stream, T> readContent)
    {
        if (!stream.CanSeek) throw new IdxFormatException(fileName, "is not a regular file");
        if (!IsGzip(stream)) return readContent(stream);
        try
        {
            using var gzip = new GzipContent(stream);
            return readContent(gzip);
        }
        catch (InvalidDataException exception)
        {
            throw new IdxFormatException(fileName, "is truncated or damaged: its gzip stream is incomplete or inconsistent", exception);
        }
    }

    // By its content, because either kind may carry the other's name. No IDX file begins like this: its first two bytes are zero.
    private static bool IsGzip(Stream stream)
    {
        var start = stream.Position;
        Span<byte> signature = stackalloc byte[2];
        var length = stream.ReadAtLeast(signature, signature.Length, throwOnEndOfStream: false);
        stream.Position = start;
        return length == 2 && signature[0] == 0x1f && signature[1] == 0x8b;
    }

    private static uint[] ReadHeader(Stream content, string fileName, int dimensions, string what)
    {
        Span<byte> header = stackalloc byte[4 + 4 * dimensions];
        var length = content.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        var magic = 0x0800u + (uint)dimensions;
        if (length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(header) is var found && found != magic)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"begins with the magic number 0x{found:X8}, but an IDX file of {what} begins with 0x{magic:X8}"));
        }

        if (length < header.Length)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"is truncated: an IDX file of {what} has a header of {header.Length} bytes, but only {length} are there"));
        }

        var sizes = new uint[dimensions];
        for (var i = 0; i < dimensions; i++) sizes[i] = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
        return sizes[0] > 0 ? sizes : throw new IdxFormatException(fileName, $"contains no {what}");
    }

    private static byte[] ReadBytes(Stream content, string fileName, ulong expected, string what)
    {
        if (expected > (ulong)Array.MaxLength)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"announces {what}, {expected} bytes, but at most {Array.MaxLength} bytes are accepted"));
        }

        // A plain file's length is known before anything is allocated; the size of compressed content is known only as it is decompressed.
        if (content.CanSeek) CheckLength(fileName, expected, what, (ulong)(content.Length - content.Position));
        var bytes = new byte[content.CanSeek ? (int)expected : (int)Math.Min(expected, FirstPieceBytes)];
        var read = content.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        while (read == bytes.Length && (ulong)read < expected)
        {
            Array.Resize(ref bytes, (int)Math.Min(expected, 2 * (ulong)read));
            read += content.ReadAtLeast(bytes.AsSpan(read), bytes.Length - read, throwOnEndOfStream: false);
        }

        var tooLong = (ulong)read == expected && content.ReadByte() >= 0;
        CheckLength(fileName, expected, what, (ulong)read + (tooLong ? 1u : 0u));
        return bytes;
    }

    private static void CheckLength(string fileName, ulong expected, string what, ulong found)
    {
        if (found < expected)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"is truncated: its header announces {what}, {expected} bytes, but only {found} follow"));
        }

        if (found > expected)
        {
            throw new IdxFormatException(fileName, Invariant(
                $"continues after its end: its header announces {what}, {expected} bytes, but more follow"));
        }
    }
}
