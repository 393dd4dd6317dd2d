using System.IO.Compression;

namespace NeuralPlugin.Samples;

/// <summary>
/// What a gzip file holds: one member or several, whose contents follow one another, and zeros after the last one, with which some tools fill a block
/// (RFC 1952, 2.2; gzip's own manual on tapes). <see cref="GZipStream"/> compares each member's checksum and length, if they are there, but lets
/// pass a file whose last bytes are missing, and one with something else after its end.
/// </summary>
internal sealed class GzipContent : Stream
{
    private readonly GzipBytes bytes;
    private readonly GZipStream content;

    public GzipContent(Stream file)
    {
        bytes = new GzipBytes(file);
        content = new GZipStream(bytes, CompressionMode.Decompress, leaveOpen: true);
    }

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
        if (read == 0 && buffer.Length > 0 && !bytes.WereEnough) throw new InvalidDataException("The gzip file is not whole, or something else follows it.");
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

    /// <summary>
    /// The file's bytes, so handed out that it shows where the decompression stops. It stops at the first byte after a member that does not begin
    /// another one. So all up to the last byte that is not zero comes in pieces, the rest byte by byte, and at its end one byte more, which is the end of
    /// no member: no content that fits into memory has a length whose last byte is that.
    /// </summary>
    private sealed class GzipBytes : Stream
    {
        private const byte EndOfNoMember = 0xFF;

        private readonly Stream file;
        private readonly long lastUsed;   // where the last byte is that is not zero
        private bool isEndHandedOut;
        private bool wasEndPassed;

        public GzipBytes(Stream file)
        {
            this.file = file;
            lastUsed = FindLastUsed(file);
        }

        /// <summary>
        /// Once the decompression has stopped: whether it has used all, and wanted no more. It looks at a byte after each member, so it has used the last
        /// one that is not zero only if it has asked for one more.
        /// </summary>
        public bool WereEnough => (isEndHandedOut || file.Position > lastUsed + 1) && !wasEndPassed;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            if (buffer.IsEmpty) return 0;
            var piece = (int)Math.Clamp(lastUsed - file.Position, 1, buffer.Length);
            var read = file.Read(buffer[..piece]);
            if (read > 0) return read;
            wasEndPassed = isEndHandedOut;
            if (isEndHandedOut) return 0;
            isEndHandedOut = true;
            buffer[0] = EndOfNoMember;
            return 1;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private static long FindLastUsed(Stream file)
        {
            var start = file.Position;
            var block = new byte[4_096];
            var end = file.Length;
            while (end > start)
            {
                var first = Math.Max(start, end - block.Length);
                var part = block.AsSpan(0, (int)(end - first));
                file.Position = first;
                file.ReadExactly(part);
                var used = part.LastIndexOfAnyExcept((byte)0);
                if (used >= 0)
                {
                    file.Position = start;
                    return first + used;
                }

                end = first;
            }

            file.Position = start;
            return start;
        }
    }
}
