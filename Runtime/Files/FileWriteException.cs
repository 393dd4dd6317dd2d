namespace NeuralPlugin;

/// <summary>
/// A file could not be written: its folder is missing or read-only, it is a folder itself, the disk is full. What stood at
/// its path before is there as it was. The message says what is wrong and what to do; the cause is the inner exception.
/// </summary>
public sealed class FileWriteException : IOException
{
    /// <summary>Makes the exception with the path, the sentences that its reader needs, and the cause where there is one.</summary>
    public FileWriteException(string path, string problem, Exception? innerException = null)
        : base($"The file {path} was not written: {problem}", innerException)
    {
        Path = path;
    }

    /// <summary>The file that was to be written.</summary>
    public string Path { get; }
}
