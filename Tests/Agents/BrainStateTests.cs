using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Brains in memory: read from a running population, given to a learning one, and converted to the bytes of a file.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class BrainStateTests
{
    private static readonly AgentPopulationOptions Shared = new()
    {
        Observations = 2,
        Actions = 3,
        HiddenUnits = 8,
        Capacity = 3,
        Brains = BrainSharing.Shared,
        Latency = 0,
        Seed = 4,
        FrameBudget = FrameBudget.Steps(2),
        Learning = new ActorCritic { RolloutSize = 32, LeastRolloutPerAgent = 8, Epochs = 3, Minibatches = 4 },
    };

    private static readonly AgentPopulationOptions Own = Shared with { Capacity = 9, Brains = BrainSharing.OneEach };

    private static readonly AgentPopulationOptions Raw = Shared with { NormalizeObservations = false, Learning = new PolicyGradient { BatchSize = 8, Horizon = 5 } };

    private static IEnumerable<TestCaseData> Ways =>
    [
        new TestCaseData(Shared, 0).SetArgDisplayNames("shared"), new TestCaseData(Own, 5).SetArgDisplayNames("own"), new TestCaseData(Raw, 0).SetArgDisplayNames("raw, without a value"),
    ];

    [TestCaseSource(nameof(Ways))]
    public void ABrainIsTheSameFromAReaderFromAFileAndInAnotherPopulation(AgentPopulationOptions options, int brain)
    {
        using AgentPopulation first = Started(options, 61);
        using AgentPopulation second = Started(options with { Seed = 9 }, 7);
        BrainState state = first.GetBrainState(brain);
        AssertSame(state.Parameters, first.GetBrain(brain));
        Assert.That(state.Decisions, Is.EqualTo(first.Progress.Decisions).And.Positive);
        if (options.NormalizeObservations) Assert.That(state.ObservationCount, Is.EqualTo(first.Normalizer!.Count).And.Positive);
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            first.SaveBrain(brain, path);
            AssertSame(BrainState.Read(File.ReadAllBytes(path), "it"), state);
            File.WriteAllBytes(path, state.ToBytes());
            second.LoadBrains(path);
            AssertSame(second.GetBrainState(brain), state);
            using AgentPopulation played = AgentPopulation.Load(TestDevice.Plain, path);
            Assert.That(played.GetBrain(0).HiddenWeights, Is.EqualTo(state.Parameters.HiddenWeights), "who plays needs no value");
        }
        finally
        {
            File.Delete(path);
        }

        BrainState read = BrainState.Read(state.ToBytes(), "bytes");
        AssertSame(read, state);
        using AgentPopulation third = Started(options with { Seed = 12 }, 5);
        long steps = third.Progress.TrainingSteps;
        third.SetBrainState(brain, read);
        AssertSame(third.GetBrainState(brain), state);
        for (int frame = 0; frame < 60; frame++) third.Update();
        Assert.That(third.Progress.TrainingSteps, Is.GreaterThan(steps + 10), "learning continues");
        Assert.That(third.GetBrain(brain).HiddenWeights, Is.Not.EqualTo(state.Parameters.HiddenWeights));
    }

    /// <summary>It is the brain as of Begin, whatever was learned since.</summary>
    [Test]
    public void AReaderHasTheBrainAsItWas()
    {
        using AgentPopulation agents = Started(Shared, 40);
        using BrainReader reader = agents.ReadBrain(0);
        BrainState then = agents.GetBrainState(0);
        reader.Begin();
        BrainState? taken;
        int frames = 0;
        do agents.Update();
        while (!reader.TryTake(out taken) && ++frames < 100);
        Assert.That(taken, Is.Not.Null);
        AssertSame(taken!, then);
        for (int frame = 0; frame < 40; frame++) agents.Update();
        Assert.That(agents.GetBrain(0).HiddenWeights, Is.Not.EqualTo(then.Parameters.HiddenWeights));
        Assert.That(reader.TryTake(out _), Is.False, "it is taken once");
    }

    [Test]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void ReadingASharedBrainAllocatesNothing()
    {
        using AgentPopulation agents = Started(Shared with { Latency = 1 }, 40);
        using BrainReader reader = agents.ReadBrain(0);
        long allocated = 0;
        for (int round = 0; round < 2; round++)   // the first one warms up
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            int frames = 0;
            for (int taken = 0; taken < 50 || frames < 200; frames++)
            {
                if (!reader.IsPending) reader.Begin();
                agents.Update();
                if (reader.TryTake(out _)) taken++;
                if (frames % 10 == 0) Thread.Sleep(1);   // gives a device with a thread of its own time for it
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.That(allocated, Is.Zero);
    }

    /// <summary>Another learning algorithm creates another mind, whose brains may have a value.</summary>
    [Test]
    public void AReaderOutlivesAChangeOfLearning()
    {
        using AgentPopulation agents = Started(Shared with { Learning = new BehaviorCloning { BatchSize = 4, Capacity = 8 } }, 5);
        using BrainReader reader = agents.ReadBrain(0);
        reader.Begin();
        agents.Learning = Shared.Learning;
        reader.Begin();
        TestDevice.Plain.Finish();
        TestDevice.Plain.Update();
        Assert.That(reader.TryTake(out BrainState? taken), Is.True);
        Assert.That(taken!.EstimatesValues, Is.True);
        AssertSame(taken.Parameters, agents.GetBrain(0));
    }

    [Test]
    public void StatisticsThatAreSetAreApplied()
    {
        using AgentPopulation agents = Started(Shared, 3);
        BrainState state = agents.GetBrainState(0);
        state.SetObservations(100, [5, -2], [400, 100]);
        agents.SetBrainState(0, state);
        Assert.That(agents.Normalizer!.Offset.ToArray(), Is.EqualTo(new[] { 5f, -2f }));
        Assert.That(agents.Normalizer.Scale.ToArray(), Is.EqualTo(new[] { 0.5f, 1f }).Within(1e-6f));
        Assert.That(agents.Normalizer.Count, Is.EqualTo(100));
        state.SetObservations(0, [0, 0], [0, 0]);
        Assert.That(BrainState.Read(state.ToBytes(), "nothing seen").ObservationCount, Is.Zero);
    }

    [Test]
    public void WhatDoesNotSuitIsRefusedAndNothingChanges()
    {
        using AgentPopulation agents = Started(Shared, 30);
        using AgentPopulation other = Started(Shared with { HiddenUnits = 9 }, 1);
        BrainState before = agents.GetBrainState(0), wrong = before.Copy();
        Assert.That(() => agents.SetBrainState(0, other.GetBrainState(0)), Throws.ArgumentException.With.Message.Contains("9 hidden units"));
        wrong.Parameters.OutputBiases[1] = float.NaN;
        Assert.That(() => agents.SetBrainState(0, wrong), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => wrong.ToBytes(), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => agents.SetBrainState(1, before), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => wrong.SetObservations(-1, [0, 0], [0, 0]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => wrong.SetObservations(1, [0], [0, 0]), Throws.ArgumentException);
        Assert.That(() => wrong.SetObservations(1, [0, double.NaN], [0, 0]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => wrong.SetObservations(1, [0, 0], [0, -1]), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => before.CopyFrom(other.GetBrainState(0)), Throws.ArgumentException);
        AssertSame(agents.GetBrainState(0), before);
    }

    [Test]
    public void BytesThatAreDamagedAreRefused()
    {
        using AgentPopulation agents = Started(Shared, 30);
        byte[] bytes = agents.GetBrainState(0).ToBytes();
        Assert.That(() => BrainState.Read([], "nothing"), Throws.TypeOf<ModelFileException>());
        Assert.That(() => BrainState.Read(bytes[..^3], "cut off"), Throws.TypeOf<ModelFileException>().With.Message.Contains("cut off"));
        BitConverter.TryWriteBytes(bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes)), float.NaN);   // the first weight
        Assert.That(() => BrainState.Read(bytes, "not finite"), Throws.TypeOf<ModelFileException>().With.Property(nameof(ModelFileException.IsNotFinite)).True);
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using AgentPopulation own = Started(Own, 3);
        try
        {
            own.Save(path);
            Assert.That(() => BrainState.Read(File.ReadAllBytes(path), "many"), Throws.TypeOf<ModelFileException>().With.Message.Contains("9 brains"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static AgentPopulation Started(AgentPopulationOptions options, int frames)
    {
        AgentPopulation agents = new(TestDevice.Plain, options);
        for (int i = 0; i < options.Capacity; i++) agents.Add(new Walker());
        for (int frame = 0; frame < frames; frame++) agents.Update();
        return agents;
    }

    private static void AssertSame(BrainState actual, BrainState expected)
    {
        Assert.That(actual.HasShapeOf(expected), $"{actual.Shape} and {expected.Shape}");
        AssertSame(actual.Parameters, expected.Parameters);
        Assert.That((actual.ValueMean, actual.ValueDeviation, actual.ObservationCount), Is.EqualTo((expected.ValueMean, expected.ValueDeviation, expected.ObservationCount)));
        Assert.That(actual.ObservationMeans.ToArray(), Is.EqualTo(expected.ObservationMeans.ToArray()));
        Assert.That(actual.ObservationSquares.ToArray(), Is.EqualTo(expected.ObservationSquares.ToArray()));
    }

    private static void AssertSame(ClassifierParameters actual, ClassifierParameters expected)
    {
        Assert.That(actual.HiddenWeights, Is.EqualTo(expected.HiddenWeights));
        Assert.That(actual.HiddenBiases, Is.EqualTo(expected.HiddenBiases));
        Assert.That(actual.OutputWeights, Is.EqualTo(expected.OutputWeights));
        Assert.That(actual.OutputBiases, Is.EqualTo(expected.OutputBiases));
    }
}
