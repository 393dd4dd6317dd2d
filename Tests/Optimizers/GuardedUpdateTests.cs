using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Steps with a finite loss and gradients that are not finite: a parameter whose new value is not finite keeps its value and its state, and all others
/// have the bits that they would have if it did not exist.
/// </summary>
/// <remarks>
/// The weights of one feature are zero, so that its value, 3e38 or 0, changes no output. Every gradient of its weights is then infinite, or zero, and no other gradient
/// differs: a network that sees the 3e38 must go on as its twin, which sees a 0, bit by bit.
/// </remarks>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class GuardedUpdateTests
{
    private const int Huge = 2;   // the feature
    private const int Rows = 5;
    private const float Rate = 0.01f;

    private static readonly Optimizer[] Optimizers =
        [new Sgd(1e-4f), new Sgd(1e-4f, Momentum: 0.9f, WeightDecay: 0.01f), new Adam(Rate), new AdamW(Rate, WeightDecay: 0.1f), new RmsProp(Rate)];

    private static readonly Loss[] Losses = [new SoftmaxCrossEntropy(0.01f), new MeanSquaredError(), new HuberLoss(4)];

    /// <summary>Steps in one dispatch, in three, and one for each layer. Every kernel takes a software driver a second to compile, so most run at night.</summary>
    private static IEnumerable<TestCaseData> Steps()
    {
        foreach (Optimizer optimizer in Optimizers)
        {
            foreach ((string stack, bool fused) in new[] { "9-4", "16-32-4", "21-130-10", "9-19-33-40" }.SelectMany(stack => new[] { (stack, false), (stack, true) }))
            {
                bool isShort = stack == "16-32-4" ? fused : optimizer is Adam && stack == "21-130-10";
                TestCaseData step = new(optimizer, stack, fused);
                yield return isShort ? step : step.SetCategory(Categories.Nightly);
            }
        }
    }

    [TestCaseSource(nameof(Steps))]
    public void OnlyTheParametersWithoutAFiniteValueStay(Optimizer optimizer, string stack, bool fused)
    {
        AssertThatOnlyTheyStay(stack, optimizer, new SoftmaxCrossEntropy(), fused);
    }

    [Test]
    public void EveryLossIsGuarded([ValueSource(nameof(Losses))] Loss loss)
    {
        AssertThatOnlyTheyStay("16-32-4", new Sgd(1e-7f), loss, fused: true);
    }

    /// <summary>A square of the gradient overflows long before the gradient does; without a guard, an infinite second moment would stop the weight forever.</summary>
    [Test]
    public void AMomentThatIsNotFiniteStays()
    {
        using Network network = Make("16-32-4");
        using BatchTrainer trainer = new(network, new Adam(Rate));
        float[] features = Features(network.Inputs, 1e25f, seed: 1);
        trainer.TrainBatch(features, new int[Rows], Weights);
        Assert.That(trainer.ReadState().Moments.SelectMany(state => state).SelectMany(moment => moment), Is.All.Matches<float>(float.IsFinite));
        float[] before = RowOfHuge(network);
        Assert.That(before, Is.All.Zero);
        for (int step = 0; step < 3; step++) trainer.TrainBatch(Features(network.Inputs, 0.5f, seed: 2), new int[Rows], Weights);
        Assert.That(RowOfHuge(network), Has.None.Zero, "they learn on");
    }

    /// <summary>Batches that kernels draw, and steps that are logged: the step counts.</summary>
    [Test]
    public void InTheFrameToo([Values("16-32-4", "21-130-10")] string stack)
    {
        using Network spoiled = Make(stack), steady = Make(stack);
        using TrainingSet huge = Samples(spoiled, 3e38f), plain = Samples(steady, 0);
        TrainerOptions options = new() { BatchSize = Rows, FrameBudget = FrameBudget.Steps(1), Optimizer = new Adam(Rate), Seed = 1 };
        using InFrameTrainer trainer = new(spoiled, huge, options), reference = new(steady, plain, options);
        for (int step = 0; step < 8; step++)
        {
            trainer.Tick();
            reference.Tick();
            TestDevice.EndFrame();
        }

        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That((trainer.Progress.HasKeptParameters, reference.Progress.HasKeptParameters), Is.EqualTo((true, false)));
        AssertSame(spoiled, steady, "after eight steps");
        Assert.That(RowOfHuge(spoiled), Is.All.Zero);
    }

    /// <summary>It is told of a step that more steps follow in its frame than the window has, and no longer when later ones are known.</summary>
    [Test]
    public void InAFrameOfManyStepsToo()
    {
        const int Count = 200, Steps = 100, Position = 10;
        using Network network = Make("16-32-4");
        using TrainingSet samples = new(network.Device, network.Inputs, network.Outputs, Count);
        float[] features = TwinArrays.UniformFloats(100, Count * network.Inputs, -1, 1);
        for (int row = 0; row < Count; row++) features[(row * network.Inputs) + Huge] = row == SampleOrder.RowAt(1, 0, Count, Position) ? 3e38f : 0;
        samples.AddRange(features, new int[Count], [.. Enumerable.Repeat(100f, Count)]);
        using InFrameTrainer trainer = new(network, samples, new TrainerOptions { BatchSize = 1, FrameBudget = FrameBudget.Steps(Steps), Optimizer = new Adam(Rate), Seed = 1 });
        while (trainer.Tick().Steps < Steps) TestDevice.EndFrame();
        trainer.FrameBudget = FrameBudget.Steps(1);
        int told = trainer.Progress.HasKeptParameters ? 1 : 0;
        for (int frame = 0; frame < 20; frame++)
        {
            TestDevice.EndFrame();
            if (trainer.Tick().HasKeptParameters) told++;
        }

        Assert.That(trainer.Progress.State, Is.EqualTo(TrainerState.Training));
        Assert.That(told, Is.Positive);
        Assert.That(trainer.Progress.HasKeptParameters, Is.False);
        Assert.That(RowOfHuge(network), Is.All.Zero);
    }

    /// <summary>A member that sees a huge feature, beside others.</summary>
    [Test]
    public void InAPopulationToo([ValueSource(nameof(Optimizers))] Optimizer optimizer)
    {
        AssertThatOnlyTheyStay(optimizer, rows: 5);
    }

    [Test]
    public void InAPopulationWhoseStepIsSeveralDispatchesToo()
    {
        AssertThatOnlyTheyStay(new Adam(Rate), rows: 20);
    }

    /// <summary>
    /// Proximal policy optimization and policy gradients, by a shared brain and by brains of their own. The baseline of the latter follows the observations, so that its agents
    /// learn other weights if these are huge.
    /// </summary>
    [Test]
    public void InAgentsToo([Values] BrainSharing brains, [Values] bool isActorCritic)
    {
        using AgentPopulation agents = Agents(3e38f), steady = Agents(0);
        ClassifierParameters start = agents.GetBrain(0);
        for (int frame = 0; frame < 200; frame++)
        {
            agents.Update();
            steady.Update();
        }

        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(5));
        Assert.That(agents.Progress.DroppedSteps, Is.Zero);
        for (int brain = 0; brain < (brains == BrainSharing.Shared ? 1 : 2); brain++)
        {
            AssertSame(agents.GetBrain(brain), isActorCritic ? steady.GetBrain(brain) : agents.GetBrain(brain), $"brain {brain}");
        }

        Assert.That(agents.GetBrain(0).HiddenWeights, Is.Not.EqualTo(start.HiddenWeights), "they learned");

        AgentPopulation Agents(float seen)
        {
            AgentPopulation made = new(TestDevice.Plain, new AgentPopulationOptions
            {
                Observations = 4,
                Actions = 3,
                HiddenUnits = 8,
                Capacity = 2,
                Brains = brains,
                Latency = 0,
                FrameBudget = FrameBudget.Steps(4),
                Seed = 3,
                NormalizeObservations = false,
                Learning = isActorCritic ? new ActorCritic { RolloutSize = 32, LeastRolloutPerAgent = 16, Minibatches = 2, Epochs = 2 }
                    : new PolicyGradient { BatchSize = 8, Horizon = 4, Optimizer = new Adam(Rate) },
            });
            for (int i = 0; i < 2; i++)
            {
                made.Add(new ProbeAgent
                {
                    Observations = self => [self.StepCount % 3, 1, seen, -self.StepCount % 2],
                    Act = (self, action) =>
                    {
                        self.AddReward(action == self.StepCount % 3 ? 1 : 0);
                        if (self.StepCount == 7) self.EndEpisode();
                    },
                });
                if (brains == BrainSharing.Shared && i > 0) continue;
                ClassifierParameters brain = made.GetBrain(i);
                made.SetBrain(i, brain with { HiddenWeights = HiddenWeights(brain.HiddenWeights, 8) });
            }

            return made;
        }
    }

    private static float[] Weights => [.. Enumerable.Repeat(100f, Rows)];

    private static void AssertThatOnlyTheyStay(string stack, Optimizer optimizer, Loss loss, bool fused)
    {
        using Network network = Make(stack), steady = Make(stack);
        using BatchTrainer trainer = new(network, optimizer, loss, fused: fused), reference = new(steady, optimizer, loss, fused: fused);
        for (int step = 0; step < 5; step++)
        {
            BatchResult result = Train(trainer, step % 2 == 0 ? 3e38f : 0, step), expected = Train(reference, 0, step);
            Assert.That(result.Loss, Is.EqualTo(expected.Loss).And.Matches<float>(float.IsFinite));
            Assert.That(RowOfHuge(network), Is.All.Zero);
            AssertSame(network, steady, $"after step {step}");
            Assert.That(trainer.ReadState().Moments, Is.EqualTo(reference.ReadState().Moments), $"after step {step}");
        }

        Assert.That(trainer.Steps, Is.EqualTo(5));

        BatchResult Train(BatchTrainer trained, float huge, int step)
        {
            float[] features = Features(network.Inputs, huge, step);
            return loss is SoftmaxCrossEntropy ? trained.TrainBatch(features, new int[Rows], Weights) : trained.TrainBatch(features, Targets(network.Outputs), Weights);
        }
    }

    private static void AssertThatOnlyTheyStay(Optimizer optimizer, int rows)
    {
        const int Members = 9, Inputs = 7, Hidden = 9, Classes = 3, Spoiled = 7;
        using NetworkPopulation population = Population(optimizer), steady = Population(optimizer);
        float[] losses = new float[Members];
        for (int step = 0; step < 4; step++)
        {
            float[] plain = TwinArrays.UniformFloats(10 + step, Members * rows * Inputs, -1, 1), weights = [.. Enumerable.Repeat(100f, Members * rows)];
            for (int row = 0; row < rows; row++) plain[(((Spoiled * rows) + row) * Inputs) + Huge] = 0;
            float[] features = [.. plain];
            if (step % 2 == 0) features[(((Spoiled * rows) + rows - 1) * Inputs) + Huge] = 3e38f;
            population.TrainBatch(features, new int[Members * rows], optimizer.LearningRate, losses, weights);
            steady.TrainBatch(plain, new int[Members * rows], optimizer.LearningRate, default, weights);
            Assert.That(losses, Is.All.Matches<float>(float.IsFinite));
            for (int member = 0; member < Members; member++) AssertSame(population.GetParameters(member), steady.GetParameters(member), $"member {member} after step {step}");
        }

        NetworkPopulation Population(Optimizer optimizer)
        {
            NetworkPopulation made = new(TestDevice.Plain, Members, Inputs, Hidden, Classes, seed: 3, optimizer);
            ClassifierParameters parameters = made.GetParameters(Spoiled);
            made.SetParameters(Spoiled, new ClassifierParameters(
                HiddenWeights(parameters.HiddenWeights, Hidden), OnesOf(Hidden), LastWeights(parameters.OutputWeights, Classes), parameters.OutputBiases));
            return made;
        }
    }

    /// <summary>Every unit is open and pulls the outputs the way in which they are wrong, so that the gradients of the units are far from zero.</summary>
    private static Network Make(string stack)
    {
        int[] units = [.. stack.Split('-').Select(int.Parse)];
        Network network = new(
            TestDevice.Plain, 4, units[0], [.. units[1..^1].SelectMany(count => new Layer[] { new Dense(count), new Relu() }), new Dense(units[^1])]);
        for (int layer = 0; layer < units.Length - 1; layer++)
        {
            NetworkParameter weights = network.Parameters[2 * layer], biases = network.Parameters[(2 * layer) + 1];
            float[] values = weights.GetValues();
            if (layer < units.Length - 2) biases.SetValues(OnesOf(units[layer + 1]));
            else if (layer > 0) values = LastWeights(values, units[^1]);
            weights.SetValues(layer == 0 ? HiddenWeights(values, units[1]) : layer < units.Length - 2 ? [.. values.Select(MathF.Abs)] : values);
        }

        return network;
    }

    /// <summary>Small ones, with zeros for the feature.</summary>
    private static float[] HiddenWeights(float[] values, int units) => [.. values.Select((value, i) => i / units == Huge ? 0 : 0.1f * value)];

    private static float[] LastWeights(float[] values, int outputs) => [.. values.Select((value, i) => (i % outputs == 0 ? -1 : 1) * (0.5f + MathF.Abs(value)))];

    private static float[] OnesOf(int units) => [.. Enumerable.Repeat(1f, units)];

    /// <summary>Far below the outputs, but for the first, which is far above.</summary>
    private static float[] Targets(int outputs) => [.. Enumerable.Range(0, Rows * outputs).Select(i => i % outputs == 0 ? 1000f : -1000f)];

    /// <summary>Only the last sample has the huge feature.</summary>
    private static float[] Features(int inputs, float huge, int seed)
    {
        float[] features = TwinArrays.UniformFloats(100 + seed, Rows * inputs, -1, 1);
        for (int row = 0; row < Rows; row++) features[(row * inputs) + Huge] = row == Rows - 1 ? huge : 0;
        return features;
    }

    private static TrainingSet Samples(Network network, float huge)
    {
        TrainingSet samples = new(network.Device, network.Inputs, network.Outputs, capacity: 2 * Rows);
        for (int part = 0; part < 2; part++) samples.AddRange(Features(network.Inputs, part == 0 ? huge : 0, part), new int[Rows], Weights);
        return samples;
    }

    private static float[] RowOfHuge(Network network)
    {
        NetworkParameter weights = network.Parameters[0];
        return weights.GetValues()[(Huge * weights.Columns)..((Huge + 1) * weights.Columns)];
    }

    private static void AssertSame(ClassifierParameters found, ClassifierParameters expected, string where)
    {
        Assert.That(found.HiddenWeights, Is.EqualTo(expected.HiddenWeights).And.All.Matches<float>(float.IsFinite), $"hidden weights: {where}");
        Assert.That(found.HiddenBiases, Is.EqualTo(expected.HiddenBiases).And.All.Matches<float>(float.IsFinite), $"hidden biases: {where}");
        Assert.That(found.OutputWeights, Is.EqualTo(expected.OutputWeights).And.All.Matches<float>(float.IsFinite), $"output weights: {where}");
        Assert.That(found.OutputBiases, Is.EqualTo(expected.OutputBiases).And.All.Matches<float>(float.IsFinite), $"output biases: {where}");
    }

    private static void AssertSame(Network network, Network steady, string when)
    {
        foreach ((NetworkParameter found, NetworkParameter expected) in network.Parameters.Zip(steady.Parameters))
            Assert.That(found.GetValues(), Is.EqualTo(expected.GetValues()).And.All.Matches<float>(float.IsFinite), $"{found.Name} {when}");
    }
}
