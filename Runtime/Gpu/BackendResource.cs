namespace NeuralPlugin;

/// <summary>
/// Something that a backend made and that only it looks into. It holds nothing that a user sees, so that what wraps it can be dropped
/// and collected.
/// </summary>
internal abstract class BackendResource
{
    /// <summary>Gives it back, from any thread: the backend deletes it at its next call. A second time does nothing.</summary>
    public abstract void Retire();
}

/// <summary>Where the values of a matrix are, or the texture of a host.</summary>
internal abstract class MatrixStorage : BackendResource;

/// <summary>A kernel as a backend runs it.</summary>
internal abstract class CompiledKernel;
