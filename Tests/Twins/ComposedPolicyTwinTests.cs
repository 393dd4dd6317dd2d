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

    /// <summary>The same with rows that are weighed, demonstrated rows, and a bound on the drift that about half of the rows are beyond.</summary>
    [Test]
    public void GradientsOfSteeredRowsAgreeWithCentralDifferences([ValueSource(nameof(SomeBranches))] int[] branches, [Values(0, 2)] int continuous, [Values] bool masked)
    {
        const int Rows = 30;
        if (branches.Length + continuous == 0) return;
        ComposedPolicyTwin twin = new(branches, continuous, 0.3, (0.2, 0.7));
        float[] values = TwinArrays.UniformFloats(1, Rows * twin.Outputs, -1, 1);
        double[] outputs = TwinArrays.ToDouble(values);
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(2, twin, values, Rows, masked).Steered(3, twin, values);
        double[] drifts = [.. Enumerable.Range(0, Rows).Select(row => twin.Drift(outputs.AsSpan(row * twin.Outputs, twin.Outputs), decisions, row)).Order()];
        twin = twin with { Bound = ((drifts[(Rows / 2) - 1] + drifts[Rows / 2]) / 2, 3) };
        double[] expected = CentralDifferences.Gradient(() => twin.Loss(outputs, decisions), outputs);
        Tolerance.AssertClose(twin.Backward(outputs, decisions), expected, 1e-8, 1e-6, "outputs", twin.Outputs);
    }

    /// <summary>KL((¾, ¼) ‖ (½, ½)) = ¾ log 1.5 + ¼ log 0.5, and KL(N(1, 1) ‖ N(0, 2)) = log 2 + (1 + 1) / 8 − ½.</summary>
    [Test]
    public void TheDriftOfAWorkedExample()
    {
        ComposedPolicyTwin twin = new([2], 1, 0.1, (0.2, 0.5)) { Bound = (1, 1) };
        ComposedPolicyTwinDecisions decisions = new([0, 0], [1], [0], [0], [true, true]) { Reference = [0, 0, 0, Math.Log(2)] };
        double expected = (0.75 * Math.Log(1.5)) + (0.25 * Math.Log(0.5)) + Math.Log(2) + 0.25 - 0.5;
        Assert.That(twin.Drift([Math.Log(3), 0, 1, 0, 0], decisions, 0), Is.EqualTo(expected).Within(1e-12));
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
