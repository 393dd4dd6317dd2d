using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Errors in agent scripts are reported with the agent's name, and do not stop the other agents.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class AgentErrorTests
{
    private static AgentPopulation Make(int? latency = 0, BrainSharing brains = BrainSharing.OneEach)
    {
        return new AgentPopulation(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 3,
            HiddenUnits = 4,
            Latency = latency,
            Brains = brains,
            Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
        });
    }

    /// <summary>The faulty agent is between two correct ones, which must be served, and everything continues once it is correct again.</summary>
    private static void FailsAlone(Func<ProbeAgent> makeWrong, params string[] words)
    {
        foreach (BrainSharing brains in Enum.GetValues<BrainSharing>())
        {
            using AgentPopulation agents = Make(brains: brains);
            ProbeAgent before = new() { Observations = _ => [1, 2] }, after = new() { Observations = _ => [1, 2] };
            ProbeAgent wrong = makeWrong();
            wrong.Name = "Gustav";
            agents.Add(before);
            agents.Add(wrong);
            agents.Add(after);
            agents.Update();
            wrong.IsWrong = true;
            AgentException exception = Assert.Throws<AgentException>(agents.Update)!;
            Assert.That(exception.AgentName, Is.EqualTo("Gustav"));
            Assert.That(exception.Message, Does.StartWith("Agent 'Gustav': "));
            foreach (string word in words) Assert.That(exception.Message, Does.Contain(word));
            Assert.That((before.ActionsReceived.Count, after.ActionsReceived.Count), Is.EqualTo((2, 2)), "the others go on");
            wrong.IsWrong = false;
            for (int frame = 0; frame < 10; frame++) Assert.That(agents.Update, Throws.Nothing);
            Assert.That(wrong.ActionsReceived, Has.Count.GreaterThanOrEqualTo(10));
        }
    }

    /// <summary>An open conditional render of the game: no stale answer is used, and the agents repeat their last actions.</summary>
    [Test]
    public void QuestionsThatTheDriverSkipsAreTold([Values] BrainSharing brains, [Values(0, 2)] int delayFrames)
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 2,
            Brains = brains,
            Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
        });
        for (int i = 0; i < 2; i++) agents.Add(new ProbeAgent { Observations = _ => [1, 2] });
        gl.DelayFrames = delayFrames;
        Assert.That(Run(10), Is.Empty);
        long decided = agents.Progress.Decisions;
        gl.DropDispatches = true;
        List<string> skipped = [.. Run(1)];
        gl.DropDispatches = false;
        skipped.AddRange(Run(10));
        Assert.That(skipped, Has.Count.EqualTo(1));
        Assert.That(skipped[0], Does.Contain("frame 11 ").And.Contain("glEndConditionalRender"));
        Assert.That(agents.Progress.Decisions, Is.EqualTo(decided + (2 * 10)), "one of eleven frames has brought none");

        List<string> Run(int frames) => gl.MessagesOfSkips(agents, frames);
    }

    [TestCase(1)]
    [TestCase(3)]
    public void AnotherNumberOfObservations(int count)
    {
        FailsAlone(() => new ProbeAgent { Observations = self => self.IsWrong ? new float[count] : [1, 2] }, $"got {count}", "the declared 2 observations", "CollectObservations");
    }

    [TestCase(float.NaN, "NaN")]
    [TestCase(float.PositiveInfinity, "Infinity")]
    public void AnObservationThatIsNotFinite(float value, string word)
    {
        FailsAlone(() => new ProbeAgent { Observations = self => self.IsWrong ? [1, value] : [1, 2] }, "observation 1", word, "finite");
    }

    [Test]
    public void AMaskOfAnActionThatIsNone()
    {
        ProbeAgent? agent = null;
        FailsAlone(() => agent = new ProbeAgent { Observations = _ => [1, 2], Mask = mask => mask.SetActionEnabled(agent!.IsWrong ? 3 : 0, false) }, "action 3", "0 to 2");
    }

    [Test]
    public void AllActionsMasked()
    {
        ProbeAgent? agent = null;
        FailsAlone(
            () => agent = new ProbeAgent
            {
                Observations = _ => [1, 2],
                Mask = mask =>
                {
                    for (int i = 0; i < 3; i++) mask.SetActionEnabled(i, !agent!.IsWrong);
                },
            },
            "masked all of its 3 actions", "at least one");
    }

    [TestCase(-1, "action -1")]
    [TestCase(3, "0 to 2")]
    [TestCase(1, "masked")]
    public void AHeuristicThatChoosesNoAction(int action, string word)
    {
        FailsAlone(
            () => new ProbeAgent
            {
                ActsByHeuristic = true,
                Observations = _ => [1, 2],
                Demonstration = self => self.IsWrong ? action : 0,
                Mask = mask => mask.SetActionEnabled(1, false),
            },
            word, "Heuristic");
    }

    [Test]
    public void AnAgentWithoutAHeuristic()
    {
        FailsAlone(
            () => new ProbeAgent { Observations = self => { self.Demonstrates = self.IsWrong; return [1, 2]; } },
            "Override Heuristic");
    }

    [TestCase(float.NaN)]
    [TestCase(float.NegativeInfinity)]
    public void ARewardThatIsNotFinite(float reward)
    {
        FailsAlone(() => new ProbeAgent { Observations = _ => [1, 2], Act = (self, _) => self.AddReward(self.IsWrong ? reward : 1) }, "reward", "finite");
        FailsAlone(() => new ProbeAgent { Observations = _ => [1, 2], Act = (self, _) => self.SetReward(self.IsWrong ? reward : 1) }, "reward", "finite");
    }

    [Test]
    public void ARewardAfterTheEnd()
    {
        FailsAlone(
            () => new ProbeAgent
            {
                Observations = _ => [1, 2],
                Act = (self, _) =>
                {
                    if (!self.IsWrong) return;
                    self.EndEpisode();
                    self.AddReward(1);
                },
            },
            "after EndEpisode", "Reward before ending");
    }

    /// <summary>They would be <c>required</c> if the compilers of all engines supported that.</summary>
    [Test]
    public void OptionsWithoutWhatHasNoDefault()
    {
        Assert.That(() => new AgentPopulation(TestDevice.Plain, new AgentPopulationOptions { Actions = 2 }),
            Throws.ArgumentException.With.Message.Contains("Observations of the options was not given"));
        Assert.That(() => new AgentPopulation(TestDevice.Plain, new AgentPopulationOptions { Observations = 2 }),
            Throws.ArgumentException.With.Message.Contains("new AgentPopulationOptions { Actions = ... }"));
    }

    /// <summary>Other exceptions are passed on unchanged.</summary>
    [Test]
    public void AnExceptionOfTheScriptComesOutAsItIs()
    {
        using AgentPopulation agents = Make();
        ProbeAgent wrong = new() { Observations = _ => [1, 2], Act = (_, _) => throw new FormatException("mine") }, right = new() { Observations = _ => [1, 2] };
        agents.Add(wrong);
        agents.Add(right);
        FormatException exception = Assert.Throws<FormatException>(agents.Update)!;
        Assert.That(exception.Message, Is.EqualTo("mine"));
        Assert.That(exception.StackTrace, Does.Contain(nameof(ProbeAgent)));
        Assert.That(right.ActionsReceived, Has.Count.EqualTo(1));
    }

    [Test]
    public void SeveralErrorsInAFrameAreCounted()
    {
        using AgentPopulation agents = Make();
        for (int i = 0; i < 3; i++) agents.Add(new ProbeAgent { Name = $"A{i}", Observations = _ => [1] });
        AgentException exception = Assert.Throws<AgentException>(agents.Update)!;
        Assert.That(exception.AgentName, Is.EqualTo("A0"));
        Assert.That(exception.Message, Does.Contain("2 more"));
    }

    [Test]
    public void AnAgentAddedTwice()
    {
        using AgentPopulation agents = Make(), others = Make();
        ProbeAgent agent = new() { Name = "Gustav" };
        agents.Add(agent);
        Assert.That(() => agents.Add(agent), Throws.TypeOf<AgentException>().With.Message.Contains("'Gustav'").And.Message.Contains("already in this population"));
        Assert.That(() => others.Add(agent), Throws.TypeOf<AgentException>().With.Message.Contains("another population"));
        Assert.That(() => others.Remove(agent), Throws.TypeOf<AgentException>().With.Message.Contains("not in this population"));
        Assert.That((agents.Count, others.Count), Is.EqualTo((1, 0)));
    }

    /// <summary>A rejected call leaves no trace: not in the agent, not in the counts, not in the learner.</summary>
    [Test]
    public void WhatIsRefusedChangesNothing()
    {
        string Run(bool errs)
        {
            using AgentPopulation agents = Make();
            ProbeAgent agent = new() { Name = "Gustav", Observations = self => [self.StepCount, 1], Act = (self, action) => self.AddReward(action) };
            agents.Add(agent);
            for (int frame = 0; frame < 30; frame++)
            {
                agents.Update();
                float reward = agent.CumulativeReward;
                if (errs)
                {
                    Assert.That(() => agent.AddReward(float.NaN), Throws.TypeOf<AgentException>().With.Message.Contains("'Gustav'"));
                    Assert.That(() => agent.SetReward(float.PositiveInfinity), Throws.TypeOf<AgentException>());
                    Assert.That(() => agents.Add(agent), Throws.TypeOf<AgentException>());
                }

                if (frame % 7 == 6) agent.EndEpisode();
                if (errs && frame % 7 == 6)
                {
                    Assert.That(() => agent.AddReward(1), Throws.TypeOf<AgentException>());
                    Assert.That(() => agent.SetReward(1), Throws.TypeOf<AgentException>());
                }

                Assert.That(agent.CumulativeReward, Is.EqualTo(reward));
            }

            Assert.That(agents.Progress.TrainingSteps, Is.Positive);
            ClassifierParameters brain = agents.GetBrain(0);
            AgentProgress progress = agents.Progress with { TrainingTime = default, GpuTime = default };
            return $"{progress} {string.Join(',', agent.Calls)} {string.Join(',', brain.HiddenWeights)} {string.Join(',', brain.OutputWeights)}";
        }

        Assert.That(Run(errs: true), Is.EqualTo(Run(errs: false)));
    }

    [Test]
    public void AnAgentOfNoPopulation()
    {
        ProbeAgent agent = new() { Name = "Gustav" };
        Assert.That(() => agent.AddReward(1), Throws.TypeOf<AgentException>().With.Message.Contains("Add it"));
        Assert.That(() => agent.SetReward(1), Throws.TypeOf<AgentException>().With.Message.Contains("Add it"));
        Assert.That(agent.EndEpisode, Throws.TypeOf<AgentException>().With.Message.Contains("Add it"));
    }

    [Test]
    public void AnEpisodeThatCannotBeginLeavesTheAgentOutside()
    {
        using AgentPopulation agents = Make();
        ProbeAgent agent = new() { Begin = _ => throw new FormatException() };
        Assert.That(() => agents.Add(agent), Throws.TypeOf<FormatException>());
        Assert.That((agents.Count, agent.Population), Is.EqualTo((0, (AgentPopulation?)null)));
    }

    [Test]
    public void OptionsAreChecked()
    {
        AgentPopulationOptions good = new() { Observations = 1, Actions = 2 };
        Assert.That(() => good with { Observations = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => good with { Actions = 1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => good with { Capacity = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => good with { HiddenUnits = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => good with { FrameBudget = default }, Throws.ArgumentException);
        Assert.That(() => good with { Latency = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => good with { Latency = 17 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { Discount = 1.1f }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { Discount = float.NaN }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { BaselineRate = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { EntropyBonus = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { Horizon = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { Epochs = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new PolicyGradient { BatchSize = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new BehaviorCloning { Capacity = 0 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(
            () => new AgentPopulation(TestDevice.Plain, good with { Learning = new BehaviorCloning { Demonstration = new Demonstration(2, 2) } }),
            Throws.ArgumentException.With.Message.Contains("2 observations and 2 actions, but 1 observations"));
        Assert.That(() => new ProbeAgent { DecisionPeriod = -1 }, Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new ProbeAgent { Name = "" }, Throws.ArgumentException);
    }
}
