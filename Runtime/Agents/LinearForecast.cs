using System.Numerics;

namespace NeuralPlugin;

/// <summary>
/// How much each brain's returns differ from their mean, predicted from the observations x of a decision: w·x. An error e moves w by
/// <see cref="Rate"/>·e·x / (1 + |x|²), so that a step is as large for observations of any size.
/// </summary>
/// <remarks>Source: Widrow and Hoff, 1960, "Adaptive switching circuits"; normalized as by Nagumo and Noda, 1967.</remarks>
internal sealed class LinearForecast(int brains, int observations)
{
    public const double Rate = 0.1;

    private readonly double[] weights = new double[checked(brains * observations)];

    /// <summary>The difference from the mean that a brain's weights predict.</summary>
    public double Of(int brain, ReadOnlySpan<float> observed) => Of(brain, observed, out _);

    /// <summary>The same, with 1 + |x|² for <see cref="Correct"/>.</summary>
    public double Of(int brain, ReadOnlySpan<float> observed, out double divisor)
    {
        double sum = 0, squares = 1;   // two chains of additions take as long as one
        ReadOnlySpan<double> own = weights.AsSpan(brain * observations, observations);
        observed = observed[..own.Length];
        for (int i = 0; i < own.Length; i++)
        {
            double value = observed[i];
            sum += own[i] * value;
            squares += value * value;
        }

        divisor = squares;
        return sum;
    }

    /// <summary>Learns from a decision whose return differed from the mean by this much more than predicted.</summary>
    /// <param name="brain">The brain.</param>
    /// <param name="observed">What the decision saw.</param>
    /// <param name="divisor">1 + |x|², from <see cref="Of(int, ReadOnlySpan{float}, out double)"/>.</param>
    /// <param name="error">How much more.</param>
    public void Correct(int brain, ReadOnlySpan<float> observed, double divisor, double error)
    {
        double step = Rate * error / divisor;
        int first = brain * observations, i = 0, width = Vector<double>.Count;
        Vector<double> steps = new(step);
        for (; i <= observations - (2 * width); i += 2 * width)
        {
            Vector.Widen(Vector.Create(observed[i..]), out Vector<double> lower, out Vector<double> upper);
            Move(weights, first + i, steps * lower);
            Move(weights, first + i + width, steps * upper);
        }

        for (; i < observations; i++)
        {
            double moved = weights[first + i] + (step * observed[i]);
            if (Math.Abs(moved) <= StateForm.MostSum) weights[first + i] = moved;   // what files hold; rewards at the end of what floats do get no further
        }

        static void Move(double[] weights, int first, Vector<double> change)
        {
            Vector<double> before = new(weights, first), moved = before + change;
            Vector.ConditionalSelect(Vector.LessThanOrEqual(Vector.Abs(moved), new Vector<double>(StateForm.MostSum)), moved, before).CopyTo(weights, first);
        }
    }

    /// <summary>Describes its state for files. A file without it leaves it as it is.</summary>
    public void Describe(StateForm form, string name)
    {
        StateRows rows = new(brains, () => brains, _ => { });
        form.Add(new StateField(name, rows, observations, i => weights[i], (i, value) => weights[i] = value) { IsWide = true, Least = -StateForm.MostSum, Most = StateForm.MostSum });
    }
}
