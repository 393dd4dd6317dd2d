using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// Linked programs in files, so that the next start compiles nothing: one file per program, named by the hash of the driver and of the program's text, in
/// the driver's own format. A file is only a cache: one that is damaged, or that the driver rejects after an update, counts as missing. Source:
/// OpenGL 4.3, section 7.5; part of OpenGL since 4.1.
/// </summary>
internal sealed class ProgramBinaries
{
    /// <summary>The number of files that a folder keeps; beyond it, those that were not used for longest are deleted. A file's time of writing is that of its last use.</summary>
    public const int Kept = 1024;

    // Precedes the content: the magic, the driver's format, and the content's hash.
    private const int HashBytes = 32;
    private const int HeaderBytes = 8 + sizeof(uint) + HashBytes;

    private readonly GL gl;
    private readonly DeviceSettings settings;
    private readonly string driver;
    private readonly int[] formats;
    private string? unusable;
    private bool hasMadeRoom;

    public ProgramBinaries(GL gl, DeviceSettings settings)
    {
        this.gl = gl;
        this.settings = settings;
        driver = string.Join('\n', gl.GetStringS(StringName.Vendor), gl.GetStringS(StringName.Renderer), gl.GetStringS(StringName.Version));
        formats = new int[gl.GetInteger(GetPName.NumProgramBinaryFormats)];
        if (formats.Length > 0) gl.GetInteger(GetPName.ProgramBinaryFormats, formats);
    }

    private static ReadOnlySpan<byte> Magic => "NPKERNL1"u8;

    private string? Folder => formats.Length > 0 ? settings.KernelCacheFolder : null;

    /// <summary>The folder, unless nothing can be written there.</summary>
    private string? FolderToSaveIn => Folder is { } folder && folder != unusable ? folder : null;

    /// <summary>
    /// Hands the binary saved for this text to the driver, as the program's; false if there is none in a format that the driver knows. Whether the driver accepts it is the program's link status, which is not
    /// asked here: a driver may take its time with it, as with a compilation.
    /// </summary>
    public unsafe bool TryLoad(string text, uint program)
    {
        if (Folder is not { } folder) return false;
        string path = PathOf(folder, text);
        if (Read(path) is not { } file) return false;
        // A format that the driver no longer knows would be an OpenGL error; content that it rejects is none.
        uint format = BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(Magic.Length));
        if (!formats.Contains((int)format)) return false;
        NoteUse(path);
        fixed (byte* content = &file[HeaderBytes]) gl.ProgramBinary(program, (GLEnum)format, content, (uint)(file.Length - HeaderBytes));
        return true;
    }

    /// <summary>Announces, before a program is linked, that its binary will be retrieved.</summary>
    public void Announce(uint program)
    {
        if (FolderToSaveIn is not null) gl.ProgramParameter(program, ProgramParameterPName.BinaryRetrievableHint, 1);
    }

    /// <summary>
    /// Saves a linked program. If the folder is not writable, nothing is saved from then on. A single file that cannot be put in its place, because another process reads or replaces the one that is there, is not missed:
    /// the next start compiles its kernel again.
    /// </summary>
    public unsafe void Save(string text, uint program)
    {
        if (FolderToSaveIn is not { } folder) return;
        gl.GetProgram(program, ProgramPropertyARB.ProgramBinaryLength, out int length);
        if (length <= 0) return;
        byte[] file = new byte[HeaderBytes + length];
        GLEnum format;
        uint written;
        fixed (byte* content = &file[HeaderBytes]) gl.GetProgramBinary(program, (uint)length, &written, &format, content);
        Array.Resize(ref file, HeaderBytes + (int)written);
        Magic.CopyTo(file.AsSpan());
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(Magic.Length), (uint)format);
        SHA256.HashData(file.AsSpan(HeaderBytes)).CopyTo(file.AsSpan(HeaderBytes - HashBytes));
        string path = PathOf(folder, text), unfinished = $"{path}.{Guid.NewGuid():N}.tmp";   // of another device of this process, too
        bool isWritten = Try(() =>
        {
            Directory.CreateDirectory(folder);
            MakeRoom(folder);
            File.WriteAllBytes(unfinished, file);
        });
        if (isWritten && Try(() => File.Move(unfinished, path, overwrite: true))) return;
        if (!isWritten) unusable = folder;
        _ = Try(() => File.Delete(unfinished));
    }

    /// <summary>The folder may be one that this user can only read.</summary>
    private static void NoteUse(string path) => _ = Try(() => File.SetLastWriteTimeUtc(path, DateTime.UtcNow));

    /// <summary>False if the system does not let it happen.</summary>
    private static bool Try(Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static byte[]? Read(string path)
    {
        byte[] file;
        try
        {
            if (!File.Exists(path)) return null;
            file = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        bool isWhole = file.Length > HeaderBytes && file.AsSpan(0, Magic.Length).SequenceEqual(Magic)
            && SHA256.HashData(file.AsSpan(HeaderBytes)).AsSpan().SequenceEqual(file.AsSpan(HeaderBytes - HashBytes, HashBytes));
        return isWhole ? file : null;
    }

    // Once per device: a run adds some dozens.
    private void MakeRoom(string folder)
    {
        if (hasMadeRoom) return;
        hasMadeRoom = true;
        foreach (FileInfo old in new DirectoryInfo(folder).EnumerateFiles().Where(file => file.Extension != ".json").OrderByDescending(file => file.LastWriteTimeUtc).Skip(Kept - 1)) _ = Try(old.Delete);
    }

    private string PathOf(string folder, string text) =>
        Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{driver}\n{text}"))) + ".kernel");
}
