using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// An optimizer without state that is not SGD: whatever is fused because there is no state must train by its rule. Its class and its include
/// are the test assembly's own, so nothing of Runtime knows it.
/// </summary>
[TestFixture]
internal sealed class StatelessOptimizerTests : OptimizerTests
{
    protected override Optimizer Optimizer { get; } = new SoftSignDescent(0.01f);

    protected override OptimizerTwin MakeTwin() => new SoftSignDescentTwin(0.01f, 0.01f);

    /// <summary>One dispatch, like a step of plain SGD on this network: the resulting weights follow its own rule, not SGD's.</summary>
    [Test]
    public void ASmallStepTrainsAsItselfAndNotAsSgd([Values] bool fused)
    {
        const int Rows = 64;
        using Network network = Make("16-32-4"), descended = Make("16-32-4");
        NetworkTwin twin = TwinOf(network);
        float[] features = TwinArrays.UniformFloats(1, Rows * 16, -1, 1);
        int[] labels = TwinArrays.Labels(2, Rows, 4);
        using BatchTrainer trainer = new(network, Optimizer, fused: fused), sgd = new(descended, new Sgd(Optimizer.LearningRate), fused: fused);
        trainer.TrainBatch(features, labels);
        sgd.TrainBatch(features, labels);
        twin.Step(MakeTwin(), TwinArrays.ToDouble(features), labels);
        foreach ((NetworkParameter actual, double[] expected) in network.Parameters.Zip(twin.Parameters))
            Tolerance.AssertClose(actual.GetValues(), expected, 1e-6, 1e-5, actual.Name, actual.Columns);
        foreach ((float[] own, float[] sgds) in Weights(network).Zip(Weights(descended)))
            Assert.That(own.Zip(sgds, (a, b) => Math.Abs(a - b)).Max(), Is.GreaterThan(1e-3), "SGD's steps are others");
    }

    [Test]
    public void ASmallStepIsOneDispatchThatIncludesItsRule()
    {
        FamilyKernels kernels = KernelFamily.RegisterTiled.For(TestDevice.Plain.Limits);
        Stack stack = new(16, [new Dense(32), new Relu(), new Dense(4)]);
        ComputationGraph graph = ComputationGraph.OfStep(stack, 64, new SoftmaxCrossEntropy(), Optimizer, kernels, []);
        Computation[] step = [.. graph.Fuse(keepGradients: false).Select(planned => planned.Computation)];
        Assert.That(step, Has.Length.EqualTo(1));
        Assert.That(step[0], Is.TypeOf<SmallStep>());
        Assert.That(step[0].Includes, Does.Contain((KernelSlot.Optimizer, Optimizer.Include)));
    }

    /// <summary>Shaders of the tests do not change Runtime's kernels, so the stored choice of a kernel family stays valid.</summary>
    [Test]
    public void ShadersOfAnotherAssemblyAreFoundAndChangeNoFingerprint()
    {
        string fingerprint = ShaderLibrary.Fingerprint;
        KernelSource source = new("optimizer_update.comp") { Includes = [(KernelSlot.Optimizer, Optimizer.Include)] };
        Assert.That(ShaderLibrary.Assemble(source, []), Does.Contain("SCALAR(softness)"));
        Assert.That(ShaderLibrary.Fingerprint, Is.EqualTo(fingerprint));
        KernelSource missing = source with { Includes = [(KernelSlot.Optimizer, "no_such_file.glsl")] };
        Assert.That(
            Assert.Throws<FileNotFoundException>(() => ShaderLibrary.Assemble(missing, []))!.Message,
            Does.Contain("no_such_file.glsl").And.Contain("NeuralPlugin, NeuralPlugin.Tests"));
    }

    private sealed class SoftSignDescentTwin(double learningRate, double softness) : OptimizerTwin(learningRate)
    {
        protected override void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState)
        {
            for (int i = 0; i < weights.Length; i++) weights[i] -= LearningRate * gradients[i] / (Math.Abs(gradients[i]) + softness);
        }
    }
}
