namespace NeuralPlugin.Samples;

/// <summary>A file is not the IDX file that it should be: everything that can be wrong inside one ends here.</summary>
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
