using System.Numerics;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// Softmax cross-entropy of several rows at once, one row in each lane of a vector, so that no sum crosses lanes: classes are added in order,
/// and a row's bits depend neither on the rows beside it nor on the vector's width.
/// </summary>
internal static unsafe class SoftmaxRows
{
    /// <summary>Up to this many classes, transposing rows is worthwhile.</summary>
    public const int MostClasses = 64;

    /// <summary>Floats of the widest vector.</summary>
    private const int MostLanes = 16;

    private const int Texel = MatrixShape.ColumnsPerTexel;

    /// <summary>Rows of up to this many texels are computed in place.</summary>
    private const int FewTexels = 4;

    private const uint TexelMask = (1u << Texel) - 1;

    private static int Lanes => Vector<float>.Count;

    /// <summary>The losses, and the gradients if wanted.</summary>
    [SkipLocalsInit]
    public static void CrossEntropy(in LossRows rows, float entropyBonus)
    {
        if (rows.Stride <= FewTexels * Texel && entropyBonus == 0)
        {
            for (int first = 0; first < rows.Count; first += MostLanes) OfFewTexels(rows, first, Math.Min(MostLanes, rows.Count - first));
            return;
        }

        float* z = stackalloc float[MostClasses * MostLanes];
        float* allowed = stackalloc float[MostClasses * MostLanes];
        for (int first = 0; first < rows.Count; first += Lanes) Block(rows, first, Math.Min(Lanes, rows.Count - first), entropyBonus, z, allowed);
    }

