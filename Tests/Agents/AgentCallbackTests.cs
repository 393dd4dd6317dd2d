using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Calls that scripts may make to their population from within its calls (end an episode, leave, dispose), and those that they may not.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentCallbackTests
{
    public enum Callback
    {
        Observe,
        Mask,
        Heuristic,
        Demonstrate,
        Act,
        Begin,
    }

    /// <summary>Every third call ends the episode: the question asked then yields no decision, and no answer is carried out in another episode.</summary>
    [Test]
    public void AnEpisodeMayEndWhileAnAgentIsAsked(
        [Values(Callback.Observe, Callback.Mask, Callback.Demonstrate, Callback.Heuristic)] Callback callback, [Values(0, 1, 2, 3)] int latency, [Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(latency, sharing);
        int framesOfAnAnswer = callback == Callback.Heuristic ? 0 : latency;   // a heuristic answers at once
        int acts = 0, calls = 0, asked = 0, acted = 0;
        ProbeAgent agent = null!;
        void Call(Callback from)
        {
            if (from == callback && ++calls % 3 == 0) agent.EndEpisode();
        }

        agent = new ProbeAgent
        {
            Demonstrates = callback == Callback.Demonstrate,
            ActsByHeuristic = callback == Callback.Heuristic,
            Demonstration = _ =>
            {
                Call(callback == Callback.Heuristic ? Callback.Heuristic : Callback.Demonstrate);
                return 0;
            },
            Observations = self =>
            {
                asked++;
                Call(Callback.Observe);
                return [1, self.CompletedEpisodes];
            },
            Mask = _ => Call(Callback.Mask),
            Begin = _ => asked = acted = 0,
            Act = (_, _) =>
            {
                acts++;
                Assert.That(++acted, Is.LessThanOrEqualTo(asked - Math.Max(0, framesOfAnAnswer - 1)), "not what was asked for in another episode");
            },
        };
        agents.Add(agent);
        for (int frame = 0; frame < 100; frame++) agents.Update();
        Assert.That(agents.Progress.Episodes, Is.GreaterThan(20));
        bool isOneOpen = callback == Callback.Heuristic && latency > 0;   // it is carried out in the next frame
        Assert.That(acts, isOneOpen ? Is.InRange(agents.Progress.Decisions - 1, agents.Progress.Decisions) : Is.EqualTo(agents.Progress.Decisions));
        Assert.That(acts, framesOfAnAnswer < 3 ? Is.Positive : Is.Zero, "of three questions of an episode the last ends it");
    }

    [Test]
    public void AnAgentMayLeaveInAnyCall([Values] Callback callback, [Values(null, 0, 2)] int? latency, [Values] BrainSharing sharing) =>
        Leave(callback, latency, sharing, actsByHeuristic: callback == Callback.Heuristic, demonstrates: callback == Callback.Demonstrate);

    /// <summary>Whoever decides for it, and whether it demonstrates.</summary>
    [Test]
    public void AnAgentMayLeaveWhileItIsAsked([Values(Callback.Observe, Callback.Mask, Callback.Heuristic)] Callback callback, [Values(0, 1)] int latency, [Values] bool demonstrates) =>
        Leave(callback, latency, BrainSharing.Shared, actsByHeuristic: true, demonstrates, demonstrates ? new BehaviorCloning { BatchSize = 4 } : null);

    private static void Leave(Callback callback, int? latency, BrainSharing sharing, bool actsByHeuristic, bool demonstrates, AgentLearning? learning = null)
    {
        using AgentPopulation agents = Make(latency, sharing, learning);
        int calls = 0;
        void Call(Callback from, Agent agent)
        {
            if (from == callback && ++calls == 4) agents.Remove(agent);
        }

        ProbeAgent leaving = null!;
        leaving = new ProbeAgent
        {
            ActsByHeuristic = actsByHeuristic,
            Demonstrates = demonstrates,
            MaxStep = 3,
            Demonstration = self =>
            {
                Call(actsByHeuristic ? Callback.Heuristic : Callback.Demonstrate, self);
                return 1;
            },
            Observations = self =>
            {
                Call(Callback.Observe, self);
                return [1, 2];
            },
            Mask = _ => Call(Callback.Mask, leaving),
            Act = (self, _) => Call(Callback.Act, self),
            Begin = self => Call(Callback.Begin, self),
        };
        ProbeAgent other = new() { Observations = _ => [0, 1], MaxStep = 3 };
        agents.Add(leaving);
        agents.Add(other);
        for (int frame = 0; frame < 60; frame++) TestDevice.Frame(agents);
        Assert.That(calls, Is.EqualTo(4));
        Assert.That((leaving.Population, leaving.Index, agents.Count), Is.EqualTo(((AgentPopulation?)null, -1, 1)));
        Assert.That(other.ActionsReceived, Has.Count.GreaterThan(30), "the others go on");
    }

    [Test]
    public void UpdateWithinUpdateIsAnError([Values] Callback callback)
    {
        using AgentPopulation agents = Make(0, BrainSharing.Shared);
        bool isWrong = false;
        void Call(Callback from)
        {
            if (from == callback && isWrong) agents.Update();
        }

        ProbeAgent agent = new()
        {
            ActsByHeuristic = callback == Callback.Heuristic,
            Demonstrates = callback == Callback.Demonstrate,
            Observations = _ =>
            {
                Call(Callback.Observe);
                return [0, 0];
            },
            Mask = _ => Call(Callback.Mask),
            Demonstration = _ =>
            {
                Call(callback == Callback.Heuristic ? Callback.Heuristic : Callback.Demonstrate);
                return 0;
            },
            Act = (_, _) => Call(Callback.Act),
            Begin = _ => Call(Callback.Begin),
        };
        agents.Add(agent);
        agents.Update();
        isWrong = true;
        agent.EndEpisode();
        Assert.That(agents.Update, Throws.InvalidOperationException.With.Message.Contains("during Update"));
        isWrong = false;
        Assert.That(agents.Update, Throws.Nothing);
    }

    [Test]
    public void APopulationMayBeDisposedWithinUpdate([Values(null, 0)] int? latency, [Values(Callback.Observe, Callback.Act, Callback.Begin)] Callback callback)
    {
        AgentPopulation agents = Make(latency, BrainSharing.Shared);
        int calls = 0;
        void Call(Callback from)
        {
            if (from == callback && ++calls == 3) agents.Dispose();
        }

        for (int i = 0; i < 2; i++) agents.Add(Telling(Call));

        for (int frame = 0; frame < 30 && calls < 3; frame++) TestDevice.Frame(agents);
        Assert.That(calls, Is.EqualTo(3));
        Assert.That(agents.Update, Throws.TypeOf<ObjectDisposedException>());
        TestDevice.Plain.Update();
    }

    /// <summary>Another thread disposes the population in the middle of a frame: the frame has its agents and its brains to its end.</summary>
    [Test]
    public void APopulationMayBeDisposedByAnotherThreadWithinUpdate([Values(null, 0)] int? latency, [Values(Callback.Observe, Callback.Act, Callback.Begin)] Callback callback)
    {
        AgentPopulation agents = Make(latency, BrainSharing.Shared);
        List<ProbeAgent> all = [];
        int calls = 0, left = 0;
        void Call(Callback from)
        {
            if (from == callback && ++calls == 3) Task.Run(agents.Dispose).GetAwaiter().GetResult();
            if (calls >= 3) left += all.Count(agent => agent.Population is null);
        }

        for (int i = 0; i < 2; i++)
        {
            all.Add(Telling(Call));
            agents.Add(all[i]);
        }

        for (int frame = 0; frame < 30 && calls < 3; frame++) TestDevice.Frame(agents);
        Assert.That(calls, Is.GreaterThanOrEqualTo(3));
        Assert.That(left, Is.Zero, "in the frame");
        Assert.That(all.Select(agent => agent.Population), Is.All.Null);
        Assert.That(agents.Update, Throws.TypeOf<ObjectDisposedException>());
        TestDevice.Plain.Update();
    }

    /// <summary>Whenever another thread disposes the population, no Update enqueues into what is gone, and all of it goes.</summary>
    [Test]
    public void APopulationMayBeDisposedByAnotherThreadAtAnyMoment()
    {
        using NeuralDevice processor = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Threads = 1 });
        for (int round = 0; round < 60; round++)
        {
            AgentPopulation agents = new(processor, new AgentPopulationOptions
            {
                Observations = 2,
                Actions = 3,
                Capacity = 2,
                HiddenUnits = 4,
                Latency = 0,
                Learning = new PolicyGradient { BatchSize = 2, Horizon = 2 },
            });
            agents.Add(new ProbeAgent { Observations = _ => [0, 0] });
            using ManualResetEventSlim go = new();
            int delay = round;
            Task ends = Task.Run(() =>
            {
                go.Wait();
                Thread.SpinWait(37 * delay);
                agents.Dispose();
            });
            go.Set();
            Assert.That(
                () =>
                {
                    while (true) agents.Update();
                },
                Throws.TypeOf<ObjectDisposedException>());
            ends.GetAwaiter().GetResult();
            processor.Update();
            Assert.That((processor.Memory.Textures, processor.Memory.Buffers, processor.Memory.Bytes), Is.EqualTo((0, 0, 0)));
        }
    }

    /// <summary>Steps are actions, with every latency and whoever acts; the limit is reached after that many.</summary>
    [Test]
    public void StepsAreActions([Values(null, 0, 1, 2, 3)] int? latency, [Values] bool byHeuristic, [Values(1, 3)] int period)
    {
        using AgentPopulation agents = Make(latency, BrainSharing.OneEach);
        List<long> steps = [];
        List<int> lengths = [];
        ProbeAgent agent = new()
        {
            ActsByHeuristic = byHeuristic,
            DecisionPeriod = period,
            MaxStep = 7,
            Demonstration = _ => 1,
            Observations = _ => [0, 0],
            Act = (self, _) => steps.Add(self.StepCount),
            Begin = _ =>
            {
                if (steps.Count > 0) lengths.Add(steps.Count);
                steps.Clear();
            },
        };
        agents.Add(agent);
        for (int frame = 0; frame < 100; frame++) TestDevice.Frame(agents);
        Assert.That(lengths, Has.Count.GreaterThan(5).And.All.EqualTo(7));
        Assert.That(steps, Is.EqualTo(Enumerable.Range(1, steps.Count).Select(step => (long)step)));
        Assert.That(() => agent.MaxStep = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>The next episode begins in the Update that asks its first question: the same one if an action has ended it, except with a latency of 0.</summary>
    [Test]
    public void AnEpisodeBeginsBeforeItsFirstQuestion([Values(null, 0, 1, 2, 3)] int? latency, [Values] bool isEndedOutside)
    {
        using AgentPopulation agents = Make(latency, BrainSharing.Shared);
        long ended = -1, begun = -1;
        ProbeAgent agent = new()
        {
            Observations = _ => [0, 0],
            Begin = _ => begun = agents.Frame,
            Act = (self, _) =>
            {
                if (isEndedOutside || self.StepCount < 3 || ended >= 0) return;
                ended = agents.Frame;
                self.EndEpisode();
            },
        };
        agents.Add(agent);
        for (int frame = 0; frame < 8; frame++) TestDevice.Frame(agents);
        if (isEndedOutside)
        {
            ended = agents.Frame;
            agent.EndEpisode();
            TestDevice.Frame(agents);
        }

        Assert.That(begun - ended, Is.EqualTo(isEndedOutside || latency == 0 ? 1 : 0));
        Assert.That(agent.Calls.LastIndexOf("begin"), Is.LessThan(agent.Calls.LastIndexOf("observe")));
        Assert.That(agent.Calls[agent.Calls.LastIndexOf("begin") + 1], Is.EqualTo("observe"));
    }

    /// <summary>Two rewards whose sum exceeds the range of a float are not learned from; the others are, and their statistics are finite.</summary>
    [Test]
    public void RewardsThatAddUpToInfinityAreLeftOut([Values] BrainSharing sharing, [Values] bool sets)
    {
        using AgentPopulation agents = Make(0, sharing, new PolicyGradient { BatchSize = 4, Horizon = 4, Discount = 0 });
        int frame = 0;
        ProbeAgent agent = new()
        {
            Observations = _ => [1, 0],
            Act = (self, action) =>
            {
                self.AddReward(action);
                if (frame != 5) return;
                self.AddReward(3e38f);
                self.AddReward(3e38f);
                if (sets) self.SetReward(1);
            },
        };
        agents.Add(agent);
        for (; frame < 300; frame++) agents.Update();
        Assert.That(agents.Progress.SkippedDecisions, Is.EqualTo(sets ? 0 : 4));
        Assert.That(((PolicyGradientLearner)agents.Learner!).BaselineOf(0).Mean, Is.InRange(0, 1));
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(60));
        agent.EndEpisode();
        Assert.That(float.IsFinite(agent.CumulativeReward));
        agents.Update();
        Assert.That(float.IsFinite(agents.Progress.MeanEpisodeReward));
    }

    /// <summary>An agent that says from where it is called.</summary>
    private static ProbeAgent Telling(Action<Callback> call) => new()
    {
        MaxStep = 2,
        Observations = _ =>
        {
            call(Callback.Observe);
            return [0, 0];
        },
        Act = (_, _) => call(Callback.Act),
        Begin = _ => call(Callback.Begin),
    };

    private static AgentPopulation Make(int? latency, BrainSharing sharing, AgentLearning? learning = null)
    {
        AgentPopulationOptions options = new()
        {
            Observations = 2,
            Actions = 2,
            HiddenUnits = 5,
            Capacity = 3,
            Brains = sharing,
            Latency = latency,
            NormalizeObservations = false,
        };
        return new AgentPopulation(TestDevice.Plain, learning is null ? options : options with { Learning = learning });
    }
}
