using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>The targets of samples: labels or values, each with the factor of its sample's loss; or decisions.</summary>
internal readonly ref struct BatchTargets
{
    private BatchTargets(
        bool areLabels, ReadOnlySpan<int> labels, ReadOnlySpan<float> values, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses,
        ReadOnlySpan<float> logProbabilities = default)
    {
        AreLabels = areLabels;
        Labels = labels;
        Values = values;
        SampleWeights = sampleWeights;
        AllowedClasses = allowedClasses;
        LogProbabilities = logProbabilities;
    }

    /// <summary>Whether they are labels rather than values.</summary>
    public bool AreLabels { get; }

    /// <summary>Whether they are decisions: actions as labels, returns as values and advantages as weights.</summary>
    public bool AreDecisions => !LogProbabilities.IsEmpty;

    /// <summary>[batch], each a class.</summary>
    public ReadOnlySpan<int> Labels { get; }

    /// <summary>[batch × outputs].</summary>
    public ReadOnlySpan<float> Values { get; }

    /// <summary>[batch], or empty if all are one.</summary>
    public ReadOnlySpan<float> SampleWeights { get; }

    /// <summary>[batch × classes], or empty if all are allowed.</summary>
    public ReadOnlySpan<bool> AllowedClasses { get; }

    /// <summary>[batch], for decisions: the logarithm of the action's probability when it was chosen; else empty.</summary>
    public ReadOnlySpan<float> LogProbabilities { get; }

    /// <summary>[batch × numbers of an action], of actions of several numbers; else empty.</summary>
    public ReadOnlySpan<float> Taken { get; private init; }

    /// <summary>[batch], for decisions whose loss weighs rows: the factor of a row's loss or, negative, that of a demonstrated action; else empty.</summary>
    public ReadOnlySpan<float> RowWeights { get; init; }

    /// <summary>[batch × outputs of a policy], for decisions whose loss bounds the drift: the outputs of the reference policy; else empty.</summary>
    public ReadOnlySpan<float> Reference { get; init; }

    /// <summary>Actions of several numbers, with the factor of the loss of each.</summary>
    public static BatchTargets OfActions(ReadOnlySpan<float> taken, ReadOnlySpan<float> weights, ReadOnlySpan<bool> allowed) =>
        new(false, default, default, weights, allowed) { Taken = taken };

    public static BatchTargets OfLabels(ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights = default, ReadOnlySpan<bool> allowedClasses = default) =>
        new(true, labels, default, sampleWeights, allowedClasses);

    public static BatchTargets OfValues(ReadOnlySpan<float> values, ReadOnlySpan<float> sampleWeights = default) =>
        new(false, default, values, sampleWeights, default);

    public static BatchTargets OfDecisions(
        ReadOnlySpan<int> actions, ReadOnlySpan<float> advantages, ReadOnlySpan<float> logProbabilities, ReadOnlySpan<float> returns, ReadOnlySpan<bool> allowed) =>
        new(false, actions, returns, advantages, allowed, logProbabilities);

    /// <summary>Decisions whose actions have several numbers.</summary>
    public static BatchTargets OfComposedDecisions(
        ReadOnlySpan<float> taken, ReadOnlySpan<float> advantages, ReadOnlySpan<float> logProbabilities, ReadOnlySpan<float> returns, ReadOnlySpan<bool> allowed) =>
        new(false, default, returns, advantages, allowed, logProbabilities) { Taken = taken };

    /// <summary>The targets of one sample with the given number of outputs.</summary>
    public BatchTargets Row(int row, int outputs) => new(
        AreLabels, AreLabels ? Labels.Slice(row, 1) : default, AreLabels ? default : Values.Slice(row * outputs, outputs),
        SampleWeights.IsEmpty ? default : SampleWeights.Slice(row, 1), AllowedClasses.IsEmpty ? default : AllowedClasses.Slice(row * outputs, outputs));
}

