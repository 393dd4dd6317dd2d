using System.Numerics;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// The softmax of one row of logits on the processor, over its allowed classes and from the logits minus their maximum, a texel of four classes at a
/// time, as in Shaders/Include/softmax.glsl.
/// </summary>
internal readonly record struct Softmax(float Maximum, float Sum, float LogSum, float Entropy, int Best)
{
    private const int Texel = MatrixShape.ColumnsPerTexel;

    private static Vector128<float> Lowest => Vector128.Create(float.MinValue);

    /// <summary>p_j = exp(z_j − max z) / Σ exp(z − max z).</summary>
    /// <param name="logits">A row with its padding.</param>
    /// <param name="classes">The number of classes without padding.</param>
    /// <param name="probabilities">A row with its padding, which is zeroed.</param>
    public static void Probabilities(ReadOnlySpan<float> logits, int classes, Span<float> probabilities)
    {
        ReadOnlySpan<Vector128<float>> z = MemoryMarshal.Cast<float, Vector128<float>>(logits);
        Span<Vector128<float>> p = MemoryMarshal.Cast<float, Vector128<float>>(probabilities);
        Vector128<float> greatest = Lowest, sums = default;
        for (int t = 0; t < z.Length; t++)
        {
            p[t] = Vector128.ConditionalSelect(FirstOf(classes - (t * Texel)), z[t], Lowest);
            greatest = Greater(greatest, p[t]);
        }

        float maximum = GreatestOf(greatest);
        for (int t = 0; t < z.Length; t++)
        {
            p[t] = Vector128.ConditionalSelect(FirstOf(classes - (t * Texel)), Vector128.Exp(z[t] - Vector128.Create(maximum)), default);
            sums += p[t];
        }

        Vector128<float> sum = Vector128.Create(Vector128.Sum(sums));
        for (int t = 0; t < z.Length; t++) p[t] /= sum;
    }

    /// <summary>The softmax of a row, and exp(z − max z) of its allowed classes, zero for the others.</summary>
    /// <param name="logits">A row with its padding.</param>
    /// <param name="mask">One bit per class: whether it is allowed.</param>
    /// <param name="terms">As long as the logits, written.</param>
    /// <param name="withEntropy">Whether the entropy is wanted; else it is 0.</param>
    public static Softmax Of(ReadOnlySpan<float> logits, ReadOnlySpan<uint> mask, Span<float> terms, bool withEntropy = true)
    {
        ReadOnlySpan<Vector128<float>> z = MemoryMarshal.Cast<float, Vector128<float>>(logits);
        Span<Vector128<float>> exponentials = MemoryMarshal.Cast<float, Vector128<float>>(terms);
        Vector128<float> greatest = Lowest, sums = default, weighted = default;
        for (int t = 0; t < z.Length; t++) greatest = Greater(greatest, Vector128.ConditionalSelect(Allowed(mask, t), z[t], Lowest));
        float maximum = GreatestOf(greatest);
        int best = -1;
        for (int t = 0; t < z.Length; t++)
        {
            Vector128<float> allowed = Allowed(mask, t);
            if (best < 0)
            {
                uint isBest = (Vector128.Equals(z[t], Vector128.Create(maximum)) & allowed).ExtractMostSignificantBits();
                if (isBest != 0) best = (t * Texel) + BitOperations.TrailingZeroCount(isBest);
            }

            exponentials[t] = allowed & Vector128.Exp(z[t] - Vector128.Create(maximum));
            sums += exponentials[t];
            if (withEntropy) weighted += exponentials[t] * (allowed & Shifted(z[t], maximum));
        }

        float sum = Vector128.Sum(sums), logSum = MathF.Log(sum);
        return new Softmax(maximum, sum, logSum, withEntropy ? logSum - (Vector128.Sum(weighted) / sum) : 0, Math.Max(best, 0));
    }

    /// <summary>For each of four classes: all bits set if it is allowed.</summary>
    public static Vector128<float> Allowed(ReadOnlySpan<uint> mask, int texel)
    {
        Vector128<uint> bits = Vector128.Create(1u, 2u, 4u, 8u);
        return Vector128.Equals(Vector128.Create(LabelTargets.AllowedOfTexel(mask, texel)) & bits, bits).AsSingle();
    }

    /// <summary>z − m, kept finite even if logits are further apart than the range of a float, so that 0 · (z − m) is 0.</summary>
    public static Vector128<float> Shifted(Vector128<float> logits, float maximum)
    {
        Vector128<float> shifted = logits - Vector128.Create(maximum);
        return Vector128.ConditionalSelect(Vector128.LessThan(shifted, Lowest), Lowest, shifted);
    }

    private static Vector128<float> FirstOf(int count) => Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle();

    /// <summary>Never a NaN: the sum of a row that has one shows it.</summary>
    private static Vector128<float> Greater(Vector128<float> a, Vector128<float> b) => Vector128.ConditionalSelect(Vector128.GreaterThan(b, a), b, a);

    private static float GreatestOf(Vector128<float> texel)
    {
        Vector128<float> pairs = Greater(texel, Vector128.Shuffle(texel, Vector128.Create(2, 3, 0, 1)));
        return Greater(pairs, Vector128.Shuffle(pairs, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
