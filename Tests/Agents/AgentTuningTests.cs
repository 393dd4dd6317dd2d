using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The configurations of the kernels of agents' brains are chosen in a warm-up before the population is made, the same for all its networks, and stored in its files where they decide bits.
/// </summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class AgentTuningTests : IDisposable
{
    private const int Agents = 3, Observations = 20, Hidden = 40, MostFrames = 500;
    private const string Forward = "tuned forward 32x64";

    private static readonly AgentPopulationOptions Common = new()
    {
        Observations = Observations,
        Actions = 3,
        HiddenUnits = Hidden,
        Capacity = Agents,
        Latency = 0,
        FrameBudget = FrameBudget.Steps(1),
    };

    private static readonly AgentPopulationOptions Shared = Common with
    {
        Brains = BrainSharing.Shared,
        Learning = new ActorCritic { RolloutSize = 32, LeastRolloutPerAgent = 8, Minibatches = 1, Epochs = 3 },
    };

    private static readonly AgentPopulationOptions Own = Common with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 } };

    private readonly TestGl gl;
    private readonly string folder;
    private readonly List<NeuralDevice> devices = [];
    private readonly Dictionary<AgentPopulation, List<Player>> players = [];

    public AgentTuningTests()
    {
        gl = TestGls.Create();
        folder = Directory.CreateTempSubdirectory("neuralplugin-agents-").FullName;
    }

    private string FilePath => Path.Combine(folder, "agents.safetensors");

    public void Dispose()
    {
        foreach (NeuralDevice device in devices) device.Dispose();
        gl.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void AWarmUpTunesThemBeforeTheyAreMade([Values] BrainSharing sharing, [Values(0, 2)] int delay)
    {
        AgentPopulationOptions options = sharing == BrainSharing.Shared ? Shared : Own;
        gl.DelayFrames = delay;
        NeuralDevice device = Device();
        WarmUpProgress progress = device.WarmUp(AgentPopulation.KernelsFor(device, options));
        for (int frame = 0; !progress.IsDone; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            long before = gl.Nanoseconds;
            device.Update();
            Assert.That(gl.Nanoseconds - before, Is.LessThan(4_000_000), "spread over frames");
            gl.NextFrame();
        }

        Assert.That(gl.WaitingCalls, Is.Empty);
        string found = sharing == BrainSharing.Shared ? KernelTuning.Of(device).Find(Forward)! : KernelTuning.Of(device).Find("tuned population step 4")!;
        Assert.That(found, Is.EqualTo(sharing == BrainSharing.Shared ? TunedFamily.RegisterTiledProducts : TunedFamily.StandIn), "what has the fewest workgroups");
        Assert.That(AgentPopulation.KernelsFor(device, options).Tuner, Is.Null);

        long programs = gl.Calls("glLinkProgram");
        using AgentPopulation population = new(device, options);
        Assert.That(gl.Calls("glLinkProgram") - programs, Is.AtMost(sharing == BrainSharing.Shared ? 1 : 0), "the kernels are warm, except that which rescales values");
        Run(population, 40);
        Assert.That(population.Progress.TrainingSteps, Is.GreaterThan(3));
        if (sharing == BrainSharing.Shared) Assert.That(population.Mind.ReadBrains().Tuning.Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts));
    }

    /// <summary>A population that nobody has warmed up acts at once, with the kernels that it has; what is fastest is found beside it, for the next start. A frame that would have to compile does not.</summary>
    [Test]
    public void APopulationWithABudgetInTimeTunesForTheNextStart([Values] BrainSharing sharing, [Values] bool compilesBeside)
    {
        if (!compilesBeside) gl.HiddenExtensions.UnionWith(["GL_KHR_parallel_shader_compile", "GL_ARB_parallel_shader_compile"]);
        AgentPopulationOptions options = (sharing == BrainSharing.Shared ? Shared : Own) with { FrameBudget = TimeSpan.FromMilliseconds(1) };
        string sizes = sharing == BrainSharing.Shared ? Forward : "tuned population step 4";
        NeuralDevice device = Device();
        using AgentPopulation population = new(device, options);
        Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default));
        Run(population, 1);
        Assert.That(population.Progress.Decisions, Is.Positive, "they do not wait");
        if (!compilesBeside)
        {
            Run(population, 60);
            Assert.That(KernelTuning.Of(device), Is.EqualTo(KernelTuning.Default));
            return;
        }

        for (int frame = 0; KernelTuning.Of(device).Find(sizes) is null; frame++)
        {
            Assert.That(frame, Is.LessThan(MostFrames));
            Run(population, 1);
        }

        Assert.That(KernelTuning.Of(device).Find(sizes), Is.EqualTo(sharing == BrainSharing.Shared ? TunedFamily.RegisterTiledProducts : TunedFamily.StandIn));
        Assert.That(KernelTuning.Of(Device()), Is.EqualTo(KernelTuning.Of(device)), "the next start");
        if (sharing == BrainSharing.Shared) Assert.That(population.Mind.ReadBrains().Tuning.Find(Forward), Is.EqualTo(TunedFamily.StandIn), "its own stay");
    }

    [Test]
    public void AFileRestoresItsTuning()
    {
        NeuralDevice tuned = Device();
        KernelTuning.Force(tuned, KernelTuning.Parse($"{Forward}: {TunedFamily.RegisterTiledProducts}"));
        using AgentPopulation first = new(tuned, Shared);
        Run(first, 30);
        first.Save(FilePath);

        NeuralDevice plain = Device(), forced = Device();
        KernelTuning.Force(forced, KernelTuning.Default);
        using AgentPopulation second = AgentPopulation.Load(plain, FilePath, Shared), third = AgentPopulation.Load(forced, FilePath, Shared);
        Assert.That(KernelTuning.Of(plain), Is.EqualTo(KernelTuning.Default), "other networks of the device have its own");
        foreach (Player player in players[first]) first.Remove(player);
        foreach (AgentPopulation population in new[] { first, second, third }) Run(population, 30);
        Assert.That(second.GetBrain(0).HiddenWeights, Is.EqualTo(first.GetBrain(0).HiddenWeights));
        Assert.That(third.GetBrain(0).HiddenWeights, Is.Not.EqualTo(first.GetBrain(0).HiddenWeights), "what is forced counts");

        second.Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 };
        Run(second, 1);
        Assert.That(second.Mind.ReadBrains().Tuning.Find(Forward), Is.EqualTo(TunedFamily.RegisterTiledProducts), "another way to learn has the same kernels");
    }

    [Test]
    public void ATuningOfAFileIsChecked()
    {
        NeuralDevice tuned = Device();
        KernelTuning.Force(tuned, KernelTuning.Parse($"{Forward}: {TunedFamily.RegisterTiledProducts}"));
        using AgentPopulation first = new(tuned, Shared);
        Run(first, 1);
        first.Save(FilePath);
        byte[] content = File.ReadAllBytes(FilePath), configuration = System.Text.Encoding.UTF8.GetBytes($"{Forward}: {TunedFamily.RegisterTiledProducts}");
        int place = content.AsSpan().IndexOf(configuration);
        Assert.That(place, Is.Positive);

        NeuralDevice plain = Device();
        System.Text.Encoding.UTF8.GetBytes($"{Forward}; ").CopyTo(content.AsSpan(place));
        File.WriteAllBytes(FilePath, content);
        Assert.That(() => AgentPopulation.Load(plain, FilePath, Shared), Throws.TypeOf<ModelFileException>().With.Message.Contains("configurations"));

        System.Text.Encoding.UTF8.GetBytes($"{Forward}: Register").CopyTo(content.AsSpan(place));
        File.WriteAllBytes(FilePath, content);
        Assert.That(() => AgentPopulation.Load(plain, FilePath, Shared), Throws.InvalidOperationException.With.Message.Contains("Register").And.Message.Contains(nameof(KernelTuning)));
        KernelTuning.Force(plain, KernelTuning.Default);
        using AgentPopulation second = AgentPopulation.Load(plain, FilePath, Shared);
        Assert.That(second.GetBrain(0).HiddenWeights, Is.EqualTo(first.GetBrain(0).HiddenWeights));
    }

    [Test]
    public void KernelsForBrainsOnTheProcessorAreNotOfTheDevice()
    {
        NeuralDevice device = Device();
        Assert.That(AgentPopulation.KernelsFor(device, Own with { Placement = Placement.Processor }).Runs, Is.Empty);
        Assert.That(AgentPopulation.KernelsFor(device, Own with { Learning = null }).Runs, Has.Count.EqualTo(1), "that of decisions");
        Assert.That(AgentPopulation.KernelsFor(device, Shared with { Learning = null }).Runs, Is.Not.Empty);
        Assert.That(() => AgentPopulation.KernelsFor(device, new AgentPopulationOptions { Actions = 2, Capacity = 1 }), Throws.ArgumentException.With.Message.Contains("Observations"));
    }

    /// <summary>What is warmed up has the optimizer of the population, which continuous actions change for cloning brains of their own.</summary>
    [Test]
    public void OwnBrainsThatCloneAreWarmedUpWithTheirOptimizer([Values] bool areContinuous)
    {
        AgentPopulationOptions options = Common with
        {
            ActionSpec = areContinuous ? ActionSpec.MakeContinuous(2) : ActionSpec.MakeDiscrete(3),
            Learning = new BehaviorCloning { BatchSize = 8 },
        };
        NeuralDevice device = Device();
        WarmUpProgress progress = device.WarmUp(AgentPopulation.KernelsFor(device, options));
        while (!progress.IsDone)
        {
            device.Update();
            gl.NextFrame();
        }

        long programs = gl.Calls("glLinkProgram");
        using AgentPopulation population = new(device, options);
        Assert.That(gl.Calls("glLinkProgram") - programs, Is.Zero);
    }

    /// <summary>Options that the constructor does not take are not warmed up for either.</summary>
    [Test]
    public void OptionsThatDoNotFitEachOtherHaveNoKernels()
    {
        NeuralDevice device = Device();
        AgentPopulationOptions sees = Shared with { TextureObservations = new TextureObservations(4, 4) };
        (AgentPopulationOptions Options, Type Error)[] wrong =
        [
            (Own with { SelfPlay = new SelfPlay() }, typeof(ArgumentException)),
            (sees with { SelfPlay = new SelfPlay() }, typeof(NotSupportedException)),
            (sees with { Placement = Placement.Processor }, typeof(NotSupportedException)),
            (sees with { Learning = new BehaviorCloning { Demonstration = new Demonstration(Observations, 3) } }, typeof(NotSupportedException)),
            (Shared with { Learning = new BehaviorCloning { Demonstration = new Demonstration(Observations + 1, 3) } }, typeof(ArgumentException)),
        ];
        foreach ((AgentPopulationOptions options, Type error) in wrong)
        {
            string? message = Assert.Throws(Is.TypeOf(error), () => AgentPopulation.KernelsFor(device, options))?.Message;
            Assert.That(() => new AgentPopulation(device, options), Throws.TypeOf(error).With.Message.EqualTo(message));
        }
    }

    /// <summary>Runs frames of a full population.</summary>
    private void Run(AgentPopulation population, int frames)
    {
        if (population.Count == 0)
        {
            players[population] = [.. Enumerable.Range(0, Agents).Select(place => new Player(place))];
            foreach (Player player in players[population]) population.Add(player);
        }

        for (int frame = 0; frame < frames; frame++)
        {
            population.Update();
            gl.NextFrame();
        }
    }

    private NeuralDevice Device()
    {
        NeuralDevice device = NeuralDevice.Attach(gl.Api);
        devices.Add(device);
        device.KernelCacheFolder = folder;
        KernelFamily.Force(device, TunedFamily.Instance);
        return device;
    }

    /// <summary>Gets a reward for one action in some of ten states.</summary>
    private sealed class Player(int place) : Agent
    {
        private int time = place;

        public override void CollectObservations(VectorSensor sensor)
        {
            for (int i = 0; i < Observations; i++) sensor.AddObservation(MathF.Sin((time * 0.7f) + i));
        }

        public override void OnActionReceived(int action)
        {
            AddReward(action == time % 3 ? 1 : 0);
            if (++time % 10 == 0) EndEpisode();
        }
    }
}
