using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The interface below <see cref="NeuralDevice"/>: everything above it works on a backend without OpenGL. Its kernels do nothing, so the
/// test checks which calls a backend receives, and that stored data comes back.
/// </summary>
[TestFixture]
internal sealed class ComputeBackendTests
{
    private const int Inputs = 6;
    private const int Hidden = 5;
    private const int Classes = 3;
    private const int Batch = 4;

    private static readonly float[] Features = [.. Enumerable.Range(0, Batch * Inputs).Select(i => i / 8f)];
    private static readonly int[] Labels = [0, 1, 2, 1];

    [Test]
    public void AClassifierKeepsItsParametersAndRunsItsKernels()
    {
        StandInBackend backend = new();
        using NeuralDevice device = new(backend);
        using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes);
        float[] weights = [.. Enumerable.Range(0, Inputs * Hidden).Select(i => (float)i)];
        classifier.SetParameters(classifier.GetParameters() with { HiddenWeights = weights });
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(weights));
        Assert.Throws<DispatchesSkippedException>(() => classifier.TrainBatch(Features, Labels, 0.1f), "no kernel wrote a loss");
        Assert.Throws<DispatchesSkippedException>(() => classifier.Predict(Features, new float[Batch * Classes]), "nor probabilities");
        using BatchTrainer adam = classifier.TrainWith(new Adam());
        Assert.Throws<DispatchesSkippedException>(() => adam.TrainBatch(Features, Labels));
        Assert.That(classifier.GetParameters().HiddenWeights, Is.EqualTo(weights));
        Assert.That(backend.Ran, Is.Not.Empty);
        Assert.That(device.Memory.Buffers, Is.Positive);
    }

    /// <summary>Each reading waits for the GPU: two for each of a thousand brains took longer than all else that a population begins with.</summary>
    [Test]
    public void BrainsOfTheirOwnAreMadeWithoutReading()
    {
        StandInBackend backend = new();
        using NeuralDevice device = new(backend);
        using AgentPopulation agents = new(device, new AgentPopulationOptions { Observations = 3, Actions = 2, Capacity = 20, Learning = ActorCritic.Quick, Brains = BrainSharing.OneEach });
        Assert.That(backend.Reads, Is.Zero);
        _ = agents.GetBrain(7);
        Assert.That(backend.Reads, Is.Positive);
    }

    [Test]
    public void ReadbacksComeWhenTheirFenceIsReachedAndFailWhenTheDeviceGoes()
    {
        StandInBackend backend = new() { IsIdle = false };
        NeuralDevice device = new(backend);
        using LinearClassifier classifier = new(device, Inputs, Classes);
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "stand-in.safetensors");
        Task saved = classifier.SaveAsync(path);
        device.Update();
        Assert.That(saved.IsCompleted, Is.False);
        backend.IsIdle = true;
        device.WaitFor(saved);
        using (LinearClassifier loaded = LinearClassifier.Load(device, path))
            Assert.That(loaded.GetParameters().OutputWeights, Is.EqualTo(classifier.GetParameters().OutputWeights));
        File.Delete(path);

        PredictionRequest skipped = classifier.RequestPrediction(Features);
        device.Update();
        Assert.That(skipped.Status, Is.EqualTo(PredictionStatus.Failed), "no kernel wrote probabilities");
        backend.IsIdle = false;
        Task failing = classifier.SaveAsync(path);
        device.Dispose();
        Assert.ThrowsAsync<ObjectDisposedException>(() => failing);
        Assert.Throws<ObjectDisposedException>(device.Update);
    }

    [Test]
    public void TrainersInTheFramePopulationsAndAgentsRun()
    {
        StandInBackend backend = new();
        using NeuralDevice device = new(backend);
        using LinearClassifier classifier = new(device, Inputs, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 8);
        samples.AddRange(Features, Labels);
        Assert.Throws<NotSupportedException>(() => samples.AddTexture(1, Inputs, 1, TextureChannels.Luminance, 0));
        foreach (FrameBudget budget in new[] { FrameBudget.Steps(1), TimeSpan.FromMilliseconds(1) })
        {
            using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = Batch, FrameBudget = budget });
            int steps = 0;
            void Frames()
            {
                for (int frame = 0; frame < 100; frame++)
                {
                    using (device.BeginFrame()) steps += trainer.Tick().StepsThisFrame;
                }
            }

            Assert.Throws<DispatchesSkippedException>(Frames, "no kernel wrote the record");
            Assert.That(steps, Is.Positive, budget.ToString());
        }

        WarmUpProgress warmUp = device.WarmUp(classifier.KernelsFor(Batch));
        for (int frame = 0; frame < 100; frame++) device.Update();
        Assert.That(warmUp.IsDone);
        using NetworkPopulation population = new(device, members: 3, Inputs, Hidden, Classes);
        Assert.Throws<DispatchesSkippedException>(
            () => population.TrainBatch([.. Features, .. Features, .. Features], [.. Labels, .. Labels, .. Labels], 0.1f, new float[3]), "no kernel wrote losses");
        using AgentPopulation agents = new(device, new AgentPopulationOptions { Observations = Inputs, Actions = Classes, Capacity = 2 });
        agents.Add(new IdleAgent());
        Assert.Throws<DispatchesSkippedException>(() =>
        {
            for (int frame = 0; frame < 10; frame++) agents.Update();
        }, "no kernel answered");
    }

    [Test]
    public void LimitsNeedNoDevice()
    {
        DeviceLimits limits = DeviceLimits.WithoutDevice with { MostTexels = 6 };
        Assert.That(limits.Shape(3, 8, "Matrices"), Is.EqualTo(new MatrixShape(3, 8)));
        Assert.That(() => limits.Shape(3, 9, "Matrices"), Throws.TypeOf<DeviceLimitException>().With.Message.Contains("at most 6 texels"));
    }

    [Test]
    public void TheDriversLimitsAreAtLeastWhatOpenGLGuarantees()
    {
        DeviceLimits limits = TestDevice.Plain.Limits, guaranteed = DeviceLimits.WithoutDevice;
        Assert.That(limits.MostBindings, Is.AtLeast(8));
        Assert.That(limits.MostTexels, Is.AtLeast(65_536));
        Assert.That(limits.MostStorageBytes, Is.AtLeast(1 << 24));
        Assert.That(limits.MostWorkgroups, Is.AtLeast(guaranteed.MostWorkgroups));
        Assert.That(limits.MostInvocations, Is.AtLeast(guaranteed.MostInvocations));
        Assert.That(limits.SharedMemoryBytes, Is.AtLeast(guaranteed.SharedMemoryBytes));
    }

    private sealed class IdleAgent : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            for (int i = 0; i < Inputs; i++) sensor.AddObservation(0.5f);
        }

        public override void OnActionReceived(int action)
        {
        }
    }
}
