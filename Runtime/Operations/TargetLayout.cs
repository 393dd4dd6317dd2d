namespace NeuralPlugin;

/// <summary>
/// What a batch wants, in an RGBA32UI texture, a row a sample, in words of 32 bits: word 0 the label, word 1 the bits of the
/// sample's weight, from word 2 on a bit a class that is allowed. Shaders/Include/targets.glsl reads it.
/// </summary>
internal static class TargetLayout
{
    public const int MaskWord = 2;
    private const int BitsPerWord = 32;

    /// <summary>Tells targets.glsl where the mask begins.</summary>
    public static (string Name, int Value) MaskConstant => ("TARGET_MASK_WORD", MaskWord);

    public static int WordsPerRow(int classes) => MaskWord + MatrixShape.CeilingDivide(classes, BitsPerWord);

    /// <summary>Packs checked targets. Empty weights are all one; empty masks allow every class.</summary>
    public static void Pack(
        ReadOnlySpan<int> labels, ReadOnlySpan<float> sampleWeights, ReadOnlySpan<bool> allowedClasses, int classes, Span<uint> words)
    {
        int wordsPerRow = WordsPerRow(classes);
        for (int row = 0; row < labels.Length; row++)
        {
            Span<uint> target = words.Slice(row * wordsPerRow, wordsPerRow);
            target.Clear();
            target[0] = (uint)labels[row];
            target[1] = BitConverter.SingleToUInt32Bits(sampleWeights.IsEmpty ? 1f : sampleWeights[row]);
            for (int j = 0; j < classes; j++)
            {
                if (allowedClasses.IsEmpty || allowedClasses[(row * classes) + j])
                    target[MaskWord + (j / BitsPerWord)] |= 1u << (j % BitsPerWord);
            }
        }
    }
}
