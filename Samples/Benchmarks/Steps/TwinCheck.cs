using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Benchmarks;

/// <summary>Checks timed results against a twin in double precision.</summary>
internal static class TwinCheck
{
    /// <summary>Steps that the twin follows: more than one, so that both textures of each weight matrix are read and written.</summary>
    public const int Steps = 3;

    /// <summary>
    /// Relative to the update's norm. Rounding in single precision is far below it, even if one hidden unit of one sample is so near
    /// zero that the two sides take different branches of ReLU; omitting a sample, a row or a column is far above it.
    /// </summary>
    private const double MostNormError = 2e-3;

    /// <summary>For each element, relative to the largest update in the array: finds errors that the norm of a large array would hide.</summary>
    private const double MostElementError = 0.05;

    private const double MostProbabilityError = 1e-4;

    /// <summary>Compares how far the weights moved in <see cref="Steps"/> steps of plain gradient descent from the same start.</summary>
    /// <exception cref="WrongResultException">They moved differently from the twin's.</exception>
    public static void RequireSameSteps(
        string what, ClassifierCase shape, ReadOnlySpan<float> features, ReadOnlySpan<int> labels, ClassifierParameters start, ClassifierParameters actual)
    {
        NetworkTwin twin = shape.Twin(start);
        SgdTwin optimizer = new(ClassifierCase.LearningRate);
        double[] features64 = TwinArrays.ToDouble(features);
        for (int step = 0; step < Steps; step++) twin.Step(optimizer, features64, labels);
        RequireSameUpdate($"{what}: hidden weights", start.HiddenWeights, actual.HiddenWeights, twin.Parameters[0]);
        RequireSameUpdate($"{what}: hidden biases", start.HiddenBiases, actual.HiddenBiases, twin.Parameters[1]);
        RequireSameUpdate($"{what}: output weights", start.OutputWeights, actual.OutputWeights, twin.Parameters[2]);
        RequireSameUpdate($"{what}: output biases", start.OutputBiases, actual.OutputBiases, twin.Parameters[3]);
    }

    /// <exception cref="WrongResultException">A probability differs from the twin's.</exception>
    public static void RequireSameProbabilities(
        string what, ClassifierCase shape, ReadOnlySpan<float> features, ClassifierParameters weights, ReadOnlySpan<float> actual)
    {
        double[] logits = shape.Twin(weights).Forward(TwinArrays.ToDouble(features), shape.Batch);
        double[] expected = SoftmaxTwin.SoftmaxForward(logits, shape.Batch, shape.Classes);
        RequireClose($"{what}: probabilities", actual, expected, MostProbabilityError);
    }

    /// <exception cref="WrongResultException">A value differs by more than the bound, or is NaN.</exception>
    public static void RequireClose(string what, ReadOnlySpan<float> actual, ReadOnlySpan<double> expected, double bound)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(actual[i] - expected[i]) <= bound))
                throw new WrongResultException($"{what} are wrong: element {i} is {actual[i]:G9}, but that of its twin is {expected[i]:G9}.");
        }
    }

    private static void RequireSameUpdate(string what, float[] start, float[] actual, double[] expected)
    {
        (double error, double update, double largestError, double largestUpdate) = (0, 0, 0, 0);
        for (int i = 0; i < expected.Length; i++)
        {
            (double difference, double moved) = (Math.Abs(actual[i] - expected[i]), Math.Abs(expected[i] - start[i]));
            error += difference * difference;
            update += moved * moved;
            largestError = Math.Max(largestError, difference);
            largestUpdate = Math.Max(largestUpdate, moved);
        }

        (error, update) = (Math.Sqrt(error), Math.Sqrt(update));
        if (error <= MostNormError * update && largestError <= MostElementError * largestUpdate) return;
        throw new WrongResultException(
            $"{what} are wrong: after {Steps} steps they differ from the twin's by {error:G3} in norm and {largestError:G3} in one element, " +
            $"and the steps moved them by {update:G3} and {largestUpdate:G3}. The measured time is meaningless.");
    }
}
