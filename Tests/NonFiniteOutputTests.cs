using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Outputs that are NaN or infinite, one at a time, under every loss: on every device and driver the same ones make the loss of a row NaN or infinite, and a step with an output that is NaN is dropped. An output of a policy passes
/// several clamps and maxima on its way to the loss, which on some drivers make a number of a NaN.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class NonFiniteOutputTests
{
    private const int Inputs = 4, Hidden = 6;

    private static readonly float[] Values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    private static readonly RateGuide Guide = new(0.01f, 0.005f, 0.02f, 0.1f);

    private static readonly PolicyShape Shape = new([2, 3], 2);

    /// <summary>With the number of outputs.</summary>
    private static IEnumerable<TestCaseData> Losses =>
        from one in ((string, Loss, int)[])
        [
            ("cross-entropy", new SoftmaxCrossEntropy(), 6), ("cross-entropy with a bonus", new SoftmaxCrossEntropy(0.05f), 6),
            ("squared error", new MeanSquaredError(), 6), ("Huber", new HuberLoss(), 6),
            ("proximal", new ProximalPolicyLoss(5, 0.2f, 0.05f, 0.5f, Guide), 6),
            ("composed cross-entropy", new ComposedCrossEntropy(Shape, 0.05f), 9), ("composed proximal", new ComposedProximalLoss(Shape, 0.2f, 0.05f, 0.5f, Guide), 10),
        ]
        select new TestCaseData(one.Item2, one.Item3).SetArgDisplayNames(one.Item1);

    /// <summary>Which learn no values.</summary>
    private static IEnumerable<TestCaseData> LossesOfPopulations => Losses.Where(one => one.Arguments[0] is not (MeanSquaredError or HuberLoss));

    private static IEnumerable<TestCaseData> SteeredLosses =>
        from one in ((string Name, float Weight, DriftBound? Bound)[])
            [("weighed", 2, null), ("demonstrated", -2, null), ("near a reference", 0, new DriftBound(1e9f)), ("beyond the bound", 0, new DriftBound(0.01f))]
        select new TestCaseData(new ComposedProximalLoss(Shape, 0.2f, 0.05f, 0.5f, Guide, one.Weight != 0, one.Bound), one.Weight).SetArgDisplayNames(one.Name);

    private static NeuralDevice Device => TestDevice.Plain;

    [TestCaseSource(nameof(Losses))]
    public void ALossIsFiniteForTheSameOutputsOnEveryDevice(Loss loss, int outputs) => Compare(loss, outputs, 0, Enumerable.Range(0, outputs));

    /// <summary>The value of an action that was demonstrated is not part of its loss.</summary>
    [TestCaseSource(nameof(SteeredLosses))]
    public void ASteeredLossToo(Loss loss, float weight) => Compare(loss, 10, weight, Enumerable.Range(0, weight < 0 ? 9 : 10));

    /// <summary>The drop takes back the step before it, too: its weights are the ones whose loss is not finite.</summary>
    [TestCaseSource(nameof(Losses))]
    public void AStepWithAnOutputThatIsNaNIsDropped(Loss loss, int outputs)
    {
        float[] features = TwinArrays.UniformFloats(1, Inputs, -1, 1);
        foreach (bool isFused in (bool[])[true, false])
        {
            using Network network = new(Device, 1, Inputs, new Dense(Hidden), new Relu(), new Dense(outputs));
            for (int output = 0; output < outputs; output++)
            {
                using BatchTrainer trainer = new(network, new Adam(0.01f), loss, capacity: 1, isFused);
                float[] biases = [.. Enumerable.Range(0, outputs).Select(i => 0.1f * i)];
                network.Matrices[^1][0].CommittedTexture.Upload<float>(biases, Hidden);
                uint[][] start = BitsOf(network);
                Step(trainer);
                Assert.That(BitsOf(network), Is.Not.EqualTo(start), "a step of numbers counts");
                biases[output] = float.NaN;
                network.Matrices[^1][0].CommittedTexture.Upload<float>(biases, Hidden);
                Step(trainer);
                Assert.That(trainer.LostSteps, Is.EqualTo(2), $"output {output}");
                Assert.That(BitsOf(network), Is.EqualTo(start), $"output {output}");
            }
        }

        void Step(BatchTrainer trainer)
        {
            trainer.EnqueueBatch(features, TargetsOf(loss, 0));
            for (int i = 0; i < 2; i++)   // so that a device that is late knows, too
            {
                Device.Finish();
                Device.Update();
                _ = trainer.TakeSkippedStep();
            }
        }
    }

    /// <summary>A member whose observations overflow in both directions keeps its parameters, and the members beside it learn.</summary>
    [TestCaseSource(nameof(LossesOfPopulations))]
    public void AMemberWhoseOutputsAreNaNKeepsItsParameters(Loss loss, int outputs)
    {
        const int Members = 3, Idle = 1;
        using NetworkPopulation population = new(Device, Members, Inputs, Hidden, outputs, seed: 4, new Adam(0.01f), loss);
        ClassifierParameters idle = population.GetParameters(Idle);
        population.SetParameters(Idle, idle with
        {
            HiddenWeights = [.. Enumerable.Repeat(1f, Inputs * Hidden)],
            OutputWeights = [.. Enumerable.Range(0, Hidden * outputs).Select(i => i / outputs % 2 == 0 ? 1f : -1)],
        });
        float[] features = TwinArrays.UniformFloats(1, Members * Inputs, -1, 1);
        features.AsSpan(Idle * Inputs, Inputs).Fill(3e38f);
        ClassifierParameters[] before = [.. Enumerable.Range(0, Members).Select(population.GetParameters)];
        population.EnqueueBatch(features, TargetsOf(loss, 0, Members), learningRate: 0.01f);
        for (int member = 0; member < Members; member++)
        {
            ClassifierParameters after = population.GetParameters(member);
            Assert.That(after.OutputBiases, member == Idle ? Is.EqualTo(before[member].OutputBiases) : Is.Not.EqualTo(before[member].OutputBiases), $"member {member}");
            Assert.That(after.OutputWeights, member == Idle ? Is.EqualTo(before[member].OutputWeights) : Is.Not.EqualTo(before[member].OutputWeights), $"member {member}");
        }
    }

    private static void Compare(Loss loss, int outputs, float rowWeight, IEnumerable<int> read)
    {
        TargetLayout layout = loss.TargetsFor(outputs);
        uint[] target = new uint[layout.WordsPerRow];
        layout.Check(1, TargetsOf(loss, rowWeight));
        layout.Pack(TargetsOf(loss, rowWeight), target);
        uint[] paddedTarget = [.. target, .. new uint[(4 - (target.Length % 4)) % 4]];
        using MatrixTexture targets = new(Device, Device.Shape(1, layout.WordsPerRow, "targets"), TexelFormat.UnsignedInteger);
        targets.Upload<uint>(target);
        using MatrixTexture y = Kernels.Empty(Device, 1, outputs), rowLosses = Kernels.Empty(Device, 1, MatrixShape.ColumnsPerTexel), batchLoss = Kernels.Empty(Device, 1, MatrixShape.ColumnsPerTexel);
        foreach (int output in read)
        {
            foreach (float value in Values)
            {
                float[] given = [.. Enumerable.Range(0, outputs).Select(i => i == output ? value : 0.1f * i)];
                y.Upload<float>(given);
                Kernels.Run(Device, 1, loss.Forward(y, targets, rowLosses, batchLoss));
                float found = rowLosses.Read()[0];
                float[] padded = [.. given, .. new float[(4 - (outputs % 4)) % 4]];
                float expected = loss.ComputeRow(padded, paddedTarget, outputs, 1, []).Loss;
                if (float.IsNaN(value))
                {
                    Assert.That(expected, Is.NaN, $"output {output}");
                    Assert.That(found, Is.NaN, $"output {output}");
                }
                else if (float.IsFinite(expected))
                {
                    Assert.That(found, Is.EqualTo(expected).Within(1e-4).Percent, $"output {output} is {value}");
                }
                else
                {
                    Assert.That(found, Is.Not.Matches<float>(float.IsFinite), $"output {output} is {value}");
                }
            }
        }
    }

    private static BatchTargets TargetsOf(Loss loss, float rowWeight, int rows = 1)
    {
        float[] Each(float value) => [.. Enumerable.Repeat(value, rows)];
        float[] Rows(params float[] row) => [.. Enumerable.Range(0, rows).SelectMany(_ => row)];
        int[] labels = [.. Enumerable.Repeat(2, rows)];
        bool[] all = [.. Enumerable.Repeat(true, 5 * rows)];
        return loss switch
        {
            SoftmaxCrossEntropy => BatchTargets.OfLabels(labels),
            ProximalPolicyLoss => BatchTargets.OfDecisions(labels, Each(0.7f), Each(-1.5f), Each(0.3f), all),
            ComposedCrossEntropy => BatchTargets.OfActions(Rows(1, 2, 0.5f, -0.5f), Each(0.7f), all),
            ComposedProximalLoss composed => BatchTargets.OfComposedDecisions(Rows(1, 2, 0.5f, -0.5f), Each(0.7f), Each(-4), Each(0.3f), all) with
            {
                RowWeights = composed.WeighsRows ? Each(rowWeight) : [],
                Reference = composed.Bound is null ? [] : Rows(0.1f, 0.2f, 0, 0.3f, 0, 0.5f, 0.4f, 0.3f, 0.2f),
            },
            _ => BatchTargets.OfValues(Rows(0, 1, 2, 3, 4, 5), []),
        };
    }

    private static uint[][] BitsOf(Network network) => [.. network.Parameters.Select(parameter => parameter.GetValues().Select(BitConverter.SingleToUInt32Bits).ToArray())];
}
