using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The losses of actions of several numbers against their twin: in isolation, in the steps of a network, and in those of a population.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class ComposedPolicyTests
{
    /// <summary>What a row of a steered batch may have: a weight, and a bound on its drift.</summary>
    [Flags]
    internal enum Steering
    {
        Weights = 1,
        Bound = 2,
    }

    private const float Clip = 0.2f, Bonus = 0.05f, ValueWeight = 0.5f;

    private static readonly RateGuide Guide = new(0.01f, 0.005f, 0.02f, 0.1f);

    private static IEnumerable<ComposedPolicyTwin> Twins =>
    [
        new([], 1, Bonus, (Clip, ValueWeight)), new([], 7, Bonus, (Clip, ValueWeight)), new([3, 2], 0, Bonus, (Clip, ValueWeight)),
        new([2, 33, 5], 3, Bonus, (Clip, ValueWeight)), new([2], 2, Bonus, null), new([3, 4], 0, Bonus, null),
    ];

    /// <summary>Branches and continuous actions of steered rows. Compiling their kernels takes long, so a short run has each number once.</summary>
    private static IEnumerable<TestCaseData> SteeredActions =>
        from branches in (string[])["3", "2 5", "", "4 40"]
        from continuous in (int[])[0, 1, 3]
        where branches.Length + continuous > 0
        let isShort = (branches, continuous) is ("3", 0) or ("2 5", 3) or ("", 1) or ("4 40", 1)
        from rows in (int[])[1, 3, 65]
        from masked in (bool[])[false, true]
        from steering in (Steering[])[Steering.Weights, Steering.Bound, Steering.Weights | Steering.Bound]
        let data = new TestCaseData(branches, continuous, rows, masked, steering)
        select isShort ? data : data.SetCategory(Categories.Nightly);

    [Test]
    public void LossAndItsGradientAgreeWithTheirTwins([ValueSource(nameof(Twins))] ComposedPolicyTwin twin, [Values(1, 3, 65)] int rows, [Values] bool masked)
    {
        float[] outputs = TwinArrays.UniformFloats(1, rows * twin.Outputs, -1.5, 1.5);
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(2, twin, outputs, rows, masked);
        (float[] found, float[] gradients) = Run(LossOf(twin), outputs, TargetsOf(twin, decisions), rows, twin.Outputs);
        double[] outputs64 = TwinArrays.ToDouble(outputs);
        Tolerance.AssertClose(found, twin.Forward(outputs64, decisions), 1e-5, 1e-4, "rows", MatrixShape.ColumnsPerTexel);
        Tolerance.AssertClose(gradients, twin.Backward(outputs64, decisions), 1e-6, 3e-4, "gradients", twin.Outputs);
    }

    /// <summary>Rows with weights, demonstrated rows, and rows beyond a bound on the drift; each alone and all together.</summary>
    [TestCaseSource(nameof(SteeredActions))]
    public void SteeredRowsAgreeWithTheirTwins(string branches, int continuous, int rows, bool masked, Steering steering)
    {
        (bool weighs, bool bounds) = (steering.HasFlag(Steering.Weights), steering.HasFlag(Steering.Bound));
        int[] sizes = [.. branches.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        ComposedPolicyTwin twin = new(sizes, continuous, Bonus, (Clip, ValueWeight)) { Bound = bounds ? (0.2f, DriftBound.Pull) : null };
        float[] outputs = TwinArrays.UniformFloats(1, rows * twin.Outputs, -1, 1);
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(2, twin, outputs, rows, masked).Steered(3, twin, outputs);
        if (!weighs) decisions = decisions with { RowWeights = null };
        (float[] found, float[] gradients) = Run(LossOf(twin, weighs), outputs, TargetsOf(twin, decisions), rows, twin.Outputs);
        double[] outputs64 = TwinArrays.ToDouble(outputs);
        Tolerance.AssertClose(found, twin.Forward(outputs64, decisions), 1e-5, 1e-4, "rows", MatrixShape.ColumnsPerTexel);
        Tolerance.AssertClose(gradients, twin.Backward(outputs64, decisions), 2e-6, 2e-4, "gradients", twin.Outputs);
    }

    /// <summary>However far a policy is from its reference, the loss stays finite.</summary>
    [Test]
    public void AHugeDriftStaysFinite()
    {
        ComposedPolicyTwin twin = new([2], 1, Bonus, (Clip, ValueWeight)) { Bound = (0.2f, DriftBound.Pull) };
        float[] outputs = [3e38f, -3e38f, 3e38f, 40, 0, 0, 0, 0, -40, 0, -3e38f, 3e38f, -3e38f, 2, 1];
        ComposedPolicyTwinDecisions decisions = new([0, 0, 1, 0, 0, 0], [1, -1, 1], [-1, -1, -1], [0, 0, 0], [.. Enumerable.Repeat(true, 6)])
        {
            Reference = [-3e38f, 3e38f, -3e38f, -40, 3e38f, -3e38f, 3e38f, 40, 3e38f, -3e38f, 0, 0],
        };
        (float[] found, float[] gradients) = Run(LossOf(twin, weighs: false), outputs, TargetsOf(twin, decisions), 3, twin.Outputs);
        Assert.That(found, Is.All.Matches<float>(float.IsFinite));
        Assert.That(gradients, Is.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void WeightsAndReferencesAreChecked()
    {
        ComposedTargets layout = new(new PolicyShape([2], 0), 3, WeighsRows: true, HasReference: true);
        Assert.That(() => layout.Check(1, BatchTargets.OfComposedDecisions([0], [0], [-1], [0], [true, true])), Throws.ArgumentException.With.Message.Contains("weight per row"));
        Assert.That(
            () => layout.Check(1, BatchTargets.OfComposedDecisions([0], [0], [-1], [0], [true, true]) with { RowWeights = (float[])[1] }), Throws.ArgumentException.With.Message.Contains("2 outputs of a reference"));
    }

    /// <summary>Whatever the outputs are, and however far the action is, the loss and its gradient are finite; a deviation beyond its bounds is only pulled back.</summary>
    [Test]
    public void HugeOutputsStayFinite()
    {
        ComposedPolicyTwin twin = new([2], 1, Bonus, (Clip, ValueWeight));
        float[] outputs = [3e38f, -3e38f, 1e30f, -40, 1, 0, 0, -1e30f, 3e38f, 1, 5, 5, 0, -40, 0, 0, 0, 0, 9, 0];
        ComposedPolicyTwinDecisions decisions = new([1, 0.5, 0, 0.5, 1, 0.01, 0, 9e9], [1, -1, 2, -2], [-1, -30, -1, 0], [0, 0, 0, 0], [.. Enumerable.Repeat(true, 8)]);
        (float[] found, float[] gradients) = Run(LossOf(twin), outputs, TargetsOf(twin, decisions), 4, twin.Outputs);
        Assert.That(found, Is.All.Matches<float>(float.IsFinite));
        Assert.That(gradients, Is.All.Matches<float>(float.IsFinite));
        Assert.That(gradients[3], Is.Not.Positive, "below the least deviation no gradient makes it smaller");
        Assert.That(gradients[18], Is.Not.Negative, "nor above the greatest one larger");
    }

    [Test]
    public void TargetsAreChecked()
    {
        ComposedTargets layout = new(new PolicyShape([2, 3], 1), 8);
        bool[] all = [true, true, true, false, true];
        void Check(float[] taken) => layout.Check(1, BatchTargets.OfComposedDecisions(taken, [0], [-1], [0], all));
        Assert.That(() => Check([1, 2, 0.5f]), Throws.Nothing);
        Assert.That(() => Check([2, 2, 0.5f]), Throws.ArgumentException.With.Message.Contains("branch 0"));
        Assert.That(() => Check([1, 1, 0.5f]), Throws.ArgumentException.With.Message.Contains("branch 1"));
        Assert.That(() => Check([1, 2]), Throws.ArgumentException.With.Message.Contains("numbers of an action"));
        Assert.That(() => Check([1, 2, float.NaN]), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => layout.Check(1, BatchTargets.OfDecisions([0], [0], [-1], [0], all)), Throws.ArgumentException.With.Message.Contains("composed actions"));
        Assert.That(() => LossOf(new([2], 1, 0, (0, 1))).TargetsFor(4), Throws.ArgumentException.With.Message.Contains("5 outputs"));
    }

    /// <summary>A fused step has the bits of its parts, and each member of a population the steps of a network of its own.</summary>
    [TestCase(1, false)]
    [TestCase(20, false, Category = Categories.Nightly)]
    [TestCase(1, true)]
    [TestCase(12, true)]   // in two dispatches, since each further kernel of steered rows takes a software driver many seconds
    public void MembersOfAPopulationStepAsNetworksDo(int rows, bool isSteered)
    {
        const int Members = 3, Inputs = 4, Hidden = 6, Steps = 3;
        ComposedPolicyTwin twin = new([2, 3], 2, Bonus, (Clip, ValueWeight)) { Bound = isSteered ? (0.2f, DriftBound.Pull) : null };
        Adam optimizer = new(Guide.First);
        using NetworkPopulation population = new(TestDevice.Plain, Members, Inputs, Hidden, twin.Outputs, seed: 4, optimizer, LossOf(twin, isSteered));
        float[] features = TwinArrays.UniformFloats(1, Members * rows * Inputs, -1, 1), outputs = TwinArrays.UniformFloats(2, Members * rows * twin.Outputs, -1, 1);
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(3, twin, outputs, Members * rows, isMasked: true);
        if (isSteered) decisions = decisions.Steered(5, twin, outputs);
        ClassifierParameters[] start = [.. Enumerable.Range(0, Members).Select(population.GetParameters)];
        for (int step = 0; step < Steps; step++) population.EnqueueBatch(features, TargetsOf(twin, decisions), optimizer.LearningRate);
        for (int member = 0; member < Members; member++)
        {
            ClassifierParameters after = population.GetParameters(member);
            int first = member * rows;
            float[] own = features[(first * Inputs)..((first + rows) * Inputs)];
            BatchTargets targets = TargetsOf(twin, decisions, first, rows);
            float[][] fused = StepsOf(start[member], optimizer, twin, own, targets, Steps, isFused: true), plain = StepsOf(start[member], optimizer, twin, own, targets, Steps, isFused: false);
            for (int i = 0; i < fused.Length; i++) Assert.That(fused[i], Is.EqualTo(plain[i]), $"parameter {i}");
            Tolerance.AssertClose(after.HiddenWeights, TwinArrays.ToDouble(fused[0]), 2e-5, 1e-4, $"member {member}");
            Tolerance.AssertClose(after.OutputWeights, TwinArrays.ToDouble(fused[2]), 2e-5, 1e-4, $"member {member}");
            Assert.That(after.OutputWeights, Is.Not.EqualTo(start[member].OutputWeights));
        }
    }

    /// <summary>A step reports each member's loss, divergence and policy loss, which cloned and bounded rows have a part in.</summary>
    [TestCase(1, false)]
    [TestCase(20, false, Category = Categories.Nightly)]
    [TestCase(1, true)]
    [TestCase(12, true)]   // the kernels of the steps above
    public void AStepOfAPopulationReportsItsLosses(int rows, bool isSteered)
    {
        const int Members = 3, Inputs = 4;
        ComposedPolicyTwin twin = new([2, 3], 2, Bonus, (Clip, ValueWeight)) { Bound = isSteered ? (0.2f, DriftBound.Pull) : null };
        using NetworkPopulation population = new(TestDevice.Plain, Members, Inputs, hidden: 6, twin.Outputs, seed: 4, new Adam(Guide.First), LossOf(twin, isSteered));
        float[] features = TwinArrays.UniformFloats(1, Members * rows * Inputs, -1, 1);
        double[] outputs = PopulationSteps.OutputsOf(population, features);
        float[] rounded = [.. outputs.Select(z => (float)z)];
        ComposedPolicyTwinDecisions decisions = ComposedPolicyTwinDecisions.Make(3, twin, rounded, Members * rows, isMasked: true);
        if (isSteered) decisions = decisions.Steered(5, twin, rounded);
        population.EnqueueBatch(features, TargetsOf(twin, decisions), Guide.First);
        PopulationSteps.AssertReported(population, twin.Forward(outputs, decisions), Bonus, ValueWeight);
    }

    private static float[][] StepsOf(ClassifierParameters start, Adam optimizer, ComposedPolicyTwin twin, float[] features, BatchTargets targets, int steps, bool isFused)
    {
        int inputs = start.HiddenWeights.Length / start.HiddenBiases.Length, rows = features.Length / inputs;
        ComposedPolicyLoss loss = LossOf(twin, weighs: twin.Bound is not null);
        using Network network = new(TestDevice.Plain, 1, inputs, new Dense(start.HiddenBiases.Length), new Relu(), new Dense(twin.Outputs));
        network.SetParameters(
            ("hidden weights", start.HiddenWeights), ("hidden biases", start.HiddenBiases), ("output weights", start.OutputWeights), ("output biases", start.OutputBiases));
        using OptimizerState state = new(network, optimizer);
        using StepLedger ledger = new(network, state, 1, loss.RateGuide);
        using StepWorkspace workspace = new(network, rows, loss, state, isFused, log: ledger.Log);
        workspace.Compile();
        workspace.Upload(TrainingBatch.Check(inputs, loss.TargetsFor(twin.Outputs), features, targets));
        for (int step = 0; step < steps; step++)
        {
            ledger.BeginStep(optimizer.LearningRate);
            workspace.Enqueue(rows);
            ledger.CommitStep();
        }

        return [.. network.Parameters.Select(parameter => parameter.GetValues())];
    }

    private static (float[] Rows, float[] Gradients) Run(ComposedPolicyLoss loss, float[] outputs, BatchTargets batch, int rows, int columns)
    {
        NeuralDevice device = TestDevice.Plain;
        TargetLayout layout = loss.TargetsFor(columns);
        uint[] packed = new uint[rows * layout.WordsPerRow];
        layout.Check(rows, batch);
        layout.Pack(batch, packed);
        using MatrixTexture z = Kernels.Upload(device, rows, columns, outputs);
        using MatrixTexture targets = new(device, device.Shape(rows, layout.WordsPerRow, "targets"), TexelFormat.UnsignedInteger);
        targets.Upload<uint>(packed);
        using MatrixTexture rowLosses = Kernels.Empty(device, rows, MatrixShape.ColumnsPerTexel);
        using MatrixTexture batchLoss = Kernels.Empty(device, 1, MatrixShape.ColumnsPerTexel);
        using MatrixTexture gradients = Kernels.Empty(device, rows, columns);
        Kernels.Run(device, rows, [.. loss.Forward(z, targets, rowLosses, batchLoss), .. loss.Backward(z, targets, gradients)]);
        return (rowLosses.Read(), gradients.Read());
    }

    private static ComposedPolicyLoss LossOf(ComposedPolicyTwin twin, bool weighs = false)
    {
        PolicyShape shape = new(twin.Branches, twin.Continuous);
        return twin.Proximal is null ? new ComposedCrossEntropy(shape, Bonus) : new ComposedProximalLoss(shape, Clip, Bonus, ValueWeight, Guide, weighs, twin.Bound is var (most, _) ? new DriftBound((float)most) : null);
    }

    private static BatchTargets TargetsOf(ComposedPolicyTwin twin, ComposedPolicyTwinDecisions decisions, int first = 0, int rows = -1)
    {
        if (rows < 0) rows = decisions.Weights.Length;
        float[] Part(double[] values, int columns) => [.. values.AsSpan(first * columns, rows * columns).ToArray().Select(value => (float)value)];
        float[] taken = Part(decisions.Taken, twin.Numbers), weights = Part(decisions.Weights, 1);
        bool[] allowed = decisions.Allowed.AsSpan(first * twin.Discrete, rows * twin.Discrete).ToArray();
        return twin.Proximal is null ? BatchTargets.OfActions(taken, weights, allowed)
            : BatchTargets.OfComposedDecisions(taken, weights, Part(decisions.LogProbabilities, 1), Part(decisions.Returns, 1), allowed) with
            {
                RowWeights = decisions.RowWeights is { } weighed ? Part(weighed, 1) : [],
                Reference = twin.Bound is null ? [] : Part(decisions.Reference, twin.Discrete + (2 * twin.Continuous)),
            };
    }
}
