namespace NeuralPlugin;

/// <summary>
/// Takes the game's own numbers, which are written alongside the progress of a population: the mean of those added since the previous row. The name is that of ML-Agents.
/// </summary>
public sealed class StatsRecorder
{
    private readonly Dictionary<string, (double Sum, long Count)> totals = [];

    internal StatsRecorder()
    {
    }

    /// <summary>Adds a number. Allocates only for a new name.</summary>
    /// <param name="name">Its name; TensorBoard groups by the part before a <c>/</c>.</param>
    /// <param name="value">The number.</param>
    /// <exception cref="ArgumentException">The name is empty.</exception>
    /// <exception cref="NonFiniteValueException">It is NaN or infinite.</exception>
    public void Add(string name, float value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!float.IsFinite(value)) throw new NonFiniteValueException($"The number '{name}' must be finite, but got {value}.", nameof(value));
        (double sum, long count) = totals.GetValueOrDefault(name);
        totals[name] = (sum + value, count + 1);
    }

    /// <summary>Returns the means of the numbers added since other totals, by name; NaN if there were none. Updates those totals.</summary>
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
