using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The loss of proximal policy optimization against its twin, and the learning rate that follows its divergence.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class ProximalPolicyTests
{
    private const float Clip = 0.2f, Bonus = 0.05f, ValueWeight = 0.5f;

    private static readonly RateGuide NoGuide = new(0.01f, 0.01f, 0.01f, 0);

    // ---- the loss ----

    [Test]
    public void LossAndItsGradientAgreeWithTheirTwins(
        [Values(1, 3, 7, 65, 785)] int rows, [Values(1, 2, 3, 4, 9, 32, 33, 130)] int actions, [Values] bool masked)
    {
        float[] outputs = TwinArrays.UniformFloats(1, rows * (actions + 1), -3, 3);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(2, outputs, rows, actions, masked);
        Compare(outputs, decisions, actions);
    }

    /// <summary>The ratio is kept within exp(±20), so the loss is finite whatever the logits.</summary>
    [Test]
    public void HugeOutputsStayFinite()
    {
        float[] outputs = [10_000, -10_000, 1, -10_000, 10_000, 2, 3e38f, -3e38f, 0, 3e38f, -3e38f, 0, 0, 0, 0];
        ProximalPolicyTwinDecisions decisions = new([1, 1, 0, 1, 0], [1, -1, 2, -1, 0], [-1, -30, -1, -1, -30], [0, 0, 0, 0, 0], [.. Enumerable.Repeat(true, 10)]);
        Compare(outputs, decisions, 2);
    }

    [Test]
    public void TargetsAreChecked()
    {
        DecisionTargets layout = new(3);
        bool[] all = [true, true];
        Assert.That(() => layout.Check(1, BatchTargets.OfLabels([0])), Throws.ArgumentException.With.Message.Contains("decisions"));
        Assert.That(() => layout.Check(1, BatchTargets.OfDecisions([2], [0], [-1], [0], all)), Throws.ArgumentException.With.Message.Contains("allowed one of 2, but got 2"));
        Assert.That(() => layout.Check(1, BatchTargets.OfDecisions([0], [0], [-1], [0], [false, true])), Throws.ArgumentException.With.Message.Contains("got 0"));
        Assert.That(() => layout.Check(1, BatchTargets.OfDecisions([0], [], [-1], [0], all)), Throws.ArgumentException);
        Assert.That(() => layout.Check(1, BatchTargets.OfDecisions([0], [0], [-1], [], all)), Throws.ArgumentException);
        Assert.That(() => new LabelTargets(2).Check(1, BatchTargets.OfDecisions([0], [0], [-1], [0], all)), Throws.ArgumentException);
        Assert.That(() => new ProximalPolicyLoss(2, Clip, Bonus, ValueWeight, NoGuide).TargetsFor(2), Throws.ArgumentException.With.Message.Contains("3 outputs"));
    }

    // ---- steps whose rate follows the divergence ----

    /// <summary>Enqueued steps on one batch match Adam in double precision with the rates that result from their divergences; fused or not.</summary>
    [TestCase(0.002f, TestName = "TheRateFollowsTheDivergence(falls)")]
    [TestCase(1f, TestName = "TheRateFollowsTheDivergence(grows)")]
    [TestCase(0f, TestName = "TheRateFollowsTheDivergence(stays)")]
    public void TheRateFollowsTheDivergence(float target)
    {
        const int Rows = 37, Inputs = 5, Hidden = 9, Actions = 3, Steps = 100;
        RateGuide guide = new(0.004f, 0.001f, 0.01f, target);
        using Network network = new(TestDevice.Plain, 3, Inputs, new Dense(Hidden), new Relu(), new Dense(Actions + 1));
        float[] features = TwinArrays.UniformFloats(4, Rows * Inputs, -1, 1), outputs = new float[Rows * (Actions + 1)];
        network.ComputeLogits(features, outputs);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(5, outputs, Rows, Actions, isMasked: true, distance: 0);
        NetworkTwin twin = TwinOf(network, Inputs, Hidden, Actions + 1);
        ProximalPolicyLoss loss = new(Actions, Clip, Bonus, ValueWeight, guide);
        using BatchTrainer trainer = new(network, new Adam(guide.First, Epsilon: 1e-5f), loss, Rows);
        List<double> rates = [];
        double rate = guide.First;
        AdamTwin optimizer = new(rate, epsilon: 1e-5);
        for (int step = 0; step < Steps; step++)
        {
            trainer.EnqueueBatch(features, TargetsOf(decisions));
            rate = StepTwin(twin, optimizer, features, decisions, new ProximalPolicyTwin(Actions, Clip, Bonus, ValueWeight), rate, guide);
            rates.Add(rate);
        }

        TestDevice.Plain.Finish();
        TestDevice.Plain.Update();
        _ = trainer.TakeSkippedStep();
        TestDevice.Plain.Finish();
        TestDevice.Plain.Update();
        _ = trainer.TakeSkippedStep();
        Assert.That(trainer.Guided.Rate, Is.EqualTo(rates[^1]).Within(1e-6 * rates[^1]));
        Assert.That(rates.Distinct().Count(), target > 0 ? Is.GreaterThan(2) : Is.EqualTo(1));
        for (int i = 0; i < 4; i++) Tolerance.AssertClose(network.Parameters[i].GetValues(), twin.Parameters[i], 2e-4, 2e-3, network.Parameters[i].Name);
    }

    /// <summary>A step that is dropped moves no rate, whatever its divergence is: the steps after it go on with the rate before it.</summary>
    [Test]
    public void ADroppedStepDoesNotMoveTheRate([Values] bool isFused, [Values] bool isFirst, [Values] bool divergenceIsNaN)
    {
        const int Rows = 7, Inputs = 5, Actions = 3;
        RateGuide guide = new(0.01f, 0.001f, 0.1f, 0.02f);
        using Network network = new(TestDevice.Plain, 3, Inputs, new Dense(9), new Relu(), new Dense(Actions + 1));
        float[] features = TwinArrays.UniformFloats(4, Rows * Inputs, -1, 1), outputs = new float[Rows * (Actions + 1)];
        network.ComputeLogits(features, outputs);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(5, outputs, Rows, Actions, isMasked: true, distance: 1);
        BatchTargets good = TargetsOf(decisions);
        float[] none = [.. Enumerable.Repeat(float.NaN, Rows)];
        BatchTargets bad = divergenceIsNaN ? BatchTargets.OfDecisions(good.Labels, good.SampleWeights, none, good.Values, good.AllowedClasses)
            : BatchTargets.OfDecisions(good.Labels, good.SampleWeights, good.LogProbabilities, none, good.AllowedClasses);
        ProximalPolicyLoss loss = new(Actions, Clip, Bonus, ValueWeight, guide);
        using OptimizerState state = new(network, new Adam(0.01f));
        using StepLedger ledger = new(network, state, 1, guide);
        using StepWorkspace workspace = new(network, Rows, loss, state, isFused, log: ledger.Log);
        workspace.Compile();
        float before = guide.First;
        if (!isFirst)
        {
            before = Step(good);
            Assert.That(before, Is.Not.EqualTo(guide.First));
        }

        Assert.That(Step(bad), Is.EqualTo(before));

        float Step(BatchTargets targets)
        {
            workspace.Upload(TrainingBatch.Check(Inputs, loss.TargetsFor(Actions + 1), features, targets));
            ledger.BeginStep(0.01f);
            workspace.Enqueue(Rows);
            ledger.CommitStep();
            return ledger.Log.Texture.Read()[ledger.RowOfLastRate * MatrixShape.ColumnsPerTexel];
        }
    }

    /// <summary>One optimizer with state and one without: a fused step has the bits of its parts.</summary>
    [Test]
    public void AFusedStepHasTheBitsOfItsParts([Values] bool adam, [Values(1, 6)] int steps)
    {
        float[][] fused = StepsOf(adam, steps, isFused: true), plain = StepsOf(adam, steps, isFused: false);
        for (int i = 0; i < fused.Length; i++) Assert.That(fused[i], Is.EqualTo(plain[i]), $"parameter {i}");
    }

    // ---- the value's scale ----

    [Test]
    public void AnOutputIsPutOnAnotherScale([Values(1, 4, 7)] int outputs, [Values(1, 31, 40)] int hidden)
    {
        const int Inputs = 3, Rows = 5;
        using Network network = new(TestDevice.Plain, 2, Inputs, new Dense(hidden), new Relu(), new Dense(outputs));
        float[] features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1), before = new float[Rows * outputs], after = new float[Rows * outputs];
        network.ComputeLogits(features, before);
        using OutputRescale rescale = new(network, outputs - 1);
        rescale.Enqueue(2.5f, -0.75f);
        network.ComputeLogits(features, after);
        double[] expected = [.. before.Select((z, i) => i % outputs == outputs - 1 ? (2.5 * z) - 0.75 : z)];
        Tolerance.AssertClose(after, expected, 1e-5, 1e-5, "outputs", outputs);
        float[] padded = Kernels.ReadPadded(network.Matrices[^1][0].CommittedTexture);
        Assert.That(padded.Where((_, i) => i % (4 * ((outputs + 3) / 4)) >= outputs), Is.All.Zero, "the padding");
    }

    [Test]
    public void AnOutputOfEveryMemberIsPutOnAScaleOfItsOwn([Values(1, 3, 9)] int members, [Values(2, 5)] int outputs, [Values(1, 6, 17)] int hidden)
    {
        const int Inputs = 3;
        using NetworkPopulation population = new(TestDevice.Plain, members, Inputs, hidden, outputs, seed: 4);
        ClassifierParameters[] before = [.. Enumerable.Range(0, members).Select(population.GetParameters)];
        using PopulationRescale rescale = population.PlanRescale(outputs - 1);
        float[] scales = [.. Enumerable.Range(0, members).SelectMany(member => (float[])[member + 0.5f, member - 2])];
        population.Rescale(rescale, scales);
        for (int member = 0; member < members; member++)
        {
            ClassifierParameters after = population.GetParameters(member);
            double factor = scales[2 * member], offset = scales[(2 * member) + 1];
            Assert.That(after.HiddenWeights, Is.EqualTo(before[member].HiddenWeights));
            double[] weights = [.. before[member].OutputWeights.Select((w, i) => i % outputs == outputs - 1 ? factor * w : w)];
            double[] biases = [.. before[member].OutputBiases.Select((b, i) => i % outputs == outputs - 1 ? (factor * b) + offset : b)];
            Tolerance.AssertClose(after.OutputWeights, weights, 1e-7, 1e-6, $"member {member}");
            Tolerance.AssertClose(after.OutputBiases, biases, 1e-7, 1e-6, $"member {member}");
        }
    }

    /// <summary>
    /// Each member's steps are those of a separate network on the member's decisions, with its own learning rate if that follows the divergence; a member whose
    /// returns are NaN stays unchanged, including its optimizer's state and its rate.
    /// </summary>
    [Test]
    public void MembersOfAPopulationStepAsNetworksDo([Values(1, 7, 20)] int rows, [Values] bool adam, [Values] bool isGuided)
    {
        const int Members = 5, Inputs = 4, Hidden = 6, Actions = 3, Outputs = Actions + 1, Idle = 2, Steps = 3;
        Optimizer optimizer = adam ? new Adam(0.02f) : new Sgd(0.1f);
        float begin = optimizer.LearningRate;
        RateGuide guide = isGuided ? new RateGuide(begin, begin / 2, 1.8f * begin, 0.1f) : NoGuide with { First = begin };
        ProximalPolicyLoss loss = new(Actions, Clip, Bonus, ValueWeight, guide);
        using NetworkPopulation population = new(TestDevice.Plain, Members, Inputs, Hidden, Outputs, seed: 4, optimizer, loss);
        float[] features = TwinArrays.UniformFloats(1, Members * rows * Inputs, -1, 1), outputs = TwinArrays.UniformFloats(2, Members * rows * Outputs, -1, 1);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(3, outputs, Members * rows, Actions, isMasked: true);
        ClassifierParameters[] start = [.. Enumerable.Range(0, Members).Select(population.GetParameters)];
        float[] returns = [.. decisions.Returns.Select((gain, i) => i / rows == Idle ? float.NaN : (float)gain)];
        BatchTargets all = TargetsOf(decisions);
        for (int step = 0; step < Steps; step++)
            population.EnqueueBatch(features, BatchTargets.OfDecisions(all.Labels, all.SampleWeights, all.LogProbabilities, returns, all.AllowedClasses), optimizer.LearningRate);
        for (int member = 0; member < Members; member++)
        {
            ClassifierParameters after = population.GetParameters(member);
            if (member == Idle)
            {
                Assert.That(after.OutputWeights, Is.EqualTo(start[member].OutputWeights));
                continue;
            }

            using Network network = new(TestDevice.Plain, 1, Inputs, new Dense(Hidden), new Relu(), new Dense(Outputs));
            network.SetParameters(
                ("hidden weights", start[member].HiddenWeights), ("hidden biases", start[member].HiddenBiases), ("output weights", start[member].OutputWeights),
                ("output biases", start[member].OutputBiases));
            using BatchTrainer trainer = new(network, optimizer, loss, rows);
            int first = member * rows;
            for (int step = 0; step < Steps; step++)
            {
                trainer.EnqueueBatch(
                    features.AsSpan(first * Inputs, rows * Inputs),
                    BatchTargets.OfDecisions(
                        all.Labels.Slice(first, rows), all.SampleWeights.Slice(first, rows), all.LogProbabilities.Slice(first, rows), all.Values.Slice(first, rows),
                        all.AllowedClasses.Slice(first * Actions, rows * Actions)));
            }

            float[][] expected = [.. network.Parameters.Select(parameter => parameter.GetValues())];
            Tolerance.AssertClose(after.HiddenWeights, TwinArrays.ToDouble(expected[0]), 2e-5, 1e-4, $"member {member}");
            Tolerance.AssertClose(after.HiddenBiases, TwinArrays.ToDouble(expected[1]), 2e-5, 1e-4, $"member {member}");
            Tolerance.AssertClose(after.OutputWeights, TwinArrays.ToDouble(expected[2]), 2e-5, 1e-4, $"member {member}");
            Tolerance.AssertClose(after.OutputBiases, TwinArrays.ToDouble(expected[3]), 2e-5, 1e-4, $"member {member}");
            Assert.That(after.OutputWeights, Is.Not.EqualTo(start[member].OutputWeights));
        }
    }

    /// <summary>A step reports each member's loss, divergence and policy loss, however many dispatches it takes.</summary>
    [Test]
    public void AStepOfAPopulationReportsItsLosses([Values(1, 7, 20)] int rows)
    {
        const int Members = 5, Inputs = 4, Actions = 3, Outputs = Actions + 1;
        ProximalPolicyLoss loss = new(Actions, Clip, Bonus, ValueWeight, new RateGuide(0.01f, 0.001f, 0.1f, 0.02f));
        using NetworkPopulation population = new(TestDevice.Plain, Members, Inputs, hidden: 6, Outputs, seed: 4, new Adam(0.01f), loss);
        float[] features = TwinArrays.UniformFloats(1, Members * rows * Inputs, -1, 1);
        double[] outputs = PopulationSteps.OutputsOf(population, features);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(3, [.. outputs.Select(z => (float)z)], Members * rows, Actions, isMasked: true);
        population.EnqueueBatch(features, TargetsOf(decisions), learningRate: 0.01f);
        PopulationSteps.AssertReported(population, new ProximalPolicyTwin(Actions, Clip, Bonus, ValueWeight).Forward(outputs, decisions), Bonus, ValueWeight);
    }

    private static float[][] StepsOf(bool adam, int steps, bool isFused)
    {
        const int Rows = 21, Inputs = 6, Actions = 4;
        using Network network = new(TestDevice.Plain, 3, Inputs, new Dense(10), new Relu(), new Dense(Actions + 1));
        float[] features = TwinArrays.UniformFloats(4, Rows * Inputs, -1, 1), outputs = new float[Rows * (Actions + 1)];
        network.ComputeLogits(features, outputs);
        ProximalPolicyTwinDecisions decisions = ProximalPolicyTwinDecisions.Make(5, outputs, Rows, Actions, isMasked: true);
        using OptimizerState state = new(network, adam ? new Adam(0.01f) : new Sgd(0.01f));
        ProximalPolicyLoss loss = new(Actions, Clip, Bonus, ValueWeight, new RateGuide(0.01f, 0.001f, 0.1f, 0.02f));
        using StepLedger ledger = new(network, state, 1, loss.RateGuide);
        using StepWorkspace workspace = new(network, Rows, loss, state, isFused, log: ledger.Log);
        workspace.Compile();
        workspace.Upload(TrainingBatch.Check(Inputs, loss.TargetsFor(Actions + 1), features, TargetsOf(decisions)));
        for (int step = 0; step < steps; step++)
        {
            ledger.BeginStep(0.01f);
            workspace.Enqueue(Rows);
            ledger.CommitStep();
        }

        return [.. network.Parameters.Select(parameter => parameter.GetValues())];
    }

    private static void Compare(float[] outputs, ProximalPolicyTwinDecisions decisions, int actions)
    {
        int rows = decisions.Actions.Length;
        NeuralDevice device = TestDevice.Plain;
        ProximalPolicyLoss loss = new(actions, Clip, Bonus, ValueWeight, NoGuide);
        TargetLayout layout = loss.TargetsFor(actions + 1);
        uint[] packed = new uint[rows * layout.WordsPerRow];
        BatchTargets batch = TargetsOf(decisions);
        layout.Check(rows, batch);
        layout.Pack(batch, packed);
        using MatrixTexture z = Kernels.Upload(device, rows, actions + 1, outputs);
        using MatrixTexture targets = new(device, device.Shape(rows, layout.WordsPerRow, "targets"), TexelFormat.UnsignedInteger);
        targets.Upload<uint>(packed);
        using MatrixTexture rowLosses = Kernels.Empty(device, rows, MatrixShape.ColumnsPerTexel);
        using MatrixTexture batchLoss = Kernels.Empty(device, 1, MatrixShape.ColumnsPerTexel);
        using MatrixTexture gradients = Kernels.Empty(device, rows, actions + 1);
        Kernels.Run(device, rows, [.. loss.Forward(z, targets, rowLosses, batchLoss), .. loss.Backward(z, targets, gradients)]);

        ProximalPolicyTwin twin = new(actions, Clip, Bonus, ValueWeight);
        double[] outputs64 = TwinArrays.ToDouble(outputs), expected = twin.Forward(outputs64, decisions);
        Tolerance.AssertClose(rowLosses.Read(), expected, 1e-5, 1e-4, "rows", MatrixShape.ColumnsPerTexel);
        Tolerance.AssertClose(batchLoss.Read().AsSpan(0, 1), [twin.Loss(outputs64, decisions)], 1e-5, 1e-4, "loss");
        Tolerance.AssertClose(gradients.Read(), twin.Backward(outputs64, decisions), 1e-6, 2e-4, "gradients", actions + 1);
    }

    private static BatchTargets TargetsOf(ProximalPolicyTwinDecisions decisions)
    {
        static float[] Floats(double[] values) => [.. values.Select(value => (float)value)];
        return BatchTargets.OfDecisions(decisions.Actions, Floats(decisions.Advantages), Floats(decisions.LogProbabilities), Floats(decisions.Returns), decisions.Allowed);
    }

    private static NetworkTwin TwinOf(Network network, int inputs, int hidden, int outputs)
    {
        float[][] values = [.. network.Parameters.Select(parameter => parameter.GetValues())];
        return new NetworkTwin(
            inputs, new DenseLayerTwin(inputs, hidden, values[0], values[1]), new ReluLayerTwin(), new DenseLayerTwin(hidden, outputs, values[2], values[3]));
    }

    /// <summary>A step of the twin; returns its rate.</summary>
    private static double StepTwin(
        NetworkTwin network, AdamTwin optimizer, float[] features, ProximalPolicyTwinDecisions decisions, ProximalPolicyTwin loss, double rate, RateGuide guide)
    {
        int rows = decisions.Actions.Length;
        IReadOnlyList<double[]> activations = network.Activations(TwinArrays.ToDouble(features), rows);
        double[] found = loss.Forward(activations[^1], decisions), gradient = loss.Backward(activations[^1], decisions);
        List<double[]> parameters = [];
        for (int i = network.Layers.Count - 1; i >= 0; i--)
        {
            LayerTwinGradients layer = network.Layers[i].Backward(activations[i], gradient, rows);
            parameters.InsertRange(0, layer.Parameters);
            gradient = layer.Input;
        }

        double divergence = Enumerable.Range(0, rows).Average(row => found[(row * 4) + 1]), target = guide.TargetDivergence;
        if (target > 0 && divergence > 2 * target) rate = Math.Max(rate / 1.5, guide.Least);
        else if (target > 0 && divergence < target / 2) rate = Math.Min(rate * 1.5, guide.Most);
        optimizer.LearningRate = rate;
        optimizer.Step(network.Parameters, parameters);
        return rate;
    }
}
