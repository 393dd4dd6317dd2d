using System.Buffers.Binary;
using System.IO.Compression;

namespace NeuralPlugin.Samples;

/// <summary>
/// What a gzip file holds. At the end it checks what <see cref="GZipStream"/> lets pass: a file whose last bytes are missing, so
/// that its checksum was never compared, and one with something else behind it. Both show in the file's last four bytes,
/// which are the content's length (RFC 1952, 2.3.1; of one member, as all writers of single files make).
/// </summary>
internal sealed class GzipContent(Stream file) : Stream
{
    private readonly GZipStream content = new(file, CompressionMode.Decompress, leaveOpen: true);
    private uint lengthSoFar;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="InvalidDataException">The compressed data is damaged, or the file is not whole.</exception>
    public override int Read(Span<byte> buffer)
    {
        var read = content.Read(buffer);
        lengthSoFar = unchecked(lengthSoFar + (uint)read);
        if (read == 0 && buffer.Length > 0) CheckEnd();
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) content.Dispose();
        base.Dispose(disposing);
    }

    private void CheckEnd()
    {
        Span<byte> end = stackalloc byte[4];
        if (file.Length < end.Length) throw new InvalidDataException("The gzip file has no end.");
        file.Seek(-end.Length, SeekOrigin.End);
        file.ReadExactly(end);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != lengthSoFar) throw new InvalidDataException("The gzip file is not whole.");
    }
}