/// <summary>
/// The layout of a loss's targets in a matrix of 32-bit words, one row per sample. The loss's include reads it. Equal layouts hold the
/// same kind of targets.
/// </summary>
internal abstract record TargetLayout(int Outputs)
{
    /// <summary>The kind of targets, as it appears in a sentence: <c>labels</c>, or <c>values</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>The default loss for such targets.</summary>
    public abstract Loss PlainLoss { get; }

    public abstract int WordsPerRow { get; }

    /// <summary>The word with the bits of the factor of the sample's loss, one of the first four; the advantage of a decision.</summary>
    public abstract int WeightWord { get; }

    /// <summary>The sizes that the include declares.</summary>
    public virtual IReadOnlyList<(string Name, int Value)> Sizes => [("targetTexels", MatrixShape.Texels(WordsPerRow))];

    /// <summary>Checks the targets of the given number of samples.</summary>
    /// <exception cref="ArgumentException">Lengths do not fit, or they are targets of another loss.</exception>
    public abstract void Check(int rows, BatchTargets targets);

    /// <summary>Packs checked targets, <see cref="WordsPerRow"/> words for each sample.</summary>
    public void Pack(BatchTargets targets, Span<uint> words) => Pack(targets, words, WordsPerRow);

    /// <summary>Packs checked targets into rows that may have padding, which becomes zero.</summary>
    /// <param name="targets">The targets.</param>
    /// <param name="words">[samples × stride].</param>
    /// <param name="stride">The words of a row, <see cref="WordsPerRow"/> or more.</param>
    public abstract void Pack(BatchTargets targets, Span<uint> words, int stride);

    /// <summary>Checks the factors of the samples' losses.</summary>
    protected static void CheckSampleWeights(int rows, ReadOnlySpan<float> sampleWeights)
    {
        if (sampleWeights.IsEmpty) return;
        Requirements.Length(sampleWeights.Length, rows, "one weight per sample, or none at all", nameof(sampleWeights));
        Requirements.Finite(sampleWeights, "sample weights", nameof(sampleWeights));
    }
}

/// <summary>
/// Labels: word 0 the label, word 1 the bits of the sample's weight, from word 2 on one bit per class: whether it is allowed.
/// Shaders/Include/label_targets.glsl reads it.
/// </summary>
internal sealed record LabelTargets(int Outputs) : TargetLayout(Outputs)
{
    private const int MaskWord = 2;
    private const int BitsPerWord = 32;

    /// <summary>Tells label_targets.glsl where the mask begins.</summary>
    public static (string Name, int Value) MaskConstant => ("TARGET_MASK_WORD", MaskWord);

    public override string Kind => "labels";

    public override Loss PlainLoss => Loss.OfLabels;

    public override int WordsPerRow => MaskWord + MatrixShape.CeilingDivide(Outputs, BitsPerWord);

    public override int WeightWord => 1;

    /// <summary>The label and the weight of a packed target.</summary>
    public static (int Label, float Weight) Read(ReadOnlySpan<uint> target) => ((int)target[0], BitConverter.UInt32BitsToSingle(target[1]));

    /// <summary>The words of a packed target with a bit for each class; those past the last one are zero.</summary>
    public static ReadOnlySpan<uint> MaskOf(ReadOnlySpan<uint> target) => target[MaskWord..];

    /// <summary>Which of a texel's four classes such words allow, one bit each.</summary>
    public static uint AllowedOfTexel(ReadOnlySpan<uint> mask, int texel)
    {
        const int TexelsPerWord = BitsPerWord / MatrixShape.ColumnsPerTexel;
        return mask[texel / TexelsPerWord] >> (texel % TexelsPerWord * MatrixShape.ColumnsPerTexel);
    }

    /// <summary>Which of the first 32 classes a packed target allows, one bit each.</summary>
    public static unsafe uint FirstAllowed(uint* target) => target[MaskWord];

    /// <summary>Whether a packed target allows a class.</summary>
    public static bool Allows(ReadOnlySpan<uint> target, int label) => ((target[MaskWord + (label / BitsPerWord)] >> (label % BitsPerWord)) & 1) != 0;

