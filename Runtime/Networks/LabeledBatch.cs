namespace NeuralPlugin;

/// <summary>A batch to learn from, checked: its lengths fit each other, its labels are classes, its numbers are finite.</summary>
internal readonly ref struct LabeledBatch
{
    private LabeledBatch(
        int rows, ReadOnlySpan<float> features, ReadOnlySpan<byte> featureBytes,
        ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        Rows = rows;
        Features = features;
        FeatureBytes = featureBytes;
        Labels = labels;
        SampleWeights = sampleWeights;
        AllowedClasses = allowedClasses;
    }

    public int Rows { get; }

    /// <summary>The features as floats, else empty.</summary>
    public ReadOnlySpan<float> Features { get; }

    /// <summary>The features as bytes, else empty.</summary>
    public ReadOnlySpan<byte> FeatureBytes { get; }

    public ReadOnlySpan<int> Labels { get; }

    public ReadOnlySpan<float> SampleWeights { get; }

    public ReadOnlySpan<bool> AllowedClasses { get; }

    public static LabeledBatch Check(
        int inputs, int classes, ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        int rows = CheckFeatures(features, inputs);
        CheckTargets(rows, classes, labels, sampleWeights, allowedClasses);
        return new LabeledBatch(rows, features, default, labels, sampleWeights, allowedClasses);
    }

    public static LabeledBatch Check(
        int inputs, int classes, ReadOnlySpan<byte> features, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        int rows = CheckLength(features.Length, inputs, nameof(features));
        CheckTargets(rows, classes, labels, sampleWeights, allowedClasses);
        return new LabeledBatch(rows, default, features, labels, sampleWeights, allowedClasses);
    }

    /// <summary>Checks what so many samples want.</summary>
    public static void CheckTargets(
        int rows, int classes, ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses)
    {
        Requirements.Length(labels.Length, rows, "one label a sample", nameof(labels));
        for (int i = 0; i < rows; i++)
        {
            if ((uint)labels[i] >= (uint)classes)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(labels), labels[i], $"The label of sample {i} must be one of the {classes} classes, 0 to {classes - 1}.");
            }
        }

        if (!sampleWeights.IsEmpty)
        {
            Requirements.Length(sampleWeights.Length, rows, "one weight a sample, or none at all", nameof(sampleWeights));
            Requirements.Finite(sampleWeights, "sample weights", nameof(sampleWeights));
        }

        if (!allowedClasses.IsEmpty)
        {
            Requirements.Length(allowedClasses.Length, (long)rows * classes, $"{rows} samples × {classes} classes, or none at all", nameof(allowedClasses));
            for (int i = 0; i < rows; i++)
            {
                if (!allowedClasses[(i * classes) + labels[i]])
                    throw new ArgumentException($"The label of sample {i}, class {labels[i]}, is not among its allowed classes.", nameof(allowedClasses));
            }
        }
    }

    /// <summary>The number of samples in row-major features.</summary>
    public static int CheckFeatures(ReadOnlySpan<float> features, int inputs)
    {
        int rows = CheckLength(features.Length, inputs, nameof(features));
        Requirements.Finite(features, "features", nameof(features));
        return rows;
    }

    /// <summary>The number of samples in so many features.</summary>
    public static int CheckLength(int features, int inputs, string name)
    {
        return features > 0 && features % inputs == 0 ? features / inputs : throw new ArgumentException(
            $"Expected a whole number of samples of {inputs} features each, at least one, but {features} values came.", name);
    }
}

/// <summary>What a training step found, both with the weights before it.</summary>
/// <param name="Loss">The loss of the batch: (1 / batch) · Σ (weight · cross-entropy − entropyBonus · entropy).</param>
/// <param name="Correct">Samples whose label had the greatest logit of the allowed classes (the first one, if several).</param>
public readonly record struct BatchResult(float Loss, int Correct);
