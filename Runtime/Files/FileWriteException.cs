namespace NeuralPlugin;

/// <summary>
/// A file could not be written: its folder is missing or read-only, the path is a folder, or the disk is full. The previous file
/// is unchanged. The message gives the problem and the remedy; the cause is the inner exception.
/// </summary>
public sealed class FileWriteException : IOException
{
    /// <summary>Makes the exception with the path, the sentences for its reader, and the cause, if any.</summary>
    public FileWriteException(string path, string problem, Exception? innerException = null)
        : base($"The file {path} was not written: {problem}", innerException)
    {
        Path = path;
    }

    /// <summary>The file that was to be written.</summary>
    public string Path { get; }
}
