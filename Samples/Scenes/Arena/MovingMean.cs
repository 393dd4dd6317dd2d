namespace NeuralPlugin.Samples;

/// <summary>The mean of the last values.</summary>
internal sealed class MovingMean(int window)
{
    private readonly double[] values = new double[window];
    private int added;

    /// <summary>Zero before the first value.</summary>
    public double Value { get; private set; }

    public void Add(double value)
    {
        values[added++ % window] = value;
        var count = Math.Min(added, window);
        var sum = 0.0;
        for (var i = 0; i < count; i++) sum += values[i];
        Value = sum / count;
    }
}
