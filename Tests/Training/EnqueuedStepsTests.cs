using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Steps of a trainer that does not wait, as for a shared brain, on a driver that is late and skips work.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class EnqueuedStepsTests : IDisposable
{
    private const int Inputs = 5;
    private const int Classes = 3;
    private const int Batch = 4;

    private readonly TestGl gl = TestGls.Create();
    private readonly NeuralDevice device;
    private readonly Network network;
    private readonly Network twin;

    public EnqueuedStepsTests()
    {
        device = NeuralDevice.Attach(gl.Api);
        network = Make();
        twin = Make();
    }

    [SetUp]
    public void NeedsADriverThatSkips() => TestDevice.RequireOpenGL();

    public void Dispose()
    {
        network.Dispose();
        twin.Dispose();
        device.Dispose();
        gl.Dispose();
    }

    /// <summary>No step followed them: the weights and the step count are unchanged, and training continues as if they had never been enqueued.</summary>
    [Test]
    public void SkippedStepsChangeNothing([Values(1, 2, 3, 70)] int count, [Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        using BatchTrainer trainer = new(network, new Adam(0.01f)), steady = new(twin, new Adam(0.01f));
        for (int step = 0; step < 5; step++)
        {
            Enqueue(trainer, step);
            Enqueue(steady, step);
            NextFrame();
        }

        gl.DropDispatches = true;
        for (int step = 0; step < count; step++) Enqueue(trainer, 100 + step);
        gl.DropDispatches = false;
        List<long> told = Wait(trainer);
        Assert.That(told[^1], Is.EqualTo(5 + count));
        Assert.That(told, Has.Count.AtMost(2).And.Unique, "none is reported twice");
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo((5L, (long)count)));
        AssertSameWeights("what they were");
        for (int step = 5; step < 8; step++)
        {
            Enqueue(trainer, step);
            Enqueue(steady, step);
            NextFrame();
        }

        AssertSameWeights("as if they had never been");
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo((8L, (long)count)));
        Assert.That(Wait(trainer), Is.Empty);
    }

    /// <summary>
    /// Others ran before this was known. After an odd number of skipped steps they continued from the weights before the last good step, which is lost as well.
    /// </summary>
    [TestCase(1, 4, 7)]
    [TestCase(2, 5, 8)]
    [TestCase(3, 4, 7)]
    public void StepsBehindSkippedOnesAreCountedAsTheyRan(int count, int before, int after)
    {
        gl.DelayFrames = 30;
        using BatchTrainer trainer = new(network, new Sgd(0.1f)), steady = new(twin, new Sgd(0.1f));
        for (int step = 0; step < 5; step++) Enqueue(trainer, step);
        gl.DropDispatches = true;
        for (int step = 0; step < count; step++) Enqueue(trainer, 100 + step);
        gl.DropDispatches = false;
        for (int step = 0; step < 3; step++) Enqueue(trainer, 10 + step);
        Assert.That(Wait(trainer), Is.EqualTo(new long[] { 5 + count }));
        for (int step = 0; step < before; step++) Enqueue(steady, step);
        for (int step = 0; step < 3; step++) Enqueue(steady, 10 + step);
        AssertSameWeights($"{before} steps, and three");
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo(((long)after, 8L + count - after)));
    }

    /// <summary>
    /// A frame of which the log no longer knows anything when it can be read, because steps of later frames have replaced its rows: it is told all the same, as are the frames that ran.
    /// </summary>
    [Test]
    public void ASkippedFrameOfManyStepsIsFound([Values(22, 64, 100)] int stepsPerFrame, [Values(2, 3, 7)] int delayFrames)
    {
        const int frames = 12, skippedFrame = 6;
        gl.DelayFrames = delayFrames;
        using BatchTrainer trainer = new(network, new Sgd(0.1f)), steady = new(twin, new Sgd(0.1f));
        List<long> told = [];
        for (int frame = 0; frame < frames; frame++)
        {
            if (trainer.TakeSkippedStep() is > 0 and var found) told.Add(found);
            gl.DropDispatches = frame == skippedFrame;
            for (int step = 0; step < stepsPerFrame; step++) Enqueue(trainer, frame);
            gl.DropDispatches = false;
            if (frame != skippedFrame)
            {
                for (int step = 0; step < stepsPerFrame; step++) Enqueue(steady, frame);
            }

            NextFrame();
        }

        told.AddRange(Wait(trainer));
        Assert.That(told[^1], Is.EqualTo((skippedFrame + 1) * stepsPerFrame));
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo(((frames - 1L) * stepsPerFrame, (long)stepsPerFrame)));
        AssertSameWeights("those of the frames that ran");
    }

    /// <summary>More steps than the log has rows, in one frame and between two readbacks.</summary>
    [Test]
    public void MoreStepsThanTheRecordKeepsAreCounted()
    {
        using BatchTrainer trainer = new(network, new Sgd(0.1f)), steady = new(twin, new Sgd(0.1f));
        for (int step = 0; step < 3 * StepLog.Slots; step++)
        {
            Enqueue(trainer, step);
            Enqueue(steady, step);
        }

        Assert.That(Wait(trainer), Is.Empty);
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo((3L * StepLog.Slots, 0L)));
        AssertSameWeights("all of them");
    }

    /// <summary>Weights that were set in the meantime stay.</summary>
    [Test]
    public void WeightsThatWereSetBehindASkippedStepStay()
    {
        using BatchTrainer trainer = new(network, new Sgd(0.1f));
        for (int step = 0; step < 3; step++) Enqueue(trainer, step);
        gl.DropDispatches = true;
        Enqueue(trainer, 3);
        gl.DropDispatches = false;
        network.Parameters[0].SetValues(twin.Parameters[0].GetValues());
        Assert.That(Wait(trainer), Has.Count.EqualTo(1));
        Assert.That(network.Parameters[0].GetValues(), Is.EqualTo(twin.Parameters[0].GetValues()));
    }

    /// <summary>Another trainer has continued from the existing weights.</summary>
    [Test]
    public void AStepOfAnotherTrainerBehindASkippedOneStays()
    {
        using BatchTrainer trainer = new(network, new Sgd(0.1f)), other = new(network, new Sgd(0.1f));
        for (int step = 0; step < 3; step++) Enqueue(trainer, step);
        gl.DropDispatches = true;
        Enqueue(trainer, 3);
        gl.DropDispatches = false;
        other.TrainBatch(Features(4), Labels(4));
        float[] trained = network.Parameters[0].GetValues();
        Assert.That(Wait(trainer), Has.Count.EqualTo(1));
        Assert.That(network.Parameters[0].GetValues(), Is.EqualTo(trained));
    }

    /// <summary>The step after it is dropped: only that step is lost, since both sides were the same before it.</summary>
    [Test]
    public void WeightsThatWereSetBeforeADroppedStepStay()
    {
        using BatchTrainer trainer = new(network, new Sgd(0.1f));
        for (int step = 0; step < 3; step++) Enqueue(trainer, step);
        network.Parameters[0].SetValues(twin.Parameters[0].GetValues());
        trainer.EnqueueBatch(Huge(), BatchTargets.OfLabels(Labels(0)));
        Assert.That(Wait(trainer), Is.Empty);
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo((3L, 1L)));
        Assert.That(network.Parameters[0].GetValues(), Is.EqualTo(twin.Parameters[0].GetValues()));
    }

    /// <summary>A loss that is not finite and a step that is skipped: the weights are the last good ones.</summary>
    [Test]
    public void AStepThatIsSkippedBehindADroppedOne([Values(0, 1, 2)] int skipped)
    {
        using BatchTrainer trainer = new(network, new Sgd(0.1f)), steady = new(twin, new Sgd(0.1f));
        for (int step = 0; step < 3; step++) Enqueue(trainer, step);
        for (int step = 0; step < 2; step++) Enqueue(steady, step);
        trainer.EnqueueBatch(Huge(), BatchTargets.OfLabels(Labels(0)));
        gl.DropDispatches = true;
        for (int step = 0; step < skipped; step++) Enqueue(trainer, step);
        gl.DropDispatches = false;
        Assert.That(Wait(trainer), Has.Count.EqualTo(Math.Min(skipped, 1)));
        Assert.That((trainer.Steps, trainer.LostSteps), Is.EqualTo((2L, 2L + skipped)));
        AssertSameWeights("those before the step before the dropped one");
        Enqueue(trainer, 7);
        Enqueue(steady, 7);
        AssertSameWeights("it continues from there");
    }

    /// <summary>The population reports it like skipped questions, and continues.</summary>
    [Test]
    public void AgentsAreTold([Values(0, 2)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        Demonstration shown = new(observationCount: 2, actionCount: 3);
        for (int i = 0; i < 30; i++) shown.Add([i, -i], i % 3);
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 3,
            Brains = BrainSharing.Shared,
            Learning = new BehaviorCloning { Demonstration = shown },
        });
        Assert.That(Run(10), Is.Empty);
        ClassifierParameters before = agents.GetBrain(0);
        List<string> told;
        using (new HostConditionalRender(gl)) told = Run(3);
        agents.Learns = false;
        told.AddRange(Run(5));
        Assert.That(agents.GetBrain(0).HiddenWeights, Is.EqualTo(before.HiddenWeights), "nothing ran");
        Assert.That(told, Has.All.Contains("Call Update before it or after glEndConditionalRender"));
        Assert.That(told[^1], Does.Contain("Training step 13 "));
        Assert.That((agents.Progress.TrainingSteps, agents.Progress.DroppedSteps), Is.EqualTo((13L, 3L)));
        agents.Learns = true;
        Assert.That(Run(10), Is.Empty);
        Assert.That((agents.Progress.TrainingSteps, agents.Progress.DroppedSteps), Is.EqualTo((23L, 3L)));
        Assert.That(agents.GetBrain(0).HiddenWeights, Is.Not.EqualTo(before.HiddenWeights), "it learns on");

        List<string> Run(int frames) => gl.MessagesOfSkips(agents, frames);
    }

    private Network Make() => new(device, seed: 4, Inputs, new Dense(6), new Relu(), new Dense(Classes));

    private static float[] Features(int step) => TwinArrays.UniformFloats(step, Batch * Inputs, -1, 1);

    /// <summary>Features whose loss is not finite.</summary>
    private static float[] Huge() => [.. Enumerable.Repeat(float.MaxValue, Batch * Inputs)];

    private static int[] Labels(int step) => TwinArrays.Labels(step, Batch, Classes);

    private static void Enqueue(BatchTrainer trainer, int step) => trainer.EnqueueBatch(Features(step), BatchTargets.OfLabels(Labels(step)));

    private void NextFrame()
    {
        gl.NextFrame();
        device.Update();
    }

    /// <summary>Waits until the outcome of everything enqueued is known; the result is what was reported meanwhile.</summary>
    private List<long> Wait(BatchTrainer trainer)
    {
        List<long> told = [];
        for (int frame = 0; frame < 100; frame++)
        {
            NextFrame();
            if (trainer.TakeSkippedStep() is > 0 and var step) told.Add(step);
        }

        return told;
    }

    private void AssertSameWeights(string when)
    {
        for (int i = 0; i < network.Parameters.Count; i++)
            Assert.That(network.Parameters[i].GetValues(), Is.EqualTo(twin.Parameters[i].GetValues()), $"{when}: {network.Parameters[i].Name}");
    }
}
