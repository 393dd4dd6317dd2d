namespace NeuralPlugin;

/// <summary>
/// A file of weights, a checkpoint or a demonstration is invalid: damaged, truncated, of another format, or of
/// other sizes. Nothing was changed. The message gives the problem and its byte offset.
/// </summary>
public sealed class ModelFileException : IOException
{
    internal ModelFileException(string path, long offset, FileDefect defect, string problem)
        : base($"The file {path} cannot be loaded: at byte {offset}, {problem}")
    {
        Path = path;
        Offset = offset;
        Defect = defect;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The byte offset in the file, from 0, at which the problem begins.</summary>
    public long Offset { get; }

    /// <summary>Whether the defect is a number that is NaN or infinite, in a file that is otherwise valid.</summary>
    public bool IsNotFinite => Defect == FileDefect.NotFinite;

    internal FileDefect Defect { get; }
}

/// <summary>Every possible defect of a file, so that tests can check that each was covered.</summary>
internal enum FileDefect
{
    NotAFile,
    TooShort,
    HeaderLength,
    HeaderStart,
    HeaderText,
    Json,
    Text,
    MetadataType,
    MetadataTwice,
    TextTooLong,
    UnknownTensor,
    TensorTwice,
    EntryType,
    EntryField,
    EntryIncomplete,
    ElementType,
    NumberList,
    NumberListLength,
    Number,
    Dimension,
    TensorSize,
    TensorTooLarge,
    Gap,
    Overlap,
    DataMissing,
    DataLeft,
    DataEnds,
    NotFinite,
    FormatVersion,
    Model,
    Layout,
    Activation,
    TensorMissing,
    Shape,
    OtherSizes,
    TooFewClasses,
    MetadataMissing,
    MetadataNumber,
    Optimizer,
    Loss,
    HyperParameter,
    KernelFamily,
    NeedlessTensor,
    NegativeMoment,
    NoTraining,

    // Of demonstrations:
    NotAFlag,
    NotAnAction,
    ActionMasked,

    // Of populations of agents:
    NumberRange,
    WrongRow,
}
