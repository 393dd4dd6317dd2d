namespace NeuralPlugin.Samples;

/// <summary>A file that a scene writes at its end, tested at its beginning: nobody trains for a minute to learn of a typo.</summary>
internal sealed class OutputFile
{
    private OutputFile(string path)
    {
        Path = path;
    }

    public string Path { get; }

    /// <summary>Creates the folder if needed, and checks that the file can be written; leaves no new file behind.</summary>
    /// <exception cref="UserErrorException">The file cannot be written.</exception>
    public static OutputFile Prepare(string folder, string name)
    {
        var file = new OutputFile(System.IO.Path.Combine(folder, name));
        Guard(folder, () =>
        {
            Directory.CreateDirectory(folder);
            var isNew = !File.Exists(file.Path);
            using (File.Open(file.Path, FileMode.OpenOrCreate, FileAccess.Write))
            {
            }

            if (isNew) File.Delete(file.Path);
        });
        return file;
    }

    /// <exception cref="UserErrorException">The file can no longer be written.</exception>
    public void Write(ReadOnlyMemory<byte> content) => Guard(Path, () => File.WriteAllBytes(Path, content.ToArray()));

    private static void Guard(string what, Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new UserErrorException($"{what} cannot be written to: {exception.Message}", exception);
        }
    }
}
