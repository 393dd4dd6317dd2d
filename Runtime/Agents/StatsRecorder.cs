namespace NeuralPlugin;

/// <summary>
/// Takes numbers of the game's own, which are written beside the progress of a population: the mean of what was added since the row before. The word is that of ML-Agents.
/// </summary>
public sealed class StatsRecorder
{
    private readonly Dictionary<string, (double Sum, long Count)> totals = [];

    internal StatsRecorder()
    {
    }

    /// <summary>Adds a number. Allocates for a new name alone.</summary>
    /// <param name="name">What it is called; with a <c>/</c>, TensorBoard groups by what stands before.</param>
    /// <param name="value">The number.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="NonFiniteValueException">It is NaN or infinite.</exception>
    public void Add(string name, float value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!float.IsFinite(value)) throw new NonFiniteValueException($"The number '{name}' is {value}, and must be finite.", nameof(value));
        (double sum, long count) = totals.GetValueOrDefault(name);
        totals[name] = (sum + value, count + 1);
    }

    /// <summary>The means of what was added since other totals, by name; NaN where nothing was. Brings those up to date.</summary>
    internal IEnumerable<(string Name, float Mean)> TakeMeans(Dictionary<string, (double Sum, long Count)> before)
    {
        foreach ((string name, (double sum, long count)) in totals)
        {
            (double oldSum, long oldCount) = before.GetValueOrDefault(name);
            before[name] = (sum, count);
            yield return (name, count > oldCount ? (float)((sum - oldSum) / (count - oldCount)) : float.NaN);
        }
    }
}
