using NUnit.Framework;

namespace NeuralPlugin.Tests.Twins;

[Category(Categories.Once)]
public sealed class ProximalPolicyTwinTests
{
    [Test]
    public void GradientsAgreeWithCentralDifferences([Values(1, 2, 5)] int actions, [Values] bool masked, [Values(0, 0.2)] double clipRange)
    {
        const int Rows = 40;
        float[] values = TwinArrays.UniformFloats(1, Rows * (actions + 1), -2, 2);
        double[] outputs = TwinArrays.ToDouble(values);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(2, values, Rows, actions, masked);
        ProximalPolicyTwin twin = new(actions, clipRange, 0.3, 0.7);
        double[] expected = CentralDifferences.Gradient(() => twin.Loss(outputs, decisions), outputs);
        Tolerance.AssertClose(twin.Backward(outputs, decisions), expected, 1e-8, 1e-6, "outputs", actions + 1);
    }

    /// <summary>With logits 0 and log 3, p = 1/4 and 3/4. The second was chosen with 1/2, so that ρ = 3/2; its advantage is 2 and the clip range 0.2.</summary>
    [Test]
    public void TheWorkedExample()
    {
        ProximalPolicyTwin twin = new(2, 0.2, 0.1, 0.5);
        ProximalPolicyTwinDecisions decisions = new([1], [2], [Math.Log(0.5)], [1], [true, true]);
        double entropy = -((0.25 * Math.Log(0.25)) + (0.75 * Math.Log(0.75)));
        double[] row = twin.Forward([0, Math.Log(3), 4], decisions);
        Tolerance.AssertClose(row, [-2.4 - (0.1 * entropy) + (0.5 * 4.5), 0.5 - Math.Log(1.5), entropy, 4.5], 1e-12, 0, "row");
        Assert.That(twin.Backward([0, Math.Log(3), 4], decisions)[2], Is.EqualTo(1.5).Within(1e-12), "0.5 · (4 − 1)");
        Tolerance.AssertClose(
            twin.Forward([0, Math.Log(3), 1], decisions with { Advantages = [-2] }), [3 - (0.1 * entropy), 0.5 - Math.Log(1.5), entropy, 0], 1e-12, 0, "not clipped");
    }
}
