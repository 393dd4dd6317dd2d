using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace NeuralPlugin;

/// <summary>Static members that .NET has added since .NET Standard 2.1, as far as used here.</summary>
internal static class Members
{
    extension(Array)
    {
        public static void Clear(Array array) => Array.Clear(array, 0, array.Length);
    }

    extension(BinaryPrimitives)
    {
        public static void WriteSingleLittleEndian(Span<byte> to, float value) => BinaryPrimitives.WriteInt32LittleEndian(to, BitConverter.SingleToInt32Bits(value));

        public static void WriteDoubleLittleEndian(Span<byte> to, double value) => BinaryPrimitives.WriteInt64LittleEndian(to, BitConverter.DoubleToInt64Bits(value));
    }

    extension(BitConverter)
    {
        public static uint SingleToUInt32Bits(float value) => (uint)BitConverter.SingleToInt32Bits(value);

        public static float UInt32BitsToSingle(uint bits) => BitConverter.Int32BitsToSingle((int)bits);
    }

    extension(Convert)
    {
        public static string ToHexString(ReadOnlySpan<byte> bytes)
        {
            StringBuilder text = new(2 * bytes.Length);
            foreach (byte value in bytes) text.Append("0123456789ABCDEF"[value >> 4]).Append("0123456789ABCDEF"[value & 15]);
            return text.ToString();
        }
    }

    extension(Enum)
    {
        public static T[] GetValues<T>() where T : struct, Enum => (T[])Enum.GetValues(typeof(T));

        public static bool IsDefined<T>(T value) where T : struct, Enum => Enum.IsDefined(typeof(T), value);
    }

    extension(Environment)
    {
        public static int ProcessId
        {
            get
            {
                using Process process = Process.GetCurrentProcess();
                return process.Id;
            }
        }
    }

    extension(File)
    {
        /// <summary>Moves one file over another, in one step.</summary>
        public static void Move(string from, string to, bool overwrite)
        {
            if (overwrite && File.Exists(to)) File.Replace(from, to, destinationBackupFileName: null);
            else File.Move(from, to);
        }
    }

    extension(GC)
    {
        public static T[] AllocateUninitializedArray<T>(int length) => new T[length];
    }

    extension(int)
    {
        public static bool IsPow2(int value) => BitOperations.IsPow2(value);
    }

    extension(long)
    {
        public static bool IsPow2(long value) => value > 0 && (value & (value - 1)) == 0;
    }

    extension(Marshal)
    {
        public static int GetLastPInvokeError() => Marshal.GetLastWin32Error();

        public static int GetLastSystemError() => NativeLibrary.GetLastError();
    }

    extension(Math)
    {
        public static double CopySign(double value, double sign) => BitConverter.DoubleToInt64Bits(sign) < 0 ? -Math.Abs(value) : Math.Abs(value);

        public static (int Quotient, int Remainder) DivRem(int dividend, int divisor) => (dividend / divisor, dividend % divisor);
    }

    extension(OperatingSystem)
    {
        public static bool IsLinux() => RuntimeInformation.IsOSPlatform(OSPlatform.Linux);

        public static bool IsMacOS() => RuntimeInformation.IsOSPlatform(OSPlatform.OSX);

        public static bool IsWindows() => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);
    }

    extension(Path)
    {
        public static bool EndsInDirectorySeparator(string path) => path.Length > 0 && (path[^1] == Path.DirectorySeparatorChar || path[^1] == Path.AltDirectorySeparatorChar);
    }

    extension(SHA256)
    {
        public static byte[] HashData(ReadOnlySpan<byte> bytes)
        {
            using SHA256 algorithm = SHA256.Create();
            byte[] hash = new byte[algorithm.HashSize / 8];
            return algorithm.TryComputeHash(bytes, hash, out _) ? hash : throw new CryptographicException();
        }
    }

    extension(Stopwatch)
    {
        public static TimeSpan GetElapsedTime(long from) => TimeProvider.System.GetElapsedTime(from);
    }

    extension(string)
    {
        public static string Create(IFormatProvider provider, FormattableString text) => text.ToString(provider);
    }

    extension(TimeSpan)
    {
        public static TimeSpan FromMicroseconds(double microseconds) => new((long)(microseconds * 10));
    }

    extension(uint)
    {
        public static uint RotateRight(uint value, int bits) => (value >> bits) | (value << (-bits & 31));
    }

    // ---- instance members ----

    extension(FileInfo file)
    {
        /// <summary>The target of a link; null if it is none. Links on Windows are not followed.</summary>
        public string? LinkTarget => OperatingSystem.IsWindows() ? null : SymbolicLink.Read(file.FullName);

        public FileInfo ResolveLinkTarget(bool returnFinalTarget)
        {
            FileInfo target = file;
            for (int links = 0; target.LinkTarget is { } next; links++)
            {
                if (links == SymbolicLink.MostLinks) throw new IOException($"Too many levels of symbolic links in '{file.FullName}'.");
                target = new FileInfo(Path.Combine(target.DirectoryName!, next));
                if (!returnFinalTarget) break;
            }

            return target;
        }
    }

    extension(Stream stream)
    {
        public int ReadAtLeast(Span<byte> bytes, int least, bool throwOnEndOfStream = true)
        {
            int read = 0;
            while (read < least)
            {
                int more = stream.Read(bytes[read..]);
                if (more == 0) return throwOnEndOfStream ? throw new EndOfStreamException() : read;
                read += more;
            }

            return read;
        }
    }

    extension(string text)
    {
        public string ReplaceLineEndings(string ending) => Regex.Replace(text, "\r\n|[\r\n\f\u0085\u2028\u2029]", ending);
    }

    extension(StringBuilder builder)
    {
        public StringBuilder Append(IFormatProvider provider, FormattableString text) => builder.Append(text.ToString(provider));
    }

    extension(TimeSpan time)
    {
        public double TotalNanoseconds => time.Ticks * 100.0;
    }

    extension(ref SpinWait wait)
    {
        /// <summary>Waits without ever sleeping, which would take a millisecond.</summary>
        public void SpinOnce(int sleep1Threshold)
        {
            Debug.Assert(sleep1Threshold < 0, "only what never sleeps is asked for");
            if (wait.NextSpinWillYield) Thread.Yield();
            else wait.SpinOnce();
        }
    }
}

/// <summary>Bit counts, and a checksum for which processors have an instruction.</summary>
internal static class BitOperations
{
    private const uint Crc32CPolynomial = 0x82F63B78;   // bit-reversed

    public static bool IsPow2(int value) => value > 0 && (value & (value - 1)) == 0;

    public static int Log2(uint value)
    {
        int log = 0;
        for (; value > 1; value >>= 1) log++;
        return log;
    }

    public static int LeadingZeroCount(uint value) => value == 0 ? 32 : 31 - Log2(value);

    public static int TrailingZeroCount(uint value) => value == 0 ? 32 : Log2(value & (~value + 1));

    public static uint RoundUpToPowerOf2(uint value) => value <= 1 ? value : 2u << Log2(value - 1);

    public static uint Crc32C(uint crc, byte data)
    {
        crc ^= data;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? Crc32CPolynomial : 0);
        return crc;
    }
}

/// <summary>Whether bytes are valid text.</summary>
internal static class Utf8
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static bool IsValid(ReadOnlySpan<byte> bytes)
    {
        try
        {
            Strict.GetCharCount(bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
