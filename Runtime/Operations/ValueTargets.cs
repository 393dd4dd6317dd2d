using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Values: word 0 the bits of the sample's weight, and from word 4 on, in the next texel, the bits of one value per output.
/// Shaders/Include/value_targets.glsl reads it.
/// </summary>
internal sealed record ValueTargets(int Outputs) : TargetLayout(Outputs)
{
    private const int FirstValue = MatrixShape.ColumnsPerTexel;

    public override string Kind => "values";

    public override Loss PlainLoss => Loss.OfValues;

    public override int WordsPerRow => FirstValue + Outputs;

    public override int WeightWord => 0;

    public override IReadOnlyList<(string Name, int Value)> Sizes => [.. base.Sizes, ("targetValues", Outputs)];

    /// <summary>The weight of a packed target.</summary>
    public static float WeightOf(ReadOnlySpan<uint> target) => BitConverter.UInt32BitsToSingle(target[0]);

    /// <summary>The values of a packed target, with the padding of their row.</summary>
    public static ReadOnlySpan<float> ValuesOf(ReadOnlySpan<uint> target) => MemoryMarshal.Cast<uint, float>(target[FirstValue..]);

    public override void Check(int rows, BatchTargets targets)
    {
        if (targets.AreLabels)
        {
            throw new ArgumentException(
                $"Expected values (floats), {Outputs} for each sample, but got labels. Pass values, or choose a loss that takes labels, such as " +
                $"{nameof(SoftmaxCrossEntropy)}.", nameof(targets));
        }

        Requirements.Length(targets.Values.Length, (long)rows * Outputs, $"{rows} samples × {Outputs} outputs", nameof(targets));
        Requirements.Finite(targets.Values, "target values", nameof(targets));
        CheckSampleWeights(rows, targets.SampleWeights);
    }

    public override void Pack(BatchTargets targets, Span<uint> words, int stride)
    {
        for (int row = 0; row * Outputs < targets.Values.Length; row++)
        {
            Span<uint> target = words.Slice(row * stride, stride);
            target.Clear();
            target[0] = BitConverter.SingleToUInt32Bits(targets.SampleWeights.IsEmpty ? 1f : targets.SampleWeights[row]);
            MemoryMarshal.Cast<float, uint>(targets.Values.Slice(row * Outputs, Outputs)).CopyTo(target[FirstValue..]);
        }
    }
}
