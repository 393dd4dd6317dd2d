using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A shipped brain that learns on stays within its bound of the shipped one, while its rewards go up.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class ReferenceTests
{
    private const int Agents = 8;
    private const float Bound = 0.1f;

    /// <summary>The rewards want another policy than the shipped one. With the bound they go up as far as it lets them; without, the policy goes wherever they lead.</summary>
    [Test]
    public void TheDriftStaysUnderItsBoundWhileRewardsGoUp([Values] BrainSharing sharing, [Values("3", "2 2", "c", "3 c")] string actions, [Values(1, 2)] int seed)
    {
        AgentPopulationOptions options = Options(actions, sharing, seed);
        BrainState shipped = Shipped(options);
        (float reward, float drift) = Play(options with { Learning = Learning(sharing) with { Reference = shipped, MaximumDrift = Bound } }, shipped);
        (float first, float _) = Play(options with { Learning = null }, shipped);
        (float free, float freeDrift) = Play(options with { Learning = Learning(sharing) with { Reference = shipped, MaximumDrift = 1e6f } }, shipped);
        TestContext.Out.WriteLine($"{actions} {sharing}: shipped {first:F3}, bounded {reward:F3} with drift {drift:F3}, free {free:F3} with drift {freeDrift:F3}");
        Assert.That(drift, Is.LessThan(Bound));
        Assert.That(reward, Is.GreaterThan(first + (0.1f * (free - first))));
        Assert.That(freeDrift, Is.GreaterThan(4 * Bound));
        Assert.That(free, Is.GreaterThan(reward));
    }

    /// <summary>The drift is that of a plain computation; a brain that is still what was shipped has none.</summary>
    [Test]
    public void TheDriftIsMeasured([Values] BrainSharing sharing)
    {
        AgentPopulationOptions options = Options("3", sharing, seed: 1) with { NormalizeObservations = false };
        ActorCritic learning = ActorCritic.Quick with { Optimizer = new Sgd(0), TargetDivergence = 0 };
        BrainState shipped = Shipped(options), other = shipped.Copy();
        for (int i = 0; i < other.Parameters.OutputBiases.Length; i++) other.Parameters.OutputBiases[i] += 0.5f * i;
        float[] observed = [0.3f, -0.2f];
        float Drift(BrainState reference)
        {
            using AgentPopulation agents = new(TestDevice.Plain, options with { Learning = learning with { Reference = reference } });
            for (int brain = 0; brain < agents.BrainCount; brain++) agents.SetBrainState(brain, shipped);
            for (int i = 0; i < Agents; i++) agents.Add(new ProbeAgent { Observations = _ => observed });
            Assert.That(agents.Progress.Drift, Is.NaN);
            for (int frame = 0; frame < 150; frame++) agents.Update();
            return agents.Progress.Drift;
        }

        double[] LogProbabilities(BrainState brain)
        {
            ClassifierParameters w = brain.Parameters;
            int hidden = brain.HiddenUnits;
            double[] h = [.. Enumerable.Range(0, hidden).Select(k => Math.Max(0, w.HiddenBiases[k] + ((double)observed[0] * w.HiddenWeights[k]) + ((double)observed[1] * w.HiddenWeights[hidden + k])))];
            double[] z = [.. Enumerable.Range(0, 3).Select(j => w.OutputBiases[j] + h.Select((unit, k) => unit * w.OutputWeights[(k * brain.Outputs) + j]).Sum())];
            double sum = z.Sum(Math.Exp);
            return [.. z.Select(logit => logit - Math.Log(sum))];
        }

        double[] p = LogProbabilities(shipped), q = LogProbabilities(other);
        Assert.That(Drift(shipped), Is.Zero.Within(1e-6));
        Assert.That(Drift(other), Is.EqualTo(p.Zip(q, (logP, logQ) => Math.Exp(logP) * (logP - logQ)).Sum()).Within(1e-5).And.GreaterThan(0.01));
    }

    /// <summary>A run that is saved and loaded goes on with the same bits; one saved without a reference takes up what it can, and begins to collect anew.</summary>
    [Test]
    public void WhatIsLoadedGoesOnWithTheSameBits([Values] BrainSharing sharing, [Values("3", "3 c")] string actions)
    {
        string folder = Directory.CreateTempSubdirectory("reference").FullName, path = Path.Combine(folder, "agents.safetensors");
        AgentPopulationOptions options = Options(actions, sharing, seed: 1);
        BrainState shipped = BrainState.Read(Shipped(options).ToBytes(), "shipped");
        AgentPopulationOptions bounded = options with { Learning = Learning(sharing) with { Reference = shipped, MaximumDrift = Bound } };
        string Run(AgentPopulation population, int frames)
        {
            for (int i = 0; i < Agents; i++) population.Add(new Chooser(options.ActionSpec!, i));
            for (int frame = 0; frame < frames; frame++) population.Update();
            return Convert.ToHexString(MemoryMarshal.AsBytes<float>(population.GetBrain(0).OutputWeights));
        }

        using AgentPopulation agents = new(TestDevice.Plain, bounded);
        for (int brain = 0; brain < agents.BrainCount; brain++) agents.SetBrainState(brain, shipped);
        Run(agents, 190);
        agents.Save(path);
        using AgentPopulation first = AgentPopulation.Load(TestDevice.Plain, path, bounded), second = AgentPopulation.Load(TestDevice.Plain, path, bounded);
        Assert.That(Run(first, 150), Is.EqualTo(Run(second, 150)));
        Assert.That(first.Progress.Drift, Is.Positive.And.LessThan(Bound).And.EqualTo(second.Progress.Drift));

        using AgentPopulation without = new(TestDevice.Plain, options with { Learning = Learning(sharing) });
        Run(without, 190);
        without.Save(path);
        using AgentPopulation taken = AgentPopulation.Load(TestDevice.Plain, path, bounded);
        Run(taken, 150);
        Assert.That(float.IsFinite(taken.Progress.Drift), Is.True);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The bound can be set while the population lives, from what it knows at that moment.</summary>
    [Test]
    public void ABoundCanBeSetWhileThePopulationLives()
    {
        AgentPopulationOptions options = Options("3", BrainSharing.Shared, seed: 1) with { Learning = Learning(BrainSharing.Shared) };
        using AgentPopulation agents = new(TestDevice.Plain, options);
        for (int i = 0; i < Agents; i++) agents.Add(new Chooser(options.ActionSpec!, i));
        for (int frame = 0; frame < 200; frame++) agents.Update();
        BrainState now = agents.GetBrainState(0);
        agents.Learning = Learning(BrainSharing.Shared) with { Reference = now, MaximumDrift = 0.02f };
        float most = 0;
        for (int frame = 0; frame < 1_500; frame++)
        {
            agents.Update();
            if (frame > 150) most = Math.Max(most, agents.Progress.Drift);
        }

        Assert.That(most, Is.Positive.And.LessThan(0.02f));
    }

    [Test]
    public void AReferenceForOthersIsRefused()
    {
        AgentPopulationOptions options = Options("3", BrainSharing.Shared, seed: 1);
        BrainState shipped = Shipped(options);
        AgentPopulation Make(AgentPopulationOptions of, BrainState reference) => new(TestDevice.Plain, of with { Learning = new ActorCritic { Reference = reference } });
        Assert.That(() => Make(options with { Observations = 3 }, shipped), Throws.ArgumentException.With.Message.Contains("3 observations, 1 stacked").And.Message.Contains("but got one of 2"));
        Assert.That(() => Make(options with { Actions = 4 }, shipped), Throws.ArgumentException.With.Message.Contains("BrainState.Read"));
        shipped.Parameters.HiddenBiases[0] = float.NaN;
        Assert.That(() => Make(options, shipped), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => new ActorCritic { MaximumDrift = -1 }, Throws.InstanceOf<ArgumentOutOfRangeException>());
        using AgentPopulation agents = new(TestDevice.Plain, options with { Learning = new ActorCritic() });
        Assert.That(() => agents.Learning = new ActorCritic { Reference = shipped }, Throws.TypeOf<NonFiniteValueException>());
        Assert.That(((ActorCritic)agents.Learning!).Reference, Is.Null, "nothing has changed");
    }

    private static ActorCritic Learning(BrainSharing sharing) => sharing == BrainSharing.Shared ? new ActorCritic { RolloutSize = 512 } : ActorCritic.Quick;

    private static AgentPopulationOptions Options(string actions, BrainSharing sharing, int seed) => new()
    {
        Observations = 2,
        ActionSpec = actions switch { "3" => ActionSpec.MakeDiscrete(3), "2 2" => ActionSpec.MakeDiscrete(2, 2), "c" => ActionSpec.MakeContinuous(1), _ => new ActionSpec(1, 3) },
        HiddenUnits = 16,
        Capacity = Agents,
        Brains = sharing,
        Latency = 0,
        Seed = seed,
        FrameBudget = FrameBudget.Steps(2),
        Learning = null,
    };

    /// <summary>A brain with leanings of its own, and with normalization.</summary>
    private static BrainState Shipped(AgentPopulationOptions options)
    {
        using AgentPopulation agents = new(TestDevice.Plain, options with { Learning = new ActorCritic(), Brains = BrainSharing.Shared });
        for (int i = 0; i < Agents; i++) agents.Add(new Chooser(options.ActionSpec!, i));
        for (int frame = 0; frame < 30; frame++) agents.Update();
        BrainState brain = agents.GetBrainState(0);
        int columns = brain.Outputs;
        float[] leanings = TwinArrays.UniformFloats(options.Seed, brain.Parameters.OutputWeights.Length, -0.4f, 0.4f);
        for (int i = 0; i < leanings.Length; i++)
        {
            if (i % columns < columns - 1 && !(options.ActionSpec!.NumContinuousActions > 0 && i % columns == columns - 2)) brain.Parameters.OutputWeights[i] = leanings[i];
        }

        return brain;
    }

    /// <summary>The reward at the end, and the greatest drift of any rollout.</summary>
    private static (float Reward, float Drift) Play(AgentPopulationOptions options, BrainState shipped)
    {
        if (options.Learning is null) options = options with { Learning = Learning(options.Brains) };
        bool learns = ((ActorCritic)options.Learning!).Reference is not null;
        using AgentPopulation agents = new(TestDevice.Plain, options);
        for (int brain = 0; brain < agents.BrainCount; brain++) agents.SetBrainState(brain, shipped);
        agents.Learns = learns;
        for (int i = 0; i < Agents; i++) agents.Add(new Chooser(options.ActionSpec!, i));
        float drift = 0;
        for (int frame = 0; frame < 2_500; frame++)
        {
            agents.Update();
            if (agents.Progress.Drift > drift) drift = agents.Progress.Drift;
        }

        return (agents.Progress.MeanEpisodeReward / 20, drift);
    }

    /// <summary>Is paid for choices by the sign of what it sees, and for numbers near it.</summary>
    private sealed class Chooser(ActionSpec spec, int seed) : Agent
    {
        private readonly SeededRandom random = new((ulong)seed, 5);
        private readonly float[] observed = new float[2];

        public override void CollectObservations(VectorSensor sensor)
        {
            for (int i = 0; i < observed.Length; i++) observed[i] = (2 * random.NextSingle()) - 1;
            sensor.AddObservation(observed);
        }

        public override void OnActionReceived(ActionBuffers actions)
        {
            float reward = 0;
            for (int i = 0; i < actions.DiscreteActions.Length; i++) reward += actions.DiscreteActions[i] == (observed[i] > 0 ? 1 : 0) ? 1 : 0;
            for (int i = 0; i < actions.ContinuousActions.Length; i++) reward -= Math.Abs(actions.ContinuousActions[i] - observed[1]);
            AddReward(reward / (spec.NumDiscreteActions + spec.NumContinuousActions));
            if (StepCount == 20) EndEpisode();
        }
    }
}
