namespace NeuralPlugin;

/// <summary>The parts that a constructor has made so far. If it does not come to <see cref="Complete"/>, they are disposed, the last one first, rather than left to their finalizers.</summary>
internal sealed class UnderConstruction : IDisposable
{
    private readonly List<IDisposable> parts = [];

    /// <summary>Adds a part.</summary>
    public T Add<T>(T part) where T : IDisposable
    {
        parts.Add(part);
        return part;
    }

    /// <summary>From now on the parts belong to the whole.</summary>
    public void Complete() => parts.Clear();

    public void Dispose()
    {
        for (int i = parts.Count - 1; i >= 0; i--) parts[i].Dispose();
    }
}
