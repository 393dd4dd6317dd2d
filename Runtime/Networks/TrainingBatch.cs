namespace NeuralPlugin;

/// <summary>A checked training batch: its lengths match, its targets suit the loss, and its numbers are finite.</summary>
internal readonly ref struct TrainingBatch
{
    private TrainingBatch(int rows, ReadOnlySpan<float> features, ReadOnlySpan<byte> featureBytes, BatchTargets targets)
    {
        Rows = rows;
        Features = features;
        FeatureBytes = featureBytes;
        Targets = targets;
    }

    public int Rows { get; }

    /// <summary>The features as floats, otherwise empty.</summary>
    public ReadOnlySpan<float> Features { get; }

    /// <summary>The features as bytes, otherwise empty.</summary>
    public ReadOnlySpan<byte> FeatureBytes { get; }

    public BatchTargets Targets { get; }

    public static TrainingBatch Check(int inputs, TargetLayout layout, ReadOnlySpan<float> features, BatchTargets targets)
    {
        int rows = CheckFeatures(features, inputs);
        layout.Check(rows, targets);
        return new TrainingBatch(rows, features, default, targets);
    }

    public static TrainingBatch Check(int inputs, TargetLayout layout, ReadOnlySpan<byte> features, BatchTargets targets)
    {
        int rows = CheckLength(features.Length, inputs, nameof(features));
        layout.Check(rows, targets);
        return new TrainingBatch(rows, default, features, targets);
    }

    /// <summary>The number of samples in row-major features.</summary>
    public static int CheckFeatures(ReadOnlySpan<float> features, int inputs)
    {
        int rows = CheckLength(features.Length, inputs, nameof(features));
        Requirements.Finite(features, "features", nameof(features));
        return rows;
    }

    /// <summary>The number of samples in this many features.</summary>
    public static int CheckLength(int features, int inputs, string name)
    {
        return features > 0 && features % inputs == 0 ? features / inputs : throw new ArgumentException(
            $"Expected a whole number of samples of {inputs} features each, at least one, but got {features} values.", name);
    }
}
