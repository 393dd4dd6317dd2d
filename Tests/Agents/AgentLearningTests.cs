using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// A learning algorithm is a record and its learner. The one below is not part of the library, and learns in a population like those that are.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentLearningTests
{
    private const int Agents = 4;

    [Test]
    public void AnotherWayLearnsFromReward([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, new Repetition());
        ProbeAgent[] all = AddAll(agents);
        for (int frame = 0; frame < 600; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.InRange(550, 600));
        Assert.That(IsRight(agents, all), Is.All.True);
    }

    [Test]
    public void AnotherWayLearnsFromWhatIsShown([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, new Repetition { LearnsFromReward = false });
        ProbeAgent[] all = AddAll(agents);
        foreach (ProbeAgent agent in all) agent.Demonstrates = true;
        for (int frame = 0; frame < 600; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.EqualTo(600));
        Assert.That(IsRight(agents, all), Is.All.True);
    }

    /// <summary>Without demonstrations or rewards there is no step, and the brains stay unchanged.</summary>
    [Test]
    public void WithoutExperienceItTakesNoStep([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, new Repetition { LearnsFromReward = false });
        AddAll(agents);
        ClassifierParameters before = agents.GetBrain(0);
        for (int frame = 0; frame < 30; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.Zero);
        Assert.That(agents.GetBrain(0).OutputWeights, Is.EqualTo(before.OutputWeights));
    }

    /// <summary>The record chooses the optimizer: with one that moves nothing, the brains stay unchanged.</summary>
    [Test]
    public void ItsOptimizerTrainsTheBrains([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = Make(sharing, new Repetition { Rate = 0 });
        AddAll(agents);
        ClassifierParameters before = agents.GetBrain(0);
        for (int frame = 0; frame < 30; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(10));
        Assert.That(agents.GetBrain(0).HiddenWeights, Is.EqualTo(before.HiddenWeights));
        Assert.That(agents.GetBrain(0).OutputBiases, Is.EqualTo(before.OutputBiases));
    }

    /// <summary>There is room for as many textures as the record says that its learner keeps, plus those of pending questions.</summary>
    [TestCase(BrainSharing.OneEach, Agents * (1 + Repetition.Kept))]
    [TestCase(BrainSharing.Shared, Agents + Repetition.Kept)]
    public void ItSaysHowManyTexturesAreKept(BrainSharing sharing, int kept)
    {
        const int Questions = 1;   // with a latency of 0
        TestDevice.RequireOpenGL();
        using AgentPopulation agents = Make(sharing, new Repetition(), new TextureObservations(2, 2));
        Assert.That(agents.Brains.Seen!.Free, Is.EqualTo(kept + (Questions * Agents) + 1));
    }

    private static AgentPopulation Make(BrainSharing sharing, AgentLearning learning, TextureObservations? textures = null) =>
        new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 2,
            TextureObservations = textures,
            Actions = 3,
            HiddenUnits = 8,
            Capacity = Agents,
            Brains = sharing,
            Latency = 0,
            NormalizeObservations = false,
            Seed = 4,
            Learning = learning,
        });

    /// <summary>Two observations alternate, each with one right action.</summary>
    private static ProbeAgent[] AddAll(AgentPopulation agents)
    {
        ProbeAgent[] all =
        [
            .. Enumerable.Range(0, Agents).Select(_ => new ProbeAgent
            {
                Observations = self => self.StepCount % 2 == 0 ? [1, 0] : [0, 1],
                Act = (self, action) =>
                {
                    self.AddReward(action == Right(self.StepCount - 1) ? 1 : 0);
                    if (self.StepCount == 10) self.EndEpisode();
                },
                Demonstration = self => Right(self.StepCount),
            }),
        ];
        foreach (ProbeAgent agent in all) agents.Add(agent);
        return all;
    }

    private static int Right(long step) => step % 2 == 0 ? 2 : 0;

    /// <summary>Whether each agent's most probable actions are right throughout an episode.</summary>
    private static bool[] IsRight(AgentPopulation agents, ProbeAgent[] all)
    {
        agents.Explores = agents.Learns = false;
        foreach (ProbeAgent agent in all) agent.EndEpisode();
        foreach (ProbeAgent agent in all) agent.ActionsReceived.Clear();
        for (int frame = 0; frame < 10; frame++) agents.Update();
        return [.. all.Select(agent => agent.ActionsReceived.SequenceEqual(Enumerable.Range(0, 10).Select(step => Right(step))))];
    }

    /// <summary>Learning to repeat rewarded and demonstrated actions.</summary>
    private sealed record Repetition : AgentLearning
    {
        public const int Kept = 64;

        public const int BatchSize = 16;

        public float Rate { get; init; } = 0.1f;

        public bool LearnsFromReward { get; init; } = true;

        internal override string Name => "repetition";

        internal override Sgd OwnOptimizer => new(Rate);

        internal override Optimizer SharedOptimizer => new Sgd(Rate);

        internal override Loss CreateLoss(AgentPopulationOptions population) => new SoftmaxCrossEntropy(EntropyBonus: 0.5f);   // otherwise it repeats the first rewarded action, and tries no other

        internal override Learner CreateLearner(Brains brains, AgentPopulationOptions population, ObservationNormalizer? normalizer)
        {
            return new RepetitionLearner(brains, population, this);
        }

        internal override int MostRowsOfAStep(AgentPopulationOptions population) => BatchSize;

        internal override int MostDecisionsKept(AgentPopulationOptions population) => population.Capacity + (Kept * population.BrainCount);
    }

    private sealed class RepetitionLearner(Brains brains, AgentPopulationOptions population, Repetition options)
        : Learner, ILearnsFromReward, ILearnsFromDemonstrations
    {
        private readonly DecisionBatch batch = new(brains, population, Repetition.BatchSize);
        private readonly DecisionQueue last = new(population.Capacity, 1, population.Observations, population.Policy, brains.Seen);
        private readonly DecisionQueue good = new(brains.Count, Repetition.Kept, population.Observations, population.Policy, brains.Seen);

        public void Decide(int agent, in Decision decision) => last.Add(agent, decision, weight: 1);

        public void Reward(int agent, float reward)
        {
            if (options.LearnsFromReward && reward > 0 && last.Count(agent) > 0) good.Add(brains.BrainOf(agent), last[agent, 0], weight: 1);
        }

        public void EndEpisode(int agent, bool isCutOff) => last.Remove(agent, last.Count(agent));

        public void Demonstrate(int agent, in Decision decision) => good.Add(brains.BrainOf(agent), decision, weight: 1);

        public override int Lines => brains.StepLines;

        protected override bool Step(int agents)
        {
            bool any = false;
            for (int brain = 0; brain < brains.Count; brain++)
            {
                int count = good.Count(brain);
                any |= count > 0;
                if (count == 0) batch.SetNothing(brain);
                for (int i = 0; count > 0 && i < batch.Size; i++) batch.Set(brain, i, good[brain, i % count], weight: 1);
            }

            return any;
        }

        protected override void Enqueue(StepPart lines) => batch.Enqueue(lines);
    }
}
