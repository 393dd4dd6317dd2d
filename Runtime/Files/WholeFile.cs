namespace NeuralPlugin;

/// <summary>Writes files so that at any moment, that of a crash too, there is the old one or the new one, whole.</summary>
internal static class WholeFile
{
    /// <summary>Writes a new file beside the one at the path, flushes it to the disk and renames it over.</summary>
    /// <exception cref="IOException">The path is a folder or lies in none, or the disk is full; what was there is as before.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder or the file may not be written; what was there is as before.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (Directory.Exists(target)) throw new IOException($"'{target}' is a folder. Give the path of a file, such as one in it.");
        string folder = Path.GetDirectoryName(target)!;
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder '{folder}' to write '{Path.GetFileName(target)}' into. Make it first.");
        string beside = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            using (FileStream stream = new(beside, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(beside, target, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
