using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The placement of networks and brains: on the device, on the processor beside it, or as chosen by a probe.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class PlacementTests
{
    private static readonly Layer[] Layers = [new Dense(32), new Relu(), new Dense(4)];

    [Test]
    public void ADeviceIsTakenAsItIsAskedFor()
    {
        using NeuralDevice device = new(new StandInBackend { Limits = DeviceLimits.WithoutDevice });
        Assert.That(Of(Placement.Gpu), Is.SameAs(device));
        NeuralDevice processor = Of(Placement.Processor);
        Assert.That(processor.Limits.RunsMethods);
        Assert.That(Of(Placement.Processor), Is.SameAs(processor), "there is one");
        using NeuralDevice software = new(new StandInBackend());
        Assert.That(NetworkPlacement.DeviceFor(software, Placement.Auto, 32, 16, Layers).Limits.RunsMethods, "a software driver is a slow way to the processor");
        Assert.That(NetworkPlacement.DeviceFor(processor, Placement.Auto, 32, 16, Layers), Is.SameAs(processor));
        Assert.That(NetworkPlacement.DeviceFor(processor, Placement.Gpu, 32, 16, Layers), Is.SameAs(processor));
        Assert.That(() => Of((Placement)7), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => NetworkPlacement.DeviceFor(device, Placement.Gpu, 0, 16, Layers), Throws.TypeOf<ArgumentOutOfRangeException>());
        device.Dispose();
        Assert.That(() => processor.Update(), Throws.TypeOf<ObjectDisposedException>(), "it goes with its device");

        NeuralDevice Of(Placement placement) => NetworkPlacement.DeviceFor(device, placement, 32, 16, Layers);
    }

    /// <summary>The probe runs both in turn, chooses the faster one, and remembers it per shape.</summary>
    [Test]
    public void AutoTakesTheFasterOne([Values] bool processorIsFaster)
    {
        using NeuralDevice device = new(new StandInBackend { Limits = DeviceLimits.WithoutDevice, Computes = true });
        int made = 0;
        Assert.That(Choose(), Is.SameAs(processorIsFaster ? device.ProcessorBeside : device));
        Assert.That(made, Is.EqualTo(2));
        Choose();
        Assert.That(made, Is.EqualTo(2), "the result is remembered");
        NetworkPlacement.Choose(device, Placement.Auto, "another", Make);
        Assert.That(made, Is.EqualTo(4));

        NeuralDevice Choose() => NetworkPlacement.Choose(device, Placement.Auto, "a shape", Make);

        Trial Make(NeuralDevice candidate)
        {
            made++;
            return new Trial(candidate.Limits.RunsMethods == processorIsFaster ? 20 : 20_000);
        }
    }

    /// <summary>A real probe with both kinds of trial: whatever the result, it runs and frees what it created.</summary>
    [Test]
    public void AProbeLeavesNothingBehind()
    {
        using NeuralDevice device = new(new StandInBackend { Limits = DeviceLimits.WithoutDevice, Computes = true });
        NetworkPlacement.DeviceFor(device, Placement.Auto, 32, 16, Layers);
        foreach (BrainSharing brains in Enum.GetValues<BrainSharing>())
        {
            using AgentPopulation agents = new(device, new AgentPopulationOptions
            {
                Observations = 2,
                Actions = 3,
                Capacity = 4,
                Brains = brains,
                Placement = Placement.Auto,
            });
            Assert.That(agents.Device, Is.AnyOf(device, device.ProcessorBeside));
        }

        device.Update();
        device.ProcessorBeside.Update();
        Assert.That(device.Placements, Has.Count.EqualTo(3));
        Assert.That(device.ProcessorBeside.Memory.Buffers, Is.Zero);
    }

    /// <summary>A conditional render of the host makes the card seem fast: the time of nothing decides nothing.</summary>
    [Test]
    public void WhileTheDriverSkipsDispatchesNothingIsChosen()
    {
        StandInBackend backend = new() { Limits = DeviceLimits.WithoutDevice };
        using NeuralDevice device = new(backend);
        Assert.That(NetworkPlacement.DeviceFor(device, Placement.Auto, 32, 16, Layers), Is.SameAs(device));
        using AgentPopulation agents = new(device, new AgentPopulationOptions { Observations = 2, Actions = 3, Placement = Placement.Auto });
        Assert.That(agents.Device, Is.SameAs(device));
        Assert.That(device.Placements, Is.Empty);
        backend.Computes = true;
        NetworkPlacement.DeviceFor(device, Placement.Auto, 32, 16, Layers);
        Assert.That(device.Placements, Has.Count.EqualTo(1), "the next request probes");
    }

    /// <summary>Brains beside an OpenGL device learn as on a processor device, with the same bits, while the game updates its device.</summary>
    [Test]
    public void AgentsLearnOnTheProcessorBesideTheirDevice([Values] BrainSharing brains)
    {
        TestDevice.RequireOpenGL();
        using NeuralDevice processor = NeuralDevice.CreateOnProcessor();
        NeuralDevice device = TestDevice.Plain;
        using AgentPopulation beside = Make(device, Placement.Processor), on = Make(processor, Placement.Gpu);
        Assert.That(beside.Device, Is.Not.SameAs(device));
        for (int frame = 0; frame < 60; frame++)
        {
            beside.Update();
            on.Update();
            device.Update();
        }

        Assert.That(beside.Progress.TrainingSteps, Is.Positive);
        Assert.That(beside.GetBrain(0).HiddenWeights, Is.EqualTo(on.GetBrain(0).HiddenWeights));

        AgentPopulation Make(NeuralDevice given, Placement placement)
        {
            AgentPopulation agents = new(given, new AgentPopulationOptions
            {
                Observations = 2,
                Actions = 3,
                Capacity = 3,
                HiddenUnits = 5,
                Brains = brains,
                Placement = placement,
                Latency = 1,
                Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
            });
            for (int i = 0; i < 3; i++) agents.Add(new ProbeAgent { Observations = _ => [1, 2], Act = (self, action) => self.AddReward(action) });
            return agents;
        }
    }

    [Test]
    public void AgentsThatSeeTexturesStayOnTheDevice()
    {
        TestDevice.RequireOpenGL();
        AgentPopulationOptions options = new() { Observations = 1, Actions = 2, TextureObservations = new TextureObservations(2, 2) };
        Assert.That(() => new AgentPopulation(TestDevice.Plain, options with { Placement = Placement.Processor }), Throws.TypeOf<NotSupportedException>());
        using AgentPopulation agents = new(TestDevice.Plain, options with { Placement = Placement.Auto });
        Assert.That(agents.Device, Is.SameAs(TestDevice.Plain));
        Assert.That(() => options with { Placement = (Placement)9 }, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    private sealed class Trial(int turns) : PlacementTrial
    {
        public override void Enqueue() => Thread.SpinWait(turns);

        public override void Dispose()
        {
        }
    }
}
