using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Returns, baselines and advantages against plain sums in double precision; tasks that can be learned; replay.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class PolicyGradientTests
{
    private static readonly AgentPopulationOptions Small = new() { Observations = 1, Actions = 2, HiddenUnits = 3 };

    // ---- returns and baselines ----

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(17)]
    public void ReturnsAreDiscountedSums(int count)
    {
        const double Discount = 0.9, Behind = 2.5;
        float[] rewards = TwinArrays.UniformFloats(count, count);
        double[] returns = new double[count];
        Baseline.Discounted(rewards, Discount, Behind, returns);
        for (int i = 0; i < count; i++)
        {
            double expected = Math.Pow(Discount, count - i) * Behind;
            for (int k = i; k < count; k++) expected += Math.Pow(Discount, k - i) * rewards[k];
            Assert.That(returns[i], Is.EqualTo(expected).Within(1e-12));
        }
    }

    [Test]
    public void ABaselineIsThePlainMeanAndVarianceAtFirst()
    {
        float[] values = TwinArrays.UniformFloats(5, 15);
        Baseline baseline = default;
        foreach (float value in values) baseline.Observe(value, rate: 0.05);
        double mean = values.Average(value => (double)value), variance = values.Average(value => (value - mean) * (value - mean));
        Assert.That(baseline.Mean, Is.EqualTo(mean).Within(1e-12));
        Assert.That(baseline.Variance, Is.EqualTo(variance).Within(1e-12));
        Assert.That(baseline.Advantage(2, predicted: 0, normalize: true), Is.EqualTo((2 - mean) / Math.Sqrt(variance)).Within(1e-6));
        Assert.That(baseline.Advantage(2, predicted: 0.5, normalize: false), Is.EqualTo(1.5 - mean).Within(1e-12));
    }

    /// <summary>Later the weights of older returns decrease by the factor (1 − rate) per return.</summary>
    [Test]
    public void ABaselineForgetsAtItsRate()
    {
        const double Rate = 0.25;
        float[] values = TwinArrays.UniformFloats(6, 30);
        Baseline baseline = default;
        foreach (float value in values) baseline.Observe(value, Rate);
        double[] weights = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            double share = Math.Max(Rate, 1.0 / (i + 1));
            for (int k = 0; k < i; k++) weights[k] *= 1 - share;
            weights[i] = share;
        }

        double mean = values.Zip(weights, (value, weight) => value * weight).Sum();
        Assert.That(weights.Sum(), Is.EqualTo(1).Within(1e-12));
        Assert.That(baseline.Mean, Is.EqualTo(mean).Within(1e-12));
        Assert.That(baseline.Variance, Is.EqualTo(values.Zip(weights, (value, weight) => weight * (value - mean) * (value - mean)).Sum()).Within(1e-12));
    }

    [Test]
    public void EqualReturnsHaveNoAdvantage()
    {
        Baseline baseline = default;
        for (int i = 0; i < 50; i++) baseline.Observe(0.1, 0.05);
        Assert.That(baseline.Advantage(0.1, predicted: 0, normalize: true), Is.Zero.Within(1e-6));
    }

    /// <summary>Once returns hardly differ, advantages are divided by half the deviation of all returns, not by their own.</summary>
    [Test]
    public void AMasteredTaskIsNotMeasuredInItsNoise()
    {
        Baseline baseline = default;
        List<double> all = [];
        void Observe(double value)
        {
            all.Add(value);
            baseline.Observe(value, 0.1);
        }

        for (int i = 0; i < 100; i++) Observe(i % 2 * 10);
        for (int i = 0; i < 200; i++) Observe(10 + (i % 2 * 1e-3));
        double mean = all.Average(), ofAll = Math.Sqrt(all.Average(value => (value - mean) * (value - mean)));
        Assert.That(Math.Sqrt(baseline.Variance), Is.LessThan(0.01));
        Assert.That(baseline.Deviation, Is.EqualTo(ofAll / 2).Within(1e-9));
    }

    /// <summary>Returns of any scale have the same advantages.</summary>
    [TestCase(1e-30)]
    [TestCase(1e30)]
    public void TheScaleOfReturnsDoesNotMatter(double scale)
    {
        Baseline one = default, scaled = default;
        foreach (float value in TwinArrays.UniformFloats(7, 40))
        {
            one.Observe(value, 0.05);
            scaled.Observe(value * scale, 0.05);
        }

        Assert.That(scaled.Advantage(0.7 * scale, 0, normalize: true), Is.EqualTo(one.Advantage(0.7, 0, normalize: true)).Within(1e-9));
    }

    /// <summary>A forecast learns what the observations say of the returns, of each brain for itself, for observations of any size.</summary>
    [Test]
    public void AForecastLearnsALinearFunction([Values(0.01f, 1f, 1000f)] float size)
    {
        const int Brains = 2, Observations = 3;
        LinearForecast forecast = new(Brains, Observations);
        SeededRandom random = new(4);
        float[] observed = new float[Observations];
        for (int i = 0; i < 4_000; i++)
        {
            for (int k = 0; k < Observations; k++) observed[k] = size * ((2 * random.NextSingle()) - 1);
            forecast.Correct(1, observed, ((2 * observed[0]) - observed[2]) - forecast.Of(1, observed));
        }

        float[] asked = [size * 0.5f, size * 0.2f, size * -0.3f];
        Assert.That(forecast.Of(0, asked), Is.Zero, "the other brain");
        Assert.That(forecast.Of(1, asked), size < 0.1f ? Is.Positive : Is.EqualTo(1.3 * size).Within(0.01 * size));
    }

    /// <summary>
    /// A complete step of both kinds of brains: an agent decides, gets rewards from a list, and ends its episode; the brain then equals a
    /// network that took one step on the same decisions, with advantages from a plain computation.
    /// </summary>
    [Test]
    public void AStepIsOneOfCrossEntropyWeightedByTheAdvantages([Values] BrainSharing sharing, [Values] bool ends, [Values] bool normalizes)
    {
        const int Steps = 5, Observations = 3, Actions = 4, Hidden = 6;
        const float Rate = 0.2f, Bonus = 0.05f, Discount = 0.8f;
        float[] rewards = [0.5f, -1, 0, 2, 0.25f], observed = TwinArrays.UniformFloats(9, Steps * Observations);
        PolicyGradient learning = new()
        {
            BatchSize = Steps,
            Horizon = Steps,
            Discount = Discount,
            EntropyBonus = Bonus,
            NormalizeAdvantages = normalizes,
            Optimizer = new Sgd(Rate),
        };
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = Observations,
            Actions = Actions,
            HiddenUnits = Hidden,
            Capacity = 2,
            Brains = sharing,
            Latency = 0,
            Learning = learning,
            NormalizeObservations = false,
            Seed = 8,
        });
        ClassifierParameters before = agents.GetBrain(0);
        int step = 0;
        ProbeAgent agent = new()
        {
            Observations = _ => observed[(step * Observations)..((step + 1) * Observations)],
            Mask = mask => mask.SetActionEnabled(step % 2, false),
        };
        agents.Add(agent);
        for (; step < Steps; step++)
        {
            agents.Update();
            agent.AddReward(rewards[step]);
        }

        if (ends) agent.EndEpisode();
        step = 0;
        agents.Update();   // with the sixth decision, or the next episode, the five are learned from
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(1));

        double[] returns = new double[Steps];
        double behind = ends ? 0 : rewards.Average(reward => (double)reward) / (1 - (double)Discount);   // no return is known yet: as if rewards continued like these
        for (int i = Steps - 1; i >= 0; i--) returns[i] = behind = rewards[i] + ((double)Discount * behind);
        double mean = returns.Average(), deviation = Math.Sqrt(returns.Average(g => (g - mean) * (g - mean)));
        float[] advantages = [.. returns.Select(g => (float)((g - mean) / (normalizes ? deviation : 1)))];
        bool[] allowed = [.. Enumerable.Range(0, Steps * Actions).Select(i => i % Actions != i / Actions % 2)];
        using TwoLayerClassifier twin = new(TestDevice.Plain, Observations, Hidden, Actions, seed: 1);
        twin.SetParameters(before);
        using BatchTrainer trainer = twin.TrainWith(new Sgd(Rate), new SoftmaxCrossEntropy(Bonus));
        trainer.TrainBatch(observed, [.. agent.ActionsReceived.Take(Steps)], advantages, allowed);
        ClassifierParameters expected = twin.GetParameters(), found = agents.GetBrain(0);
        Assert.That(expected.HiddenWeights, Is.Not.EqualTo(before.HiddenWeights));
        Tolerance.AssertClose(found.HiddenWeights, [.. expected.HiddenWeights.Select(w => (double)w)], 1e-5, 1e-4, "W1");
        Tolerance.AssertClose(found.HiddenBiases, [.. expected.HiddenBiases.Select(w => (double)w)], 1e-5, 1e-4, "b1");
        Tolerance.AssertClose(found.OutputWeights, [.. expected.OutputWeights.Select(w => (double)w)], 1e-5, 1e-4, "W2");
        Tolerance.AssertClose(found.OutputBiases, [.. expected.OutputBiases.Select(w => (double)w)], 1e-5, 1e-4, "b2");
        if (sharing == BrainSharing.OneEach)
        {
            // A brain that had nothing to learn keeps every bit, the entropy bonus notwithstanding.
            using NetworkPopulation start = new(TestDevice.Plain, 2, Observations, Hidden, Actions, seed: 8);
            Assert.That(Bits(agents.GetBrain(1)), Is.EqualTo(Bits(start.GetParameters(1))));
        }
    }

    /// <summary>After a horizon the baseline is the estimate: at first the rewards so far, continued; then the mean of the returns so far.</summary>
    [Test]
    public void ACutOffEpisodeIsContinuedByTheBaseline()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Latency = 0,
            Learning = new PolicyGradient { Horizon = 2, BatchSize = 2, Discount = 0.5f, BaselineRate = 0 },
        });
        ProbeAgent agent = new();
        agents.Add(agent);
        for (int i = 0; i < 5; i++)
        {
            agents.Update();
            agent.AddReward(i % 2 == 0 ? 1 : 3);
        }

        // After the first two, 2 a decision for ever: 2 / (1 - 0.5) = 4. Returns: 3 + 0.5·4 = 5 and 1 + 0.5·5 = 3.5; then with b = 4.25 after them: 5.125 and 3.5625.
        Assert.That(((PolicyGradientLearner)agents.Learner!).BaselineOf(0).Mean, Is.EqualTo((5 + 3.5 + 5.125 + 3.5625) / 4).Within(1e-12));
    }

    /// <summary>Where the baseline depends on the observations, the estimate after a horizon is the baseline of the next observations.</summary>
    [Test]
    public void WhatIsBehindAHorizonIsPredictedFromTheNextObservations()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Latency = 0,
            NormalizeObservations = false,
            Learning = new PolicyGradient { Horizon = 1, BatchSize = 8, Discount = 0.5f, BaselineRate = 0 },
        });
        float observed = 0;
        ProbeAgent agent = new() { Observations = _ => [observed] };
        agents.Add(agent);
        float[] observations = [1, -1, 2, 0.5f], rewards = [1, 0, 4, 0];
        for (int i = 0; i < observations.Length; i++)
        {
            observed = observations[i];
            agents.Update();
            agent.AddReward(rewards[i]);
        }

        // Three returns are known; that of the fourth decision is not known yet.
        double mean = 0, weight = 0;
        for (int i = 0; i < 3; i++)
        {
            double gain = rewards[i] + (0.5 * (i == 0 ? 2 * rewards[0] : mean + (weight * observations[i + 1])));
            mean += (gain - mean) / (i + 1);
            weight += LinearForecast.Rate * (gain - mean - (weight * observations[i])) * observations[i] / (1 + (observations[i] * observations[i]));
        }

        Assert.That(((PolicyGradientLearner)agents.Learner!).BaselineOf(0).Mean, Is.EqualTo(mean).Within(1e-6));
    }

    /// <summary>Without a size of its own a step has sixteen decisions of each agent that there is, and none is left over.</summary>
    [Test]
    public void ABatchFollowsTheNumberOfAgents([Values] BrainSharing sharing, [Values(1, 5)] int count)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Capacity = 9,
            Brains = sharing,
            Latency = 0,
            Learning = new PolicyGradient(),
        });
        for (int i = 0; i < count; i++) agents.Add(new ProbeAgent());
        for (int frame = 0; frame < 81; frame++) agents.Update();   // the answer of the 81st finishes five times sixteen
        Assert.That((agents.Progress.TrainingSteps, agents.Progress.SkippedDecisions), Is.EqualTo((5L, 0L)));
    }

    /// <summary>Whatever the latency, a reward counts for the action that was being taken.</summary>
    [Test]
    public void RewardsCountForTheActionThatIsBeingTaken([Values(0, 1, 3)] int latency, [Values(1, 2, 5)] int period)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Latency = latency,
            Learning = new PolicyGradient { Horizon = 4, BatchSize = 4, Discount = 0, BaselineRate = 0 },
        });
        ProbeAgent agent = new() { DecisionPeriod = period, Act = (self, action) => self.AddReward(action == 0 ? 1 : -1) };
        agents.Add(agent);
        for (int frame = 0; frame <= (4 * period) + latency; frame++) agents.Update();
        double expected = agent.ActionsReceived.Take(4 * period).Sum(action => action == 0 ? 1 : -1) / 4.0;
        Assert.That(((PolicyGradientLearner)agents.Learner!).BaselineOf(0).Mean, Is.EqualTo(expected).Within(1e-12));
        Assert.That(((PolicyGradientLearner)agents.Learner!).BaselineOf(0).Count, Is.EqualTo(4));
    }

    // ---- learning ----

    /// <summary>Three arms with noise: the best one is found by at least 38 of 40 brains of their own, and by the shared one.</summary>
    [Test]
    public void ABanditIsLearned([Values] BrainSharing sharing, [Values(null, 0, 2)] int? latency) => LearnABandit(sharing, latency, scale: 1);

    /// <summary>The same bandit in other units.</summary>
    [Test]
    [Category(Categories.OnProcessor)]
    public void TheUnitOfRewardsDoesNotMatter([Values] BrainSharing sharing, [Values(1e-36f, 1e-20f, 1e-10f, 1e20f)] float scale) => LearnABandit(sharing, latency: 0, scale);

    private static void LearnABandit(BrainSharing sharing, int? latency, float scale)
    {
        const int Players = 40;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 3,
            HiddenUnits = 8,
            Capacity = Players,
            Brains = sharing,
            Latency = latency,
            FrameBudget = FrameBudget.Steps(4),
            Seed = 3,
            Learning = new PolicyGradient { Discount = 0, BatchSize = sharing == BrainSharing.Shared ? 64 : 8, Horizon = 8 },
        });
        SeededRandom noise = new(5);
        ProbeAgent[] players = [.. Enumerable.Range(0, Players).Select(_ => new ProbeAgent
        {
            Observations = _ => [1], Act = (self, action) => self.AddReward(scale * ((action == 1 ? 10 : 8) + (4 * noise.NextSingle()))),
        })];
        foreach (ProbeAgent player in players) agents.Add(player);
        for (int frame = 0; frame < 400; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        agents.Explores = false;
        for (int frame = 0; frame < 5; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        Assert.That(players.Count(player => player.Action == 1), Is.GreaterThanOrEqualTo(38));
    }

    [Test]
    public void ACorridorIsLearnedFromRewardAtItsEndAlone([Values] BrainSharing sharing)
    {
        const int Length = 6, Walkers = 32;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 2,
            HiddenUnits = 16,
            Capacity = Walkers,
            Brains = sharing,
            Latency = 0,
            FrameBudget = FrameBudget.Steps(4),
            Seed = 2,
            Learning = new PolicyGradient { Discount = 0.9f, BatchSize = sharing == BrainSharing.Shared ? 128 : 16, Horizon = 16 },
        });
        int[] places = new int[Walkers];
        ProbeAgent[] walkers = [.. Enumerable.Range(0, Walkers).Select(_ => new ProbeAgent
        {
            Begin = self => places[self.Index] = Length / 2,
            Observations = self => [places[self.Index]],
            Act = (self, action) =>
            {
                places[self.Index] += action == 1 ? 1 : -1;
                if (places[self.Index] == Length) self.AddReward(1);
                if (places[self.Index] == 0 || places[self.Index] == Length) self.EndEpisode();
            },
        })];
        foreach (ProbeAgent walker in walkers) agents.Add(walker);
        for (int frame = 0; frame < 20; frame++) agents.Update();
        float early = agents.Progress.MeanEpisodeReward;
        for (int frame = 0; frame < 2500; frame++) agents.Update();
        Assert.That(early, Is.InRange(0.2f, 0.8f), "half of them go the right way by chance");
        Assert.That(agents.Progress.MeanEpisodeReward, Is.GreaterThan(0.9f));
    }

    [Test]
    public void WithoutLearningNothingChanges([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Capacity = 3,
            Brains = sharing,
            Learning = new PolicyGradient { BatchSize = 2, Horizon = 2 },
        });
        int frame = 0;
        ProbeAgent agent = new() { Act = (self, action) => self.AddReward(action + frame), Observations = _ => [frame] };
        agents.Add(agent);
        for (; frame < 20; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        agents.Learns = false;
        string before = Bits(agents.GetBrain(0));
        double mean = agents.Normalizer!.Mean[0];
        long steps = agents.Progress.TrainingSteps;
        Assert.That(steps, Is.Positive);
        for (; frame < 40; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        Assert.That(Bits(agents.GetBrain(0)), Is.EqualTo(before));
        Assert.That(agents.Normalizer.Mean[0], Is.EqualTo(mean));
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(steps));
        agents.Learns = true;
        for (; frame < 60; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        Assert.That(Bits(agents.GetBrain(0)), Is.Not.EqualTo(before));
    }

    /// <summary>The progress of a policy without a critic: what was learned from, how decided it is, and what its baseline explains.</summary>
    [Test]
    [Category(Categories.OnProcessor)]
    public void ProgressSaysWhatIsLearned([Values] BrainSharing sharing)
    {
        const int Players = 16;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 2,
            HiddenUnits = 8,
            Capacity = Players,
            Brains = sharing,
            Latency = 0,
            FrameBudget = FrameBudget.Steps(4),
            Learning = new PolicyGradient { Discount = 0, Optimizer = new Adam(0.01f) },
        });
        Assert.That((agents.Progress.Entropy, agents.Progress.ExplainedVariance), Is.EqualTo((float.NaN, float.NaN)));
        float[] seen = new float[Players];
        SeededRandom random = new(3);
        for (int i = 0; i < Players; i++)
        {
            agents.Add(new ProbeAgent
            {
                Observations = self => [seen[self.Index] = random.NextSingle()],
                Act = (self, action) => self.AddReward(action + (4 * seen[self.Index])),
            });
        }

        for (int frame = 0; frame < 40; frame++) agents.Update();
        float early = agents.Progress.Entropy;
        for (int frame = 0; frame < 500; frame++) agents.Update();
        AgentProgress progress = agents.Progress;
        Assert.That(early, Is.InRange(0.4, 0.7), "of log 2 at first");
        Assert.That(progress.Entropy, Is.InRange(0, 0.3));
        Assert.That(progress.ExplainedVariance, Is.InRange(0.5, 1), "nearly all of it is in what they see");
        Assert.That(progress.LearnedDecisions, Is.InRange(progress.Decisions - (40 * Players), progress.Decisions));
        Assert.That((progress.SkippedDecisions, progress.Divergence, progress.PolicyLoss), Is.EqualTo((0L, float.NaN, float.NaN)));
    }

    /// <summary>If decisions arrive faster than the steps of a frame use them, the oldest are dropped and counted, and a message says so once.</summary>
    [Test]
    public void DecisionsThatCannotBeLearnedFromAreCounted()
    {
        using StringWriter text = new();
        using TextWriterTraceListener listener = new(text);
        Trace.Listeners.Add(listener);
        using AgentPopulation agents = new(TestDevice.Plain, Small with
        {
            Capacity = 20,
            Brains = BrainSharing.Shared,
            Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
        });
        for (int i = 0; i < 20; i++) agents.Add(new ProbeAgent());
        for (int frame = 0; frame < 60; frame++)
        {
            agents.Update();
            TestDevice.EndFrame();
        }

        Trace.Listeners.Remove(listener);
        Assert.That(text.ToString().Split("FrameBudget"), Has.Length.EqualTo(2));
        AgentProgress progress = agents.Progress;
        Assert.That(progress.SkippedDecisions, Is.Positive);
        Assert.That(progress.SkippedDecisions + (4 * progress.TrainingSteps), Is.InRange(progress.Decisions - 300, progress.Decisions));
    }

    [Test]
    public void FurtherEpochsAreStepsOnTheSameBatch()
    {
        long Steps(int epochs)
        {
            using AgentPopulation agents = new(TestDevice.Plain, Small with
            {
                Latency = 0,
                FrameBudget = FrameBudget.Steps(8),
                Learning = new PolicyGradient { BatchSize = 4, Horizon = 4, Epochs = epochs },
            });
            agents.Add(new ProbeAgent());
            for (int frame = 0; frame < 17; frame++) agents.Update();
            return agents.Progress.TrainingSteps;
        }

        Assert.That((Steps(1), Steps(3)), Is.EqualTo((4L, 12L)));
    }

    /// <summary>A non-finite loss affects no weight of a shared brain, and learning continues.</summary>
    [Test]
    public void ASharedBrainSurvivesALossThatIsNotFinite()
    {
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 8,
            HiddenUnits = 3,
            Brains = BrainSharing.Shared,
            Latency = 0,
            NormalizeObservations = false,
            Learning = new PolicyGradient
            {
                BatchSize = 2,
                Horizon = 2,
                NormalizeAdvantages = false,
                Optimizer = new Sgd(0.1f),
                Discount = 1,
                BaselineRate = 1,
            },
        });
        ProbeAgent agent = new()
        {
            Observations = self => [self.StepCount],
            Act = (self, action) =>
            {
                self.AddReward(self.CompletedEpisodes == 4 ? 3.4e38f : 0.1f * action);
                if (self.StepCount == 2) self.EndEpisode();
            },
        };
        agents.Add(agent);
        for (int frame = 0; frame < 40; frame++) agents.Update();
        Assert.That(agents.Progress.DroppedSteps, Is.InRange(1, 4));
        string before = Bits(agents.GetBrain(0));
        Assert.That(agents.GetBrain(0).HiddenWeights, Is.All.Matches<float>(float.IsFinite));
        for (int frame = 0; frame < 20; frame++) agents.Update();
        Assert.That(Bits(agents.GetBrain(0)), Is.Not.EqualTo(before), "it learns on");
    }

    /// <summary>A brain of its own whose loss is not finite keeps its bits in that step; those of others learn.</summary>
    [Test]
    public void ABrainOfItsOwnSurvivesALossThatIsNotFinite()
    {
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 8,
            HiddenUnits = 3,
            Capacity = 2,
            Latency = 0,
            NormalizeObservations = false,
            Learning = new PolicyGradient { BatchSize = 2, Horizon = 2, NormalizeAdvantages = false, Discount = 1, BaselineRate = 1 },
        });
        for (int i = 0; i < 2; i++)
        {
            agents.Add(new ProbeAgent
            {
                Observations = self => [self.StepCount],
                Act = (self, action) =>
                {
                    self.AddReward(self.Index == 1 ? 3.4e38f : 0.1f * action);
                    if (self.StepCount == 2) self.EndEpisode();
                },
            });
        }

        string[] before = [Bits(agents.GetBrain(0)), Bits(agents.GetBrain(1))];
        for (int frame = 0; frame < 20; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(5));
        Assert.That(Bits(agents.GetBrain(0)), Is.Not.EqualTo(before[0]));
        Assert.That(Bits(agents.GetBrain(1)), Is.EqualTo(before[1]));
    }

    // ---- replay ----

    [Test]
    public void TheSameSeedReplaysTheSameRunBitForBit([Values] BrainSharing sharing, [Values(0, 1, 3)] int latency)
    {
        string first = Run(sharing, latency, seed: 1);
        Assert.That(Run(sharing, latency, seed: 1), Is.EqualTo(first));
        Assert.That(Run(sharing, latency, seed: 2), Is.Not.EqualTo(first));
    }

    private static string Run(BrainSharing sharing, int latency, int seed)
    {
        const int Count = 13;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 3,
            Actions = 4,
            HiddenUnits = 9,
            Capacity = Count,
            Brains = sharing,
            Latency = latency,
            FrameBudget = FrameBudget.Steps(2),
            Seed = seed,
            Learning = new PolicyGradient { BatchSize = 8, Horizon = 5, Epochs = 2 },
        });
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        SeededRandom world = new(4);
        for (int i = 0; i < Count; i++)
        {
            agents.Add(new ProbeAgent
            {
                DecisionPeriod = 1 + (i % 3),
                Observations = _ => [world.NextSingle(), world.NextSingle() * 100, 7],
                Mask = mask => mask.SetActionEnabled(3, false),
                Act = (self, action) =>
                {
                    hash.AppendData([(byte)action]);
                    self.AddReward(action - world.NextSingle());
                    if (world.NextInt32(20) == 0) self.EndEpisode();
                },
            });
        }

        for (int frame = 0; frame < 150; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(10));
        int brains = sharing == BrainSharing.Shared ? 1 : Count;
        return Convert.ToHexString(hash.GetHashAndReset()) + string.Concat(Enumerable.Range(0, brains).Select(brain => Bits(agents.GetBrain(brain))));
    }

    private static string Bits(ClassifierParameters weights)
    {
        float[] all = [.. weights.HiddenWeights, .. weights.HiddenBiases, .. weights.OutputWeights, .. weights.OutputBiases];
        return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<float>(all)));
    }
}
