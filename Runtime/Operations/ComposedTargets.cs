using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// Actions of several numbers: words 0 to 2 the bits of the weight or advantage, of the logarithm of the probability when it was chosen, and of the return; word 3 the bits of the row's weight, if rows are weighed. From word 4 on
/// for each branch the output that was chosen and the end of the branch, then the bits of each continuous action, then a bit an output that was
/// allowed and, with a reference, the bits of each of its outputs. Shaders/Include/composed_policy.glsl reads it.
/// </summary>
/// <param name="Shape">What the outputs are.</param>
/// <param name="Outputs">Those of the policy and, where there is one, the value.</param>
/// <param name="WeighsRows">Whether each row has a weight.</param>
/// <param name="HasReference">Whether each row has the outputs of a reference policy.</param>
internal sealed record ComposedTargets(PolicyShape Shape, int Outputs, bool WeighsRows = false, bool HasReference = false) : TargetLayout(Outputs)
{
    /// <summary>The first word of what was chosen.</summary>
    public const int TakenWord = 4;

    private const int RowWeightWord = 3;
    private const int WordsPerBranch = 2;
    private const int BitsPerWord = 32;

    public override string Kind => "composed actions";

    /// <summary>None: only agents have such actions, and choose the loss.</summary>
    public override Loss PlainLoss => throw new InvalidOperationException("Composed actions have no loss of their own.");

    public override int WordsPerRow => ReferenceWord + (HasReference ? Shape.Outputs : 0);

    public override int WeightWord => 0;

    /// <summary>The first word of the reference.</summary>
    public int ReferenceWord => ReferenceWordOf(Shape, Outputs);

    /// <summary>The first word of the mask.</summary>
    public int MaskWord => MaskWordOf(Shape);

    private static int ReferenceWordOf(PolicyShape shape, int outputs) => MaskWordOf(shape) + MatrixShape.CeilingDivide(Math.Max(outputs, 1), BitsPerWord);

    private static int MaskWordOf(PolicyShape shape) => TakenWord + (WordsPerBranch * shape.Branches) + shape.Continuous;

    /// <summary>The constants of the include.</summary>
    public static IReadOnlyList<(string Name, int Value)> ConstantsOf(PolicyShape shape) =>
    [
        ("TARGET_MASK_WORD", MaskWordOf(shape)), ("TAKEN_WORD", TakenWord), ("BRANCHES", shape.Branches), ("DISCRETE_OUTPUTS", shape.DiscreteOutputs), ("CONTINUOUS_ACTIONS", shape.Continuous),
    ];

    /// <summary>The output that was chosen in a branch.</summary>
    public static int Chosen(ReadOnlySpan<uint> target, int branch) => (int)target[TakenWord + (WordsPerBranch * branch)];

    /// <summary>The weight of a row.</summary>
    public static float RowWeight(ReadOnlySpan<uint> target) => BitConverter.UInt32BitsToSingle(target[RowWeightWord]);

    /// <summary>The outputs of the reference policy.</summary>
    public ReadOnlySpan<float> ReferenceOf(ReadOnlySpan<uint> target) => MemoryMarshal.Cast<uint, float>(target.Slice(ReferenceWord, Shape.Outputs));

    /// <summary>A continuous action.</summary>
    public static float Number(ReadOnlySpan<uint> target, PolicyShape shape, int action) =>
        BitConverter.UInt32BitsToSingle(target[TakenWord + (WordsPerBranch * shape.Branches) + action]);

    /// <summary>Whether an output was allowed.</summary>
    public static bool IsAllowed(ReadOnlySpan<uint> target, PolicyShape shape, int output) =>
        ((target[MaskWordOf(shape) + (output / BitsPerWord)] >> (output % BitsPerWord)) & 1) != 0;

    public override void Check(int rows, BatchTargets targets)
    {
        if (targets.Taken.IsEmpty) throw new ArgumentException("This loss takes composed actions, but got other targets.", nameof(targets));
        Requirements.Length(targets.Taken.Length, (long)rows * Shape.Numbers, $"{rows} samples × {Shape.Numbers} numbers of an action", nameof(targets));
        Requirements.Length(targets.SampleWeights.Length, rows, "one weight per sample", nameof(targets));
        Requirements.Length(targets.AllowedClasses.Length, (long)rows * Shape.DiscreteOutputs, $"{rows} samples × {Shape.DiscreteOutputs} discrete actions", nameof(targets));
        if (targets.AreDecisions)
        {
            Requirements.Length(targets.LogProbabilities.Length, rows, "the logarithm of one probability per sample", nameof(targets));
            Requirements.Length(targets.Values.Length, rows, "one return per sample", nameof(targets));
        }

        if (WeighsRows) Requirements.Length(targets.RowWeights.Length, rows, "one weight per row", nameof(targets));
        if (HasReference) Requirements.Length(targets.Reference.Length, (long)rows * Shape.Outputs, $"{rows} samples × {Shape.Outputs} outputs of a reference", nameof(targets));
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> taken = targets.Taken.Slice(row * Shape.Numbers, Shape.Numbers);
            for (int branch = 0; branch < Shape.Branches; branch++)
            {
                bool exists = taken[branch] >= 0 && taken[branch] < Shape.SizeOf(branch);
                if (!exists || !targets.AllowedClasses[(row * Shape.DiscreteOutputs) + Shape.FirstOf(branch) + (int)taken[branch]])
                    throw new ArgumentException($"The action of sample {row} in branch {branch} must be an allowed one of {Shape.SizeOf(branch)}, but got {taken[branch]}.", nameof(targets));
            }

            Requirements.Finite(taken[Shape.Branches..], "continuous actions", nameof(targets));
        }
    }

    public override void Pack(BatchTargets targets, Span<uint> words, int stride)
    {
        for (int row = 0; row < targets.SampleWeights.Length; row++)
        {
            Span<uint> target = words.Slice(row * stride, stride);
            target.Clear();
            target[0] = BitConverter.SingleToUInt32Bits(targets.SampleWeights[row]);
            if (targets.AreDecisions)
            {
                target[1] = BitConverter.SingleToUInt32Bits(targets.LogProbabilities[row]);
                target[2] = BitConverter.SingleToUInt32Bits(targets.Values[row]);
            }

            if (WeighsRows) target[RowWeightWord] = BitConverter.SingleToUInt32Bits(targets.RowWeights[row]);
            if (HasReference) MemoryMarshal.Cast<float, uint>(targets.Reference.Slice(row * Shape.Outputs, Shape.Outputs)).CopyTo(target[ReferenceWord..]);
            ReadOnlySpan<float> taken = targets.Taken.Slice(row * Shape.Numbers, Shape.Numbers);
            int at = TakenWord;
            for (int branch = 0; branch < Shape.Branches; branch++)
            {
                target[at++] = (uint)(Shape.FirstOf(branch) + (int)taken[branch]);
                target[at++] = (uint)Shape.EndOf(branch);
            }

            foreach (float number in taken[Shape.Branches..]) target[at++] = BitConverter.SingleToUInt32Bits(number);
            for (int output = 0; output < Shape.DiscreteOutputs; output++)
            {
                if (targets.AllowedClasses[(row * Shape.DiscreteOutputs) + output]) target[MaskWord + (output / BitsPerWord)] |= 1u << (output % BitsPerWord);
            }
        }
    }
}
