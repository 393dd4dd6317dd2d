using System.Numerics;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// Softmax cross-entropy of several rows at once, a row in each lane of a vector, so that no sum goes across lanes: classes are added in their order,
/// and a row's bits depend neither on the rows beside it nor on the vector's width.
/// </summary>
internal static unsafe class SoftmaxRows
{
    /// <summary>Rows of so few classes are worth turning round.</summary>
    public const int MostClasses = 64;

    /// <summary>Floats of the widest vector.</summary>
    private const int MostLanes = 16;

    private static int Lanes => Vector<float>.Count;

    /// <summary>The losses, and the gradients where they are wanted.</summary>
    [SkipLocalsInit]
    public static void CrossEntropy(in LossRows rows, float entropyBonus)
    {
        float* z = stackalloc float[MostClasses * MostLanes];
        float* allowed = stackalloc float[MostClasses * MostLanes];
        for (int first = 0; first < rows.Count; first += Lanes) Block(rows, first, Math.Min(Lanes, rows.Count - first), entropyBonus, z, allowed);
    }

    [SkipLocalsInit]
    private static void Block(in LossRows rows, int first, int count, float entropyBonus, float* z, float* allowed)
    {
        int* labels = stackalloc int[MostLanes];
        float* weights = stackalloc float[MostLanes], labelled = stackalloc float[MostLanes];
        int classes = rows.OutputCount;
        bool isMasked = Turn(rows, first, count, z, allowed, labels, weights, labelled);
        Vector<float> maximum = Vector.Create(float.MinValue);
        for (int c = 0; c < classes; c++)
        {
            Vector<float> logit = Vector.Load(z + (c * Lanes));
            if (isMasked) logit = Vector.ConditionalSelect(Vector.LessThan(Vector<float>.Zero, Vector.Load(allowed + (c * Lanes))), logit, Vector.Create(float.MinValue));
            maximum = Vector.ConditionalSelect(Vector.GreaterThan(logit, maximum), logit, maximum);   // never a NaN: a row that has one finds it in its sum
        }

        Vector<float> sum = Vector<float>.Zero, weighted = Vector<float>.Zero, best = Vector<float>.Zero;
        for (int c = classes - 1; c >= 0; c--)   // the first of those that are the greatest stays
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

        Vector<float> logSum = Vector.Log(sum), weight = Vector.Load(weights), label = Vector.ConvertToSingle(Vector.Load(labels));
        Vector<float> loss = weight * (logSum - (Vector.Load(labelled) - maximum)), entropy = Vector<float>.Zero;
        if (entropyBonus != 0)
        {
            entropy = logSum - (weighted / sum);
            loss -= entropyBonus * entropy;
        }

        Vector.Store(loss, labelled);
        Vector.Store(Vector.Equals(best, label), labels);
        for (int row = 0; row < count; row++) rows.Results[first + row] = new RowLoss(labelled[row], labels[row] != 0);
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

    /// <summary>A row in each lane; lanes without one have the last one's. False where every class is allowed to every row.</summary>
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
