namespace NeuralPlugin;

/// <summary>How a number of brains of their own differs among them; a shared brain has one value for all three.</summary>
/// <param name="Low">The 10th percentile.</param>
/// <param name="Median">Half of the brains have no more.</param>
/// <param name="High">The 90th percentile.</param>
public readonly record struct BrainSpread(float Low, float Median, float High)
{
    /// <summary>Nothing is known.</summary>
    internal static BrainSpread None => OfOne(float.NaN);

    internal static BrainSpread OfOne(float value) => new(value, value, value);

    /// <summary>Sorts the values of all brains that have one.</summary>
    /// <param name="values">The values, at the start of an array.</param>
    /// <param name="count">The number of values.</param>
    internal static BrainSpread Of(float[] values, int count)
    {
        if (count == 0) return None;
        Array.Sort(values, 0, count);
        int last = count - 1;
        return new BrainSpread(values[last / 10], values[last / 2], values[last - (last / 10)]);
    }
}
