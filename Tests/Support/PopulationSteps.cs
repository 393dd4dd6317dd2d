using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What a step of a population reports of each member, beside what a plain computation finds.</summary>
internal static class PopulationSteps
{
    private const int Columns = 4;

    /// <summary>Enqueues a whole step.</summary>
    public static void EnqueueBatch(this NetworkPopulation population, ReadOnlySpan<float> features, BatchTargets targets, float learningRate)
    {
        population.PrepareTraining(features.Length / population.Inputs / population.Members);
        population.EnqueuePart(new StepPart(0, population.StepLines), features, targets, learningRate);
    }

    /// <summary>The outputs of all members, [members × rows × outputs], in double precision.</summary>
    public static double[] OutputsOf(NetworkPopulation population, float[] features)
    {
        int rows = features.Length / population.Inputs / population.Members;
        return [.. Enumerable.Range(0, population.Members).SelectMany(member =>
        {
            ClassifierParameters w = population.GetParameters(member);
            NetworkTwin twin = new(
                population.Inputs, new DenseLayerTwin(population.Inputs, population.Hidden, w.HiddenWeights, w.HiddenBiases), new ReluLayerTwin(),
                new DenseLayerTwin(population.Hidden, population.Classes, w.OutputWeights, w.OutputBiases));
            return twin.Forward(TwinArrays.ToDouble(features.AsSpan(member * rows * population.Inputs, rows * population.Inputs)), rows);
        })];
    }

    /// <summary>The last step, the only one so far, has reported the means of its rows, of which these are the losses, divergences, entropies and value losses.</summary>
    public static void AssertReported(NetworkPopulation population, double[] ofRows, double entropyBonus, double valueWeight)
    {
        for (int i = 0; i < 2; i++)
        {
            _ = population.TakeSkippedStep();
            TestDevice.Plain.Finish();
            TestDevice.Plain.Update();
        }

        _ = population.TakeSkippedStep();
        float[] found = population.LastSteps.ToArray();
        double others = 0;
        int rows = ofRows.Length / Columns / population.Members;
        for (int member = 0; member < population.Members; member++)
        {
            double[] means = [.. Enumerable.Range(0, Columns).Select(column => Enumerable.Range(member * rows, rows).Average(row => ofRows[(row * Columns) + column]))];
            double policyLoss = means[0] + (entropyBonus * means[2]) - (valueWeight * means[3]);
            float[] reported = [found[member * Columns], found[(member * Columns) + 1], found[(member * Columns) + 3]];
            Tolerance.AssertClose(reported, [means[0], means[1], policyLoss], 2e-5, 2e-4, $"loss, divergence and policy loss of member {member}");
            others = Math.Max(others, Math.Abs(policyLoss - means[0]));
        }

        Assert.That(others, Is.GreaterThan(1e-3), "the entropy and the value have a share");
    }
}
