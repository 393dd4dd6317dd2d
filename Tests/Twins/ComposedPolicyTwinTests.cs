using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class ComposedPolicyTwinTests
{
    private static readonly int[][] SomeBranches = [[], [3], [2, 5]];

    [Test]
    public void GradientsAgreeWithCentralDifferences([ValueSource(nameof(SomeBranches))] int[] branches, [Values(1, 3)] int continuous, [Values] bool masked, [Values] bool isProximal)
    {
        const int Rows = 30;
        ComposedPolicyTwin twin = new(branches, continuous, 0.3, isProximal ? (0.2, 0.7) : null);
        float[] values = TwinArrays.UniformFloats(1, Rows * twin.Outputs, -1, 1);
        double[] outputs = TwinArrays.ToDouble(values);
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(2, twin, values, Rows, masked);
        double[] expected = CentralDifferences.Gradient(() => twin.Loss(outputs, decisions), outputs);
        Tolerance.AssertClose(twin.Backward(outputs, decisions), expected, 1e-8, 1e-6, "outputs", twin.Outputs);
    }

    /// <summary>A single branch matches <see cref="ProximalPolicyTwin"/>.</summary>
    [Test]
    public void OneBranchIsTheKnownLoss()
    {
        const int Rows = 20, Actions = 4;
        float[] values = TwinArrays.UniformFloats(1, Rows * (Actions + 1), -2, 2);
        ProximalPolicyTwinDecisions known = ProximalPolicyTwinDecisions.Make(2, values, Rows, Actions, isMasked: true);
        ComposedPolicyTwinDecisions same = new([.. known.Actions.Select(action => (double)action)], known.Advantages, known.LogProbabilities, known.Returns, known.Allowed);
        double[] outputs = TwinArrays.ToDouble(values), expected = new ProximalPolicyTwin(Actions, 0.2, 0.3, 0.7).Forward(outputs, known);
        Tolerance.AssertClose(new ComposedPolicyTwin([Actions], 0, 0.3, (0.2, 0.7)).Forward(outputs, same), expected, 1e-12, 1e-12, "rows");
    }

    /// <summary>The density of the standard normal distribution at 0 is 1 / √(2π), and its entropy ½ log(2πe).</summary>
    [Test]
    public void TheWorkedExample()
    {
        ComposedPolicyTwin twin = new([], 1, 0.1, null);
        double[] row = twin.Forward([0.5, 0], new ComposedPolicyTwinDecisions([0.5], [2], [0], [0], []));
        Assert.That(row[0], Is.EqualTo(Math.Log(2 * Math.PI) - (0.1 * 0.5 * Math.Log(2 * Math.PI * Math.E))).Within(1e-12));
    }
}