    /// <summary>Whether a packed target allows all of its classes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllowsAll(ReadOnlySpan<uint> target, int classes)
    {
        int word = MaskWord;
        for (; classes >= BitsPerWord; classes -= BitsPerWord, word++)
        {
            if (target[word] != uint.MaxValue) return false;
        }

        return classes == 0 || target[word] == (1u << classes) - 1;
    }

    public override void Check(int rows, BatchTargets targets)
    {
        if (!targets.AreLabels)
        {
            throw new ArgumentException(
                "Expected labels (ints), one class for each sample, but got values. Pass labels, or choose a loss that takes values, such as " +
                $"{nameof(MeanSquaredError)}.", nameof(targets));
        }

        CheckLabels(rows, targets.Labels);
        CheckSampleWeights(rows, targets.SampleWeights);
        if (!targets.AllowedClasses.IsEmpty) CheckAllowed(rows, targets.Labels, targets.AllowedClasses);
    }

    public override void Pack(BatchTargets targets, Span<uint> words, int stride)
    {
        if (WordsPerRow == MaskWord + 1)
        {
            PackFew(targets, words, stride);
            return;
        }

        for (int row = 0; row < targets.Labels.Length; row++)
        {
            Span<uint> target = words.Slice(row * stride, stride);
            target.Clear();
            target[0] = (uint)targets.Labels[row];
            target[1] = BitConverter.SingleToUInt32Bits(targets.SampleWeights.IsEmpty ? 1f : targets.SampleWeights[row]);
            for (int j = 0; j < Outputs; j++)
            {
                if (targets.AllowedClasses.IsEmpty || targets.AllowedClasses[(row * Outputs) + j])
                    target[MaskWord + (j / BitsPerWord)] |= 1u << (j % BitsPerWord);
            }
        }
    }

    /// <summary>For classes that fit into one word.</summary>
    private void PackFew(BatchTargets targets, Span<uint> words, int stride)
    {
        if (stride > MaskWord + 1) words.Clear();
        uint all = Outputs == BitsPerWord ? uint.MaxValue : (1u << Outputs) - 1;
        ReadOnlySpan<bool> allowed = targets.AllowedClasses;
        for (int row = 0, at = 0; row < targets.Labels.Length; row++, at += stride)
        {
            uint mask = all;
            if (!allowed.IsEmpty)
            {
                mask = 0;
                ReadOnlySpan<bool> ofRow = allowed.Slice(row * Outputs, Outputs);
                for (int j = 0; j < ofRow.Length; j++) mask |= ofRow[j] ? 1u << j : 0;
            }

            words[at] = (uint)targets.Labels[row];
            words[at + 1] = BitConverter.SingleToUInt32Bits(targets.SampleWeights.IsEmpty ? 1f : targets.SampleWeights[row]);
            words[at + MaskWord] = mask;
        }
    }

    private void CheckLabels(int rows, ReadOnlySpan<int> labels)
    {
        Requirements.Length(labels.Length, rows, "one label per sample", nameof(labels));
        for (int i = 0; i < rows; i++)
        {
            if ((uint)labels[i] >= (uint)Outputs)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(labels), labels[i], $"The label of sample {i} must be one of the {Outputs} classes, 0 to {Outputs - 1}.");
            }
        }
    }

    private void CheckAllowed(int rows, ReadOnlySpan<int> labels, ReadOnlySpan<bool> allowedClasses)
    {
        Requirements.Length(allowedClasses.Length, (long)rows * Outputs, $"{rows} samples × {Outputs} classes, or none at all", nameof(allowedClasses));
        for (int i = 0; i < rows; i++)
        {
            if (!allowedClasses[(i * Outputs) + labels[i]])
                throw new ArgumentException($"The label of sample {i}, class {labels[i]}, is not among its allowed classes.", nameof(allowedClasses));
        }
    }
}
