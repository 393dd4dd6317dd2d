namespace NeuralPlugin;

/// <summary>
/// Numbers passed to a kernel by name when it runs: sizes, or scalars such as a learning rate. Their owner keeps the object and
/// changes its values between runs; every dispatch that uses it sees them. Setting a value allocates nothing.
/// </summary>
internal sealed class KernelArguments<T> where T : unmanaged
{
    private readonly string[] names;
    private readonly T[] values;

    public KernelArguments(params IReadOnlyList<(string Name, T Value)> arguments)
    {
        names = [.. arguments.Select(argument => argument.Name)];
        values = [.. arguments.Select(argument => argument.Value)];
    }

    /// <summary>The names in shaders, in the order of <see cref="Values"/>.</summary>
    public IReadOnlyList<string> Names => names;

    public ReadOnlySpan<T> Values => values;

    /// <exception cref="ArgumentException">No argument has this name.</exception>
    public T this[string name]
    {
        get => values[IndexOf(name)];
        set => values[IndexOf(name)] = value;
    }

    /// <summary>The same names with zeros: for a run that only warms up a kernel.</summary>
    public KernelArguments<T> Zeros() => new([.. names.Select(name => (name, default(T)))]);

    /// <summary>The same names and values, for running a kernel later.</summary>
    public KernelArguments<T> Copy() => new([.. names.Select((name, i) => (name, values[i]))]);

    /// <summary>Sets all values, in the order of <see cref="Names"/>.</summary>
    public void Set(ReadOnlySpan<T> all) => all.CopyTo(values);

    private int IndexOf(string name)
    {
        int index = Array.IndexOf(names, name);
        return index >= 0 ? index : throw new ArgumentException($"There is no argument '{name}' among {string.Join(", ", names)}.", nameof(name));
    }
}
