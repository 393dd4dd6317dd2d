namespace NeuralPlugin;

/// <summary>
/// Writes files that are complete at every moment: the old one or the new one. The content is written to a temporary file in the
/// same folder, flushed to the disk and renamed over the old one. A killed process leaves at most a hidden file *.tmp.
/// </summary>
internal static class WholeFile
{
    /// <summary>Writes a file, or leaves the existing one unchanged. If the path is a link, its target is replaced.</summary>
    /// <param name="path">The file, new or existing; its folder exists.</param>
    /// <param name="write">Writes the content; called once. Its exceptions propagate, except I/O errors, reported as below.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string target = RequireWritable(path);
        string temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetRandomFileName()}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception exception)
        {
            string left = TryDelete(temporary) ? "" : $" Part of it was left in {temporary}: delete that file.";
            if (exception is IOException or UnauthorizedAccessException) throw new FileWriteException(path, Explain(exception) + left, exception);
            throw;
        }
    }

    /// <summary>Checks that the file to replace is writable. Renaming checks only the folder's permissions, so a read-only file is rejected here.</summary>
    private static string RequireWritable(string path)
    {
        string target = Path.GetFullPath(path);
        if (Directory.Exists(target) || Path.EndsInDirectorySeparator(target))
            throw new FileWriteException(path, "it is a folder. Give the name of a file.");
        try
        {
            FileInfo file = new(target);
            if (file.LinkTarget is not null) file = (FileInfo)file.ResolveLinkTarget(returnFinalTarget: true)!;
            if (file.Exists && file.IsReadOnly)
                throw new FileWriteException(path, "the existing file is read-only. Choose another name, or make it writable.");
            return file.FullName;
        }
        catch (Exception exception) when (exception is IOException and not FileWriteException or UnauthorizedAccessException)
        {
            throw new FileWriteException(path, Explain(exception), exception);
        }
    }

    private static string Explain(Exception exception) => exception switch
    {
        DirectoryNotFoundException => "its folder does not exist. Make the folder first.",
        UnauthorizedAccessException => "there is no permission to write into its folder. Choose another folder, or change its permissions.",
        _ => $"{exception.Message.TrimEnd('.')}. Check that the disk has room and is writable, or choose another folder.",
    };

    private static bool TryDelete(string file)
    {
        try
        {
            File.Delete(file);   // no error if the file does not exist
            return true;
        }
        catch (Exception exception) when (exception is DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
