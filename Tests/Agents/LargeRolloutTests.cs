using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Rollouts that are too large to be prepared for learning in one frame.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class LargeRolloutTests
{
    private const int Agents = 300, Rollout = 64;   // 19,200 decisions: a frame prepares 8,192 of them

    private static readonly AgentPopulationOptions Options = new()
    {
        Observations = 2,
        Actions = 2,
        HiddenUnits = 4,
        Capacity = Agents,
        Latency = 0,
        Learning = ActorCritic.Quick with { Epochs = 2 },
        FrameBudget = FrameBudget.Steps(1),
    };

    /// <summary>With a budget in steps as many decisions in each frame, so that a run is repeatable; what takes time is reported.</summary>
    [Test]
    public void TheyArePreparedInSomeFrames([Values] BrainSharing sharing)
    {
        ManualTime time = new() { NanosecondsPerLook = 1000 };
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Brains = sharing, TimeProvider = time });
        Fill(agents);
        int full = 0;
        List<long> steps = [];
        for (int frame = 0; frame < 140; frame++)
        {
            TestDevice.Frame(agents);
            steps.Add(agents.Progress.TrainingSteps);
            bool prepares = steps[^1] == 0 && agents.Progress.TrainingTime > TimeSpan.Zero;
            if (prepares) full++;
        }

        Assert.That(full, Is.EqualTo(2), "the third frame prepares the rest, and has a step");
        int first = steps.FindIndex(count => count > 0);
        Assert.That(first, Is.InRange(Rollout + 1, Rollout + 6));
        Assert.That(steps[(first + 3)..(first + 10)], Is.All.EqualTo(4), "two epochs of two minibatches");
        Assert.That(steps[^1], Is.EqualTo(8));
        Assert.That(agents.Progress.SkippedDecisions, Is.Zero);
        Assert.That(agents.Progress.LearnedDecisions, Is.EqualTo(2 * Agents * Rollout).Within(2 * Agents * 4));
    }

    /// <summary>A file knows how far that was, and its run continues in the same frames with the same bits.</summary>
    [TestCase(BrainSharing.Shared, 1, Description = "some advantages are computed")]
    [TestCase(BrainSharing.OneEach, 2, Description = "some decisions are sorted")]
    public void ARunThatIsSavedMeanwhileContinuesWithTheSameBits(BrainSharing sharing, int framesOfPreparing)
    {
        AgentPopulationOptions options = Options with { Brains = sharing };
        string folder = Directory.CreateTempSubdirectory("rollouts").FullName;
        string PathOf(string name) => Path.Combine(folder, name);
        try
        {
            using AgentPopulation first = new(TestDevice.Plain, options);
            List<Agent> before = Fill(first);
            while (first.Progress.TrainingTime == TimeSpan.Zero) TestDevice.Frame(first);
            for (int frame = 1; frame < framesOfPreparing; frame++) TestDevice.Frame(first);
            Assert.That(first.Progress.TrainingSteps, Is.Zero);
            first.Save(PathOf("begun"));
            using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, PathOf("begun"), options);
            foreach (Agent agent in before) first.Remove(agent);
            foreach (AgentPopulation population in (AgentPopulation[])[first, second])
            {
                Fill(population);
                for (int frame = 0; frame < 80; frame++) TestDevice.Frame(population);
                population.Save(PathOf(population == first ? "first" : "second"));
            }

            Assert.That(second.Progress.TrainingSteps, Is.EqualTo(8));
            Assert.That(File.ReadAllBytes(PathOf("second")), Is.EqualTo(File.ReadAllBytes(PathOf("first"))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static List<Agent> Fill(AgentPopulation agents)
    {
        List<Agent> added = [];
        for (int i = 0; i < Agents; i++)
        {
            int number = i;
            added.Add(new ProbeAgent
            {
                Observations = self => [number % 2, self.StepCount % 3],
                Act = (self, action) =>
                {
                    self.AddReward(action == number % 2 ? 1 : 0);
                    if (self.StepCount % 5 == number % 5) self.EndEpisode();
                },
            });
            agents.Add(added[^1]);
        }

        return added;
    }
}
