using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Calls whose dispatches the driver skips, all of them or the later ones, and the calls after them.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class SkippedDispatchTests : IDisposable
{
    private const int Inputs = 5;
    private const int Classes = 3;
    private const int Batch = 6;
    private const int Members = 3;
    private const int Hidden = 4;

    private readonly TestGl gl = TestGls.Create();
    private readonly NeuralDevice device;

    public SkippedDispatchTests() => device = NeuralDevice.Attach(gl.Api);

    [SetUp]
    public void NeedsADriverThatSkips() => TestDevice.RequireOpenGL();

    public void Dispose()
    {
        device.Dispose();
        gl.Dispose();
    }

    /// <summary>However many of a step's dispatches have run, weights, optimizer and count are unchanged, and the next step has the bits of the first attempt.</summary>
    [Test]
    public void AStepThatBreaksOffChangesNothing([Values] bool fused, [Values] bool momentum)
    {
        using Network network = Make(), twin = Make();
        Optimizer optimizer = momentum ? new Adam(0.01f) : new Sgd(0.1f);
        using BatchTrainer trainer = new(network, optimizer, fused: fused), steady = new(twin, optimizer, fused: fused);
        gl.ClearRecords();
        for (int step = 0; step < 3; step++)
        {
            trainer.TrainBatch(Features(step), Labels(step));
            steady.TrainBatch(Features(step), Labels(step));
        }

        long dispatches = gl.Dispatches / 6;
        float[][] before = Values(network);
        for (int run = 0; run < dispatches; run++)
        {
            gl.ClearRecords();
            gl.MostDispatches = run;
            DispatchesSkippedException exception = Assert.Throws<DispatchesSkippedException>(() => trainer.TrainBatch(Features(9), Labels(9)), $"after {run} of {dispatches}")!;
            Assert.That(exception.Message, Does.Contain("glBeginConditionalRender"));
            gl.MostDispatches = long.MaxValue;
            Assert.That(Values(network), Is.EqualTo(before));
            Assert.That(trainer.Steps, Is.EqualTo(3));
        }

        Assert.That(trainer.TrainBatch(Features(3), Labels(3)), Is.EqualTo(steady.TrainBatch(Features(3), Labels(3))));
        Assert.That(Values(network), Is.EqualTo(Values(twin)));
    }

    [Test]
    public void WhatIsComputedIsWholeOrNotWritten()
    {
        using Network network = Make();
        float[] features = Features(0), expected = new float[Batch * Classes], found = new float[Batch * Classes], inputGradients = new float[Batch * Inputs];
        network.Predict(features, expected);
        Break("Predict", () => network.Predict(features, found));
        Break("ComputeLogits", () => network.ComputeLogits(features, found));
        Break("ComputeGradients", () => network.ComputeGradients(features, Labels(0)));
        Break("ComputeInputGradients", () => network.ComputeInputGradients(features, expected, inputGradients));
        Assert.That(found.Concat(inputGradients), Is.All.Zero);
        network.Predict(features, found);
        Assert.That(found, Is.EqualTo(expected));

        void Break(string name, Action call)
        {
            gl.ClearRecords();
            call();
            long dispatches = gl.Dispatches;
            Array.Clear(found);
            Array.Clear(inputGradients);
            for (int run = 0; run < dispatches; run++)
            {
                gl.ClearRecords();
                gl.MostDispatches = run;
                Assert.Throws<DispatchesSkippedException>(() => call(), $"{name} after {run} of {dispatches}");
                gl.MostDispatches = long.MaxValue;
            }
        }
    }

    /// <summary>A step of another trainer that is open across frames has lost its writes, and starts over.</summary>
    [Test]
    public void AnOpenStepOfAnotherTrainerIsWholeAllTheSame([Values] bool skipped)
    {
        using TwoLayerClassifier classifier = new(device, Inputs, hidden: 64, Classes), twin = new(device, Inputs, hidden: 64, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
        samples.AddRange(TwinArrays.UniformFloats(1, 64 * Inputs, -1, 1), TwinArrays.Labels(2, 64, Classes));
        gl.NanosecondsPerGroup = 5_000;
        TrainerOptions options = new()
        {
            BatchSize = 64,
            Optimizer = new Sgd(0.1f, Momentum: 0.9f),
            FrameBudget = FrameBudget.Milliseconds(0.02),
            TimeProvider = new ManualTime { NanosecondsPerLook = 1_000 },
        };
        using InFrameTrainer trainer = classifier.TrainOn(samples, options);
        using InFrameTrainer steady = twin.TrainOn(samples, options with { FrameBudget = FrameBudget.Steps(1) });
        using BatchTrainer other = classifier.TrainWith(new Sgd(0.1f));
        if (!skipped) other.TrainBatch(Features(0), Labels(0));
        if (!skipped) classifier.SetParameters(twin.GetParameters());
        long steps = 0;
        for (int frame = 0; frame < 2_000 && steps < 3; frame++)
        {
            gl.NextFrame();
            trainer.Tick();
            gl.DropDispatches = skipped;
            if (skipped) Assert.Throws<DispatchesSkippedException>(() => other.TrainBatch(Features(0), Labels(0)));
            else Assert.That(float.IsNaN(other.TrainBatch([.. Enumerable.Repeat(float.MaxValue, Batch * Inputs)], Labels(0)).Loss), "one that is dropped");
            gl.DropDispatches = false;
            if (frame % 40 != 39) continue;
            for (int more = 0; more < 400 && trainer.Progress.Steps == steps; more++)
            {
                gl.NextFrame();
                trainer.Tick();
            }

            steps = trainer.Progress.Steps;
        }

        Assert.That(steps, Is.AtLeast(3));
        for (int step = 0; step < steps; step++) steady.Tick();
        Assert.That(steady.Progress.Steps, Is.EqualTo(steps));
        trainer.Pause();
        Assert.That(Weights(classifier.GetParameters()), Is.EqualTo(Weights(twin.GetParameters())));
    }

    /// <summary>
    /// The order of a set's samples is computed in a frame in which the driver skips dispatches: later steps draw the samples that they should, and not those of the order before, long before the skip is known. Every sample
    /// that is still in the set costs log 3; those of the cleared set, which an old order draws, cost nothing.
    /// </summary>
    [Test]
    public void AnOrderThatIsSkippedIsDrawnRight([Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        using LinearClassifier classifier = new(device, Inputs, Classes);
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 64);
        samples.AddRange(new float[64 * Inputs], new int[64], new float[64]);
        TrainerOptions options = new() { BatchSize = 4, Optimizer = new Sgd(0), FrameBudget = FrameBudget.Steps(1) };
        using InFrameTrainer trainer = classifier.TrainOn(samples, options);
        int told = 0;
        while (trainer.Progress.Steps == 0) Frame();
        for (int frame = 0; frame < 5; frame++) Frame();
        trainer.Pause();
        for (int frame = 0; frame < 5; frame++) Frame();
        Assert.That(trainer.Progress.Loss, Is.Zero);
        long before = trainer.Progress.Steps;
        trainer.Resume();
        samples.Clear();
        samples.AddRange(new float[4 * Inputs], new int[4]);
        gl.DropDispatches = true;
        Frame();
        gl.DropDispatches = false;
        for (int frame = 0; frame < 8; frame++) Frame();
        trainer.Pause();
        for (int frame = 0; frame < 5; frame++) Frame();
        Assert.That(told, Is.EqualTo(1));
        Assert.That(trainer.Progress.Loss, Is.EqualTo(Math.Log(Classes) * 7 / (before + 7)).Within(1e-4), "of the eight frames, one told of the skipped step");

        void Frame()
        {
            gl.NextFrame();
            try
            {
                trainer.Tick();
            }
            catch (DispatchesSkippedException)
            {
                told++;
            }
        }
    }

    /// <summary>No filling ever runs: what later calls draw is the order all the same, a part at a time and past the ends of epochs.</summary>
    [TestCase(37, 4, 3)]
    [TestCase(785, 64, 1)]
    [TestCase(785, 300, 2)]
    [TestCase(9, 9, 100)]
    public void BatchesOfASkippedOrderAreWrittenBeforeTheyAreDrawn(int count, int batchSize, int most)
    {
        using TrainingSet samples = new(device, 1, Classes, count);
        samples.AddRange(new float[count], new int[count]);
        using NeuralDevice.Scope scope = device.Enter();
        samples.Upload();
        using SampleOrder order = new(samples, 5, batchSize);
        MatrixTexture texture = (MatrixTexture)order.Filling.Matrices[0].Operand;
        uint[] rows = new uint[texture.Shape.Elements];
        int compared = 0;
        for (int call = 0; call < 40; call++)
        {
            order.Confirm();
            DrawnBatch batch = order.BeginBatch();
            bool isSkipped = order.NeedsFilling;
            int steps = Math.Min(most, order.BatchesReady);
            order.ConfirmNext(steps);
            if (isSkipped) order.NoteFilling();
            order.EndFilling();
            texture.Read(MemoryMarshal.Cast<uint, float>(rows.AsSpan()));
            for (int step = 0; step < steps; step++)
            {
                if (step > 0) batch = order.BeginBatch();
                int position = order.State.Position;
                int[] expected = [.. Enumerable.Range(position, batch.Rows).Select(i => SampleOrder.RowAt(5, batch.Epoch, count, i))];
                if (!isSkipped) Assert.That(rows.AsSpan(batch.FirstSample, batch.Rows).ToArray(), Is.EqualTo(expected), $"epoch {batch.Epoch}, position {position}");
                compared += isSkipped ? 0 : 1;
                order.EndBatch();
            }
        }

        Assert.That(compared, Is.GreaterThan(30));
    }

    // ---- populations ----

    [Test]
    public void AStepOfAPopulationThatBreaksOffChangesNothing([Values(1, 200)] int rows)
    {
        using NetworkPopulation population = Population(), twin = Population();
        float[] losses = new float[Members], expected = new float[Members];
        Train(population, 0, rows, losses);
        Train(twin, 0, rows, expected);
        gl.ClearRecords();
        Train(population, 1, rows, losses);
        Train(twin, 1, rows, expected);
        long dispatches = gl.Dispatches / 2;
        for (int run = 0; run < dispatches; run++)
        {
            gl.ClearRecords();
            gl.MostDispatches = run;
            Assert.Throws<DispatchesSkippedException>(() => Train(population, 9, rows, losses), $"after {run} of {dispatches}");
            gl.MostDispatches = long.MaxValue;
            Assert.That(losses, Is.EqualTo(expected), "nothing is written");
            AssertSame(population, twin, "what they were");
        }

        Train(population, 2, rows, losses);
        Train(twin, 2, rows, expected);
        Assert.That(losses, Is.EqualTo(expected));
        AssertSame(population, twin, "as if it had never been");
        gl.DropDispatches = true;
        float[] probabilities = new float[Members * Classes];
        Assert.Throws<DispatchesSkippedException>(() => population.Predict(TwinArrays.UniformFloats(3, Members * Inputs, -1, 1), probabilities));
        Assert.That(probabilities, Is.All.Zero);
    }

    /// <summary>No step followed them: the weights and the optimizer's state are unchanged, and training continues as if they had never been.</summary>
    [Test]
    public void SkippedStepsOfAPopulationChangeNothing([Values(1, 2, 3, 64)] int count, [Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        using NetworkPopulation population = Population(), twin = Population();
        for (int step = 0; step < 5; step++)
        {
            Train(population, step);
            Train(twin, step);
            NextFrame();
        }

        gl.DropDispatches = true;
        for (int step = 0; step < count; step++) population.RepeatStep();
        gl.DropDispatches = false;
        List<long> told = Wait(population);
        Assert.That(told[^1], Is.EqualTo(5 + count));
        Assert.That(told, Has.Count.AtMost(2).And.Unique, "none is reported twice");
        Assert.That(population.LostSteps, Is.EqualTo(count));
        AssertSame(population, twin, "what they were");
        for (int step = 5; step < 8; step++)
        {
            Train(population, step);
            Train(twin, step);
        }

        AssertSame(population, twin, "it continues from there");
        Assert.That(Wait(population), Is.Empty);
    }

    /// <summary>A frame whose record later frames have replaced when it can be read.</summary>
    [Test]
    public void ASkippedFrameOfManyStepsOfAPopulationIsFound([Values(22, 64)] int stepsPerFrame, [Values(2, 3)] int delayFrames)
    {
        const int frames = 9, skippedFrame = 4;
        gl.DelayFrames = delayFrames;
        using NetworkPopulation population = MakeWithSgd(), twin = MakeWithSgd();
        Train(population, 0);
        Train(twin, 0);
        List<long> told = [];
        for (int frame = 0; frame < frames; frame++)
        {
            if (population.TakeSkippedStep() is > 0 and var found) told.Add(found);
            gl.DropDispatches = frame == skippedFrame;
            for (int step = 0; step < stepsPerFrame; step++) population.RepeatStep();
            gl.DropDispatches = false;
            for (int step = 0; frame != skippedFrame && step < stepsPerFrame; step++) twin.RepeatStep();
            NextFrame();
        }

        told.AddRange(Wait(population));
        Assert.That(told, Is.EqualTo(new long[] { 1 + ((skippedFrame + 1) * stepsPerFrame) }));
        Assert.That(population.LostSteps, Is.EqualTo(stepsPerFrame));
        AssertSame(population, twin, "that of the frames that ran");

        NetworkPopulation MakeWithSgd() => new(device, Members, Inputs, Hidden, Classes, optimizer: new Sgd(0.1f));
    }

    /// <summary>Includes the very first step, whose other side was never written, and one after weights were set.</summary>
    [Test]
    public void SkippedStepsOfAPopulationThatTrainingGoesOnFromLoseOneStepAtMost([Values] bool isFirst, [Values] bool weightsGiven)
    {
        using NetworkPopulation population = Population(), twin = Population();
        List<float[]> states = [Weights(population)];
        int before = isFirst ? 0 : 3;
        for (int step = 0; step < before; step++)
        {
            Train(population, step);
            states.Add(Weights(population));
        }

        if (weightsGiven)
        {
            population.SetParameters(1, twin.GetParameters(0));
            states = [Weights(population)];
        }

        gl.DropDispatches = true;
        Train(population, before);
        gl.DropDispatches = false;
        Assert.That(Weights(population), Is.EqualTo(states[Math.Max(0, states.Count - 2)]), "those before the last step, at worst");
        Train(population, before + 1);
        List<long> told = Wait(population);
        Assert.That(told, Is.EqualTo(new long[] { before + 1 }));
        Assert.That(population.LostSteps, Is.EqualTo(isFirst || weightsGiven ? 1 : 2));
        Assert.That(Weights(population), Is.All.InRange(-10f, 10f).And.Some.Not.Zero);
    }

    [Test]
    public void ASkippedStepWithoutLossesIsToldByALaterCall()
    {
        using NetworkPopulation population = Population();
        Train(population, 0);
        float[] before = Weights(population);
        using (new HostConditionalRender(gl)) Train(population, 1);
        NextFrame();
        population.TakeSkippedStep();   // requests the outcome
        NextFrame();
        DispatchesSkippedException exception = Assert.Throws<DispatchesSkippedException>(() => Train(population, 2))!;
        Assert.That(exception.Message, Does.Contain("Training step 2").And.Contain("TrainBatch"));
        Assert.That(Weights(population), Is.EqualTo(before));
        Train(population, 2);
        Assert.That(Weights(population), Is.Not.EqualTo(before));
    }

    /// <summary>Agents with brains of their own are notified like those with a shared one, and continue.</summary>
    [Test]
    public void AgentsWithBrainsOfTheirOwnAreTold([Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 2,
            Brains = BrainSharing.OneEach,
            Learning = new BehaviorCloning { Demonstration = shown },
        });
        Assert.That(Run(10), Is.Empty);
        ClassifierParameters before = agents.GetBrain(0);
        long steps = agents.Progress.TrainingSteps;
        List<string> told;
        using (new HostConditionalRender(gl)) told = Run(3);
        agents.Learns = false;
        told.AddRange(Run(5));
        Assert.That(Weights(agents.GetBrain(0)), Is.EqualTo(Weights(before)), "nothing ran");
        Assert.That(told, Is.Not.Empty.And.All.Contains("Call Update before it or after glEndConditionalRender"));
        Assert.That(agents.Progress.DroppedSteps, Is.EqualTo(agents.Progress.TrainingSteps - steps).And.Positive);
        agents.Learns = true;
        Assert.That(Run(10), Is.Empty);
        Assert.That(Weights(agents.GetBrain(0)), Is.Not.EqualTo(Weights(before)), "it learns on");

        List<string> Run(int frames) => gl.MessagesOfSkips(agents, frames);
    }

    /// <summary>
    /// The value of a brain that does not learn stays what it is, on whatever scale its output is: a rescale that the driver skips runs before what reads the weights next. A brain is read on the scale of its values, or not at all.
    /// </summary>
    [Test]
    public void TheScaleOfValuesIsThatOfTheWeights([Values] BrainSharing brains, [Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Capacity = 2,
            Brains = brains,
            NormalizeObservations = false,
            Learning = new ActorCritic
            {
                Optimizer = new Sgd(0),
                LeastLearningRate = 0,
                TargetDivergence = 0,
                RolloutSize = 3,
                LeastRolloutPerAgent = 3,
                Minibatches = 1,
                Epochs = 1,
            },
        });
        int frame = 0;
        Agent[] both = [.. Enumerable.Range(0, 2).Select(_ => new ProbeAgent { Observations = _ => [1, -2], Act = (self, _) => self.AddReward(frame % 100) })];
        foreach (Agent agent in both) agents.Add(agent);
        using AgentInspector inspector = agents.Inspect(both[1]);
        int read = brains == BrainSharing.OneEach ? 1 : 0, refused = 0, arrived = 0;
        using BrainReader reader = agents.ReadBrain(read);
        List<string> told = [];
        HashSet<float> means = [];
        float value = float.NaN;
        for (; frame < 200; frame++)
        {
            gl.DropDispatches = frame > 100 && frame % 7 is 2 or 3;
            told.AddRange(gl.MessagesOfSkips(agents, 1));
            if (frame < 100) continue;
            if (frame == 100) value = inspector.Value;
            Assert.That(inspector.Value, Is.EqualTo(value).Within(0.02f), $"in frame {frame}");
            if (gl.DropDispatches)
            {
                if (!reader.IsPending) reader.Begin();
                try
                {
                    AssertScale(agents.GetBrainState(read));
                }
                catch (DispatchesSkippedException)
                {
                    refused++;
                    Assert.Throws<DispatchesSkippedException>(() => agents.GetBrain(read));
                }
            }
            else if (reader.TryTake(out BrainState? taken))
            {
                arrived++;
                AssertScale(taken);
            }

            if (frame % 20 != 0 || frame == 100) continue;
            gl.DropDispatches = false;
            BrainState brain = agents.GetBrainState(read);
            means.Add(brain.ValueMean);
            AssertScale(brain);
        }

        void AssertScale(BrainState brain) => Assert.That(ValueOf(brain, [1, -2]), Is.EqualTo(value).Within(0.02f), $"after frame {frame}");

        Assert.That(told, Is.Not.Empty);
        Assert.That(means, Has.Count.GreaterThan(2), "the scale has changed");
        Assert.That(refused, Is.Positive, "some scales were skipped");
        Assert.That(arrived, Is.Positive, "and copies came later");
    }

    private static float ValueOf(BrainState brain, float[] observations)
    {
        (float[] hidden, float[] biases, float[] outputs, float[] outputBiases) = (
            brain.Parameters.HiddenWeights, brain.Parameters.HiddenBiases, brain.Parameters.OutputWeights, brain.Parameters.OutputBiases);
        double output = outputBiases[^1];
        for (int unit = 0; unit < brain.HiddenUnits; unit++)
        {
            double sum = biases[unit];
            for (int i = 0; i < observations.Length; i++) sum += observations[i] * hidden[(i * brain.HiddenUnits) + unit];
            output += Math.Max(0, sum) * outputs[(unit * brain.Outputs) + brain.Outputs - 1];
        }

        return (float)(brain.ValueMean + (brain.ValueDeviation * output));
    }

    private static float[] Features(int step) => TwinArrays.UniformFloats(step, Batch * Inputs, -1, 1);

    private static int[] Labels(int step) => TwinArrays.Labels(step, Batch, Classes);

    private static float[][] Values(Network network) => [.. network.Parameters.Select(parameter => parameter.GetValues())];

    private static float[] Weights(ClassifierParameters parameters) =>
        [.. parameters.HiddenWeights, .. parameters.HiddenBiases, .. parameters.OutputWeights, .. parameters.OutputBiases];

    private static float[] Weights(NetworkPopulation population) => [.. Enumerable.Range(0, Members).SelectMany(member => Weights(population.GetParameters(member)))];

    private static void AssertSame(NetworkPopulation population, NetworkPopulation twin, string when) => Assert.That(Weights(population), Is.EqualTo(Weights(twin)), when);

    private static void Train(NetworkPopulation population, int step, int rows = 2, float[]? losses = null)
    {
        int samples = Members * rows;
        population.TrainBatch(
            TwinArrays.UniformFloats(step, samples * Inputs, -1, 1), TwinArrays.Labels(step, samples, Classes), 0.1f, losses);
    }

    private Network Make() => new(device, seed: 4, Inputs, new Dense(7), new Relu(), new Dense(Classes));

    private NetworkPopulation Population() => new(device, Members, Inputs, Hidden, Classes, optimizer: new Adam());

    private void NextFrame()
    {
        gl.NextFrame();
        device.Update();
    }

    /// <summary>Waits until the outcome of all enqueued work is known; returns the steps reported meanwhile.</summary>
    private List<long> Wait(NetworkPopulation population)
    {
        List<long> told = [];
        for (int frame = 0; frame < 20; frame++)
        {
            NextFrame();
            if (population.TakeSkippedStep() is > 0 and var step) told.Add(step);
        }

        return told;
    }
}
