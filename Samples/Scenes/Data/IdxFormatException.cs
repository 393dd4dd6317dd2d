namespace NeuralPlugin.Samples;

/// <summary>A file is not the expected IDX file: every error inside one leads to this exception.</summary>
internal sealed class IdxFormatException : UserErrorException
{
    public IdxFormatException(string fileName, string problem)
        : base($"{fileName} {problem}.")
    {
        FileName = fileName;
    }

    public IdxFormatException(string fileName, string problem, Exception innerException)
        : base($"{fileName} {problem}.", innerException)
    {
        FileName = fileName;
    }

    public string FileName { get; }
}
