using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Past bugs: failures that left something behind, and hosts that got in the way.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class RegressionTests
{
    [Test]
    public void ASecondLayerThatDoesNotFitLeavesNothing()
    {
        NeuralDevice device = TestDevice.Plain;
        DeviceMemory before = TestDevice.MemoryInUse(device);
        Assert.Throws<DeviceLimitException>(() => _ = new Network(device, 8, new Dense(60_000), new Relu(), new Dense(200_000)));
        device.Update();
        Assert.That(device.Memory, Is.EqualTo(before));
    }

    [Test]
    public void ABatchThatDoesNotFitLeavesNothing()
    {
        NeuralDevice device = TestDevice.Plain;
        using Network network = new(device, 1, new Dense(5_000), new Dense(2));
        DeviceMemory before = TestDevice.MemoryInUse(device);
        Assert.Throws<DeviceLimitException>(() => network.ComputeLogits(new float[262_140], new float[2 * 262_140]));
        device.Update();
        Assert.That(device.Memory, Is.EqualTo(before));
    }

    [Test]
    public void AFirstBadBatchAllocatesNothing()
    {
        NeuralDevice device = TestDevice.Plain;
        using LinearClassifier linear = new(device, 2, 2);
        DeviceMemory before = TestDevice.MemoryInUse(device);
        Assert.Throws<ArgumentException>(() => linear.TrainBatch([1, 2, 3], [0], 0.1f));
        device.Update();
        Assert.That(device.Memory, Is.EqualTo(before));
    }

    [Test]
    public void ACapacityBeyondTheMostRowsIsRefusedByTheConstructor()
    {
        using LinearClassifier linear = new(TestDevice.Plain, 2, 2);
        Assert.Throws<DeviceLimitException>(() => _ = new BatchTrainer(linear.Network, new Sgd(1), capacity: ComputationGraph.MaximumCapacity + 1));
    }

    [Test]
    public void NullArraysOfParametersAreRefused()
    {
        using LinearClassifier linear = new(TestDevice.Plain, 2, 2);
        Assert.That(() => linear.SetParameters(new ClassifierParameters(null!, null!, new float[4], new float[2])), Throws.InstanceOf<ArgumentException>());
    }

    [Test]
    public void AHostThatClampsReadsChangesNothing()
    {
        TestDevice.RequireOpenGL();
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        gl.ClampColor(ClampColorTargetARB.ReadColorArb, ClampColorModeARB.True);
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
        using NeuralDevice device = NeuralDevice.Attach(gl);
        Assert.That(TrainingRun.HashOfWeights(device, capacity: 1), Is.EqualTo(expected));
    }

    [Test]
    public void DisposeGivesTheContextBackThatWasCurrent()
    {
        NeuralDevice first = TestDevice.Create();
        NeuralDevice second = TestDevice.Create();
        first.MakeCurrent();
        second.Dispose();
        Assert.That(first.Update, Throws.Nothing);
        first.Dispose();
    }

    [Test]
    public void AFailedCreateLeavesTheCurrentContext()
    {
        using NeuralDevice first = TestDevice.Create();
        Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.CreateHeadless(new HeadlessOptions { Platform = HeadlessPlatform.Hardware, HardwareDevice = 99 }));
        Assert.That(first.Update, Throws.Nothing);
    }

    [Test]
    public void TensOfThousandsOfClassesAreLearned()
    {
        const int Classes = 65_536;
        using LinearClassifier linear = new(TestDevice.Plain, 1, Classes);
        float[] probabilities = new float[Classes];
        float[] biases = new float[Classes];
        biases[^1] = 20;
        linear.SetParameters(new ClassifierParameters([], [], new float[Classes], biases));
        linear.Predict([1], probabilities);
        Assert.That(probabilities.Sum(p => (double)p), Is.EqualTo(1).Within(1e-3));
        Assert.That(probabilities[^1], Is.GreaterThan(0.99f));
        for (int step = 0; step < 10; step++) linear.TrainBatch([1], [7], learningRate: 5);
        linear.Predict([1], probabilities);
        Assert.That(probabilities[7], Is.GreaterThan(0.99f), "another one is learned");
    }

    [Test]
    public void AMatrixWhoseConstructorThrewIsFinalizedQuietly()
    {
        ChildResult child = ChildProcess.Run("finalizer");
        Assert.That(child.ExitCode, Is.Zero, child.Output);
    }
}