    /// <summary>Rows of few classes, two at a time side by side, without transposing.</summary>
    [SkipLocalsInit]
    private static void OfFewTexels(in LossRows rows, int first, int count)
    {
        float* sums = stackalloc float[MostLanes + 1], greatest = stackalloc float[MostLanes + 1];
        Vector256<float>* terms = stackalloc Vector256<float>[FewTexels], allowed = stackalloc Vector256<float>[FewTexels];
        Vector256<uint> bits = Vector256.Create(1u, 2u, 4u, 8u, 1u, 2u, 4u, 8u);
        Vector256<float> batch = Vector256.Create((float)rows.BatchRows);
        int stride = rows.Stride, texels = stride / Texel;
        uint** targets = rows.Targets + first;
        float* outputs = rows.Outputs + ((nint)first * stride), allGradients = rows.Gradients == null ? null : rows.Gradients + ((nint)first * stride);
        RowLoss* results = rows.Results + first;
        for (int i = 0; i < count; i += 2)
        {
            int a = i, b = Math.Min(i + 1, count - 1);
            uint* targetOfA = targets[a], targetOfB = targets[b];
            float* zOfA = outputs + (a * stride), zOfB = outputs + (b * stride);
            Vector256<uint> masks = Vector256.Create(Vector128.Create(LabelTargets.FirstAllowed(targetOfA)), Vector128.Create(LabelTargets.FirstAllowed(targetOfB)));
            Vector256<float> maximum = Vector256.Create(float.MinValue), sum = default;
            for (int t = 0; t < texels; t++)
            {
                terms[t] = Vector256.Create(Vector128.Load(zOfA + (t * Texel)), Vector128.Load(zOfB + (t * Texel)));
                allowed[t] = Vector256.Equals((masks >>> (t * Texel)) & bits, bits).AsSingle();
                maximum = Greater(maximum, Vector256.ConditionalSelect(allowed[t], terms[t], maximum));
            }

            maximum = Greater(maximum, Vector256.Shuffle(maximum, Vector256.Create(2, 3, 0, 1, 6, 7, 4, 5)));
            maximum = Greater(maximum, Vector256.Shuffle(maximum, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6)));
            (uint bestOfA, uint bestOfB) = (0, 0);   // one bit per class: whether it is the greatest
            for (int t = 0; t < texels; t++)
            {
                uint isBest = (Vector256.Equals(terms[t], maximum) & allowed[t]).ExtractMostSignificantBits();
                bestOfA |= (isBest & TexelMask) << (t * Texel);
                bestOfB |= (isBest >> Texel) << (t * Texel);
                terms[t] = allowed[t] & Vector256.Exp(terms[t] - maximum);
                sum += terms[t];
            }

            sum += Vector256.Shuffle(sum, Vector256.Create(2, 3, 0, 1, 6, 7, 4, 5));
            sum += Vector256.Shuffle(sum, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6));
            (sums[i], sums[i + 1]) = (sum.ToScalar(), sum.GetUpper().ToScalar());
            (greatest[i], greatest[i + 1]) = (maximum.ToScalar(), maximum.GetUpper().ToScalar());
            results[b] = new RowLoss(0, BestOf(bestOfB) == targetOfB[0] ? 1 : 0);
            results[a] = new RowLoss(0, BestOf(bestOfA) == targetOfA[0] ? 1 : 0);
            if (allGradients == null) continue;
            Vector256<uint> labels = Vector256.Create(Vector128.Create(targetOfA[0]), Vector128.Create(targetOfB[0]));
            Vector256<float> weights = Vector256.Create(Vector128.Create(targetOfA[1]), Vector128.Create(targetOfB[1])).AsSingle();
            Vector256<uint> classes = Vector256.Create(0u, 1u, 2u, 3u, 0u, 1u, 2u, 3u);
            for (int t = 0; t < texels; t++)
            {
                Vector256<float> isLabel = Vector256.Equals(labels, classes).AsSingle() & Vector256<float>.One;
                Vector256<float> gradients = weights * ((terms[t] / sum) - isLabel) / batch;
                gradients.GetUpper().Store(allGradients + (b * stride) + (t * Texel));
                gradients.GetLower().Store(allGradients + (a * stride) + (t * Texel));
                classes += Vector256.Create((uint)Texel);
            }
        }

        for (int i = 0; i < count; i++)
        {
            (int label, float weight) = LabelTargets.Read(rows.TargetOf(first + i));
            float crossEntropy = MathF.Log(sums[i]) - (outputs[(i * stride) + label] - greatest[i]);
            results[i] = new RowLoss(weight * crossEntropy, results[i].Second);
        }
    }

    /// <summary>The first of the greatest classes; 0 if all are NaN.</summary>
    private static int BestOf(uint isBest) => isBest == 0 ? 0 : BitOperations.TrailingZeroCount(isBest);

    /// <summary>Never a NaN: the sum of a row that has one shows it.</summary>
    private static Vector256<float> Greater(Vector256<float> a, Vector256<float> b) => Vector256.ConditionalSelect(Vector256.GreaterThan(b, a), b, a);

    [SkipLocalsInit]
    private static void Block(in LossRows rows, int first, int count, float entropyBonus, float* z, float* allowed)
    {
        int* labels = stackalloc int[MostLanes];
        float* weights = stackalloc float[MostLanes], labelled = stackalloc float[MostLanes], sums = stackalloc float[MostLanes];
        int classes = rows.OutputCount;
        bool isMasked = Turn(rows, first, count, z, allowed, labels, weights, labelled);
        Vector<float> maximum = Vector.Create(float.MinValue);
        for (int c = 0; c < classes; c++)
        {
            Vector<float> logit = Vector.Load(z + (c * Lanes));
            if (isMasked) logit = Vector.ConditionalSelect(Vector.LessThan(Vector<float>.Zero, Vector.Load(allowed + (c * Lanes))), logit, Vector.Create(float.MinValue));
            maximum = Vector.ConditionalSelect(Vector.GreaterThan(logit, maximum), logit, maximum);   // never a NaN: the sum of a row that has one shows it
        }

        Vector<float> sum = Vector<float>.Zero, weighted = Vector<float>.Zero, best = Vector<float>.Zero;
        for (int c = classes - 1; c >= 0; c--)   // the first of the greatest classes wins
        {
            Vector<int> isBest = Vector.Equals(Vector.Load(z + (c * Lanes)), maximum);
            if (isMasked) isBest &= Vector.LessThan(Vector<float>.Zero, Vector.Load(allowed + (c * Lanes)));
            best = Vector.ConditionalSelect(isBest, Vector.Create((float)c), best);
        }

        for (int c = 0; c < classes; c++)
        {
            Vector<float> shifted = Vector.Load(z + (c * Lanes)) - maximum, term = Vector.Exp(shifted);
            if (entropyBonus != 0) shifted = Vector.ConditionalSelect(Vector.LessThan(shifted, Vector.Create(float.MinValue)), Vector.Create(float.MinValue), shifted);
            if (isMasked)
            {
                Vector<int> isAllowed = Vector.LessThan(Vector<float>.Zero, Vector.Load(allowed + (c * Lanes)));
                term = Vector.ConditionalSelect(isAllowed, term, Vector<float>.Zero);
                shifted = Vector.ConditionalSelect(isAllowed, shifted, Vector<float>.Zero);
            }

            sum += term;
            if (entropyBonus != 0)
            {
                weighted += term * shifted;
                Vector.Store(shifted, allowed + (c * Lanes));
            }

            Vector.Store(term, z + (c * Lanes));
        }

        Vector.Store(sum, sums);
        for (int lane = 0; lane < Lanes; lane++) sums[lane] = MathF.Log(sums[lane]);
        Vector<float> logSum = Vector.Load(sums), weight = Vector.Load(weights), label = Vector.ConvertToSingle(Vector.Load(labels));
        Vector<float> loss = weight * (logSum - (Vector.Load(labelled) - maximum)), entropy = Vector<float>.Zero;
        if (entropyBonus != 0)
        {
            entropy = logSum - (weighted / sum);
            loss -= entropyBonus * entropy;
        }

        Vector.Store(loss, labelled);
        Vector.Store(Vector.Equals(best, label), labels);
        for (int row = 0; row < count; row++) rows.Results[first + row] = new RowLoss(labelled[row], labels[row] != 0 ? 1 : 0);
        if (rows.Gradients == null) return;
        Vector<float> batch = Vector.Create((float)rows.BatchRows);
        for (int c = 0; c < classes; c++)
        {
            Vector<float> term = Vector.Load(z + (c * Lanes)), p = term / sum;
            Vector<float> gradient = weight * (p - Vector.ConditionalSelect(Vector.Equals(label, Vector.Create((float)c)), Vector<float>.One, Vector<float>.Zero));
            if (entropyBonus != 0)
            {
                Vector<float> logP = Vector.Load(allowed + (c * Lanes)) - logSum;
                gradient += Vector.ConditionalSelect(Vector.Equals(term, Vector<float>.Zero), Vector<float>.Zero, entropyBonus * p * (logP + entropy));
            }

            Vector.Store(gradient / batch, z + (c * Lanes));
        }

        TurnBack(rows, first, count, z);
    }

    /// <summary>Transposes rows to one per lane; lanes without a row get the last one. False if every class is allowed in every row.</summary>
    private static bool Turn(in LossRows rows, int first, int count, float* z, float* allowed, int* labels, float* weights, float* labelled)
    {
        int classes = rows.OutputCount;
        bool isMasked = false;
        for (int lane = 0; lane < Lanes; lane++)
        {
            int row = first + Math.Min(lane, count - 1);
            float* from = rows.Outputs + ((nint)row * rows.Stride), to = z + lane;
            ReadOnlySpan<uint> target = rows.TargetOf(row);
            (labels[lane], weights[lane]) = LabelTargets.Read(target);
            labelled[lane] = from[labels[lane]];
            isMasked |= !LabelTargets.AllowsAll(target, classes);
            for (int c = 0; c < classes; c++, to += Lanes) *to = from[c];
        }

        for (int lane = 0; isMasked && lane < Lanes; lane++)
        {
            ReadOnlySpan<uint> target = rows.TargetOf(first + Math.Min(lane, count - 1));
            for (int c = 0; c < classes; c++) allowed[(c * Lanes) + lane] = LabelTargets.Allows(target, c) ? 1 : 0;
        }

        return isMasked;
    }

    private static void TurnBack(in LossRows rows, int first, int count, float* gradients)
    {
        int classes = rows.OutputCount, stride = rows.Stride;
        for (int row = 0; row < count; row++)
        {
            float* to = rows.Gradients + ((nint)(first + row) * rows.Stride), from = gradients + row;
            for (int c = 0; c < classes; c++, from += Lanes) to[c] = *from;
            for (int c = classes; c < stride; c++) to[c] = 0;
        }
    }
}
