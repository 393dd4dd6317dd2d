namespace NeuralPlugin;

/// <summary>
/// An object made by a backend and opaque to everything else. It references nothing that a user sees, so that its wrapper can be dropped
/// and collected.
/// </summary>
internal abstract class BackendResource
{
    /// <summary>Releases it, from any thread: the backend deletes it at its next call. A second call does nothing.</summary>
    public abstract void Retire();
}

/// <summary>The storage of a matrix's values, or the texture of a host.</summary>
internal abstract class MatrixStorage : BackendResource
{
    /// <summary>Whether it was released; always false on backends that do not ask.</summary>
    public virtual bool IsRetired => false;
}

/// <summary>A compiled kernel in a backend's form.</summary>
internal abstract class CompiledKernel;
