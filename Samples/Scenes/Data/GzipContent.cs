using System.IO.Compression;

namespace NeuralPlugin.Samples;

/// <summary>
/// The content of a gzip file: one member or several, whose contents are concatenated, followed by zeros, with which some tools fill a block
/// (RFC 1952, 2.2; gzip's own manual on tapes). <see cref="GZipStream"/> compares each member's checksum and length, if present, but accepts
/// a file whose last bytes are missing, and one with anything else after its end.
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

    /// <exception cref="InvalidDataException">The compressed data is damaged, or the file is incomplete.</exception>
    public override int Read(Span<byte> buffer)
    {
        var read = content.Read(buffer);
        if (read == 0 && buffer.Length > 0 && !bytes.WereEnough) throw new InvalidDataException("The gzip file is incomplete, or other data follow it.");
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
    /// The file's bytes, delivered so that it shows where the decompression stops. It stops at the first byte after a member that does not begin
    /// another one. So everything up to the last nonzero byte comes in pieces, the rest byte by byte, followed by one extra byte that cannot end
    /// a member: no content that fits into memory has a length whose last byte is that.
    /// </summary>
    private sealed class GzipBytes : Stream
    {
        private const byte EndOfNoMember = 0xFF;

        private readonly Stream file;
        private readonly long lastUsed;   // the position of the last nonzero byte
        private bool isEndHandedOut;
        private bool wasEndPassed;

        public GzipBytes(Stream file)
        {
            this.file = file;
            lastUsed = FindLastUsed(file);
        }

        /// <summary>
        /// Once the decompression has stopped: whether it has used everything, and requested no more. It reads a byte after each member, so it has used the
        /// last nonzero byte only if it has requested one more.
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
