using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Exported brains, run by ONNX Runtime: given raw observations, they compute the same as the population.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentOnnxTests
{
    private const int Observations = 3, Actions = 5, Rows = 50;

    private static IEnumerable<AgentLearning?> Ways => [new ActorCritic { RolloutSize = 16, LeastRolloutPerAgent = 4, Minibatches = 2 }, new PolicyGradient(), null];

    /// <summary>Which kernels wrote the weights makes no difference to the file, so one brain of OpenGL is enough.</summary>
    private static IEnumerable<TestCaseData> Brains =>
        from learning in Ways
        from sharing in Enum.GetValues<BrainSharing>()
        from normalizes in (bool[])[false, true]
        let data = new TestCaseData(learning, sharing, normalizes)
        select learning is ActorCritic && sharing == BrainSharing.OneEach && normalizes ? data : data.SetCategory(Categories.OnProcessor);

    [TestCaseSource(nameof(Brains))]
    public void TheModelGivesWhatTheBrainGives(AgentLearning? learning, BrainSharing sharing, bool normalizes)
    {
        int stacked = normalizes ? 2 : 1;
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = Observations,
            NumStackedVectorObservations = stacked,
            Actions = Actions,
            HiddenUnits = 7,
            Capacity = 2,
            Brains = sharing,
            Latency = 0,
            Learning = learning,
            NormalizeObservations = normalizes,
        });
        SeededRandom random = new(5);
        float[] Observe() => [100 + (10 * random.NextSingle()), random.NextSingle() - 0.5f, 3];
        for (int i = 0; i < 2; i++) agents.Add(new ProbeAgent { MaxStep = 6, Observations = _ => Observe(), Act = (self, action) => self.AddReward(20 * action) });
        for (int frame = 0; frame < 100; frame++) agents.Update();

        int brain = sharing == BrainSharing.Shared ? 0 : 1;
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            if (sharing == BrainSharing.Shared) agents.ExportOnnx(path);
            else agents.ExportOnnx(brain, path);
            float[] raw = [.. Enumerable.Range(0, Rows * stacked).SelectMany(_ => Observe())];
            float[] allowed = [.. Enumerable.Range(0, Rows * Actions).Select(i => i % Actions == i / Actions % Actions || random.NextInt32(2) == 0 ? 1f : 0)];
            using InferenceSession session = new(path);
            using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run(
            [
                NamedOnnxValue.CreateFromTensor("observations", new DenseTensor<float>(raw, [Rows, stacked * Observations])),
                NamedOnnxValue.CreateFromTensor("allowed", new DenseTensor<float>(allowed, [Rows, Actions])),
            ]);
            Dictionary<string, float[]> found = results.ToDictionary(result => result.Name, result => result.AsTensor<float>().ToArray());
            Compare(agents, brain, raw, allowed, found);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void WhatCannotBeExportedIsSaid()
    {
        using AgentPopulation agents = new(TestDevice.Plain, new AgentPopulationOptions { Observations = 1, Actions = 2, Learning = null });
        Assert.That(() => agents.ExportOnnx(1, "a"), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => agents.ExportOnnx(0, ""), Throws.ArgumentException);
        Assert.That(() => agents.ExportOnnx("a"), Throws.InvalidOperationException.With.Message.Contains("ExportOnnx(brain, path)"));
    }

    private static void Compare(AgentPopulation agents, int brain, float[] raw, float[] allowed, Dictionary<string, float[]> found)
    {
        ClassifierParameters parameters = agents.GetBrain(brain);
        int observations = raw.Length / Rows, outputs = parameters.OutputBiases.Length, hidden = parameters.HiddenBiases.Length;
        Assert.That(found.Keys, Is.EquivalentTo(outputs > Actions ? new[] { "logits", "probabilities", "value" } : ["logits", "probabilities"]));
        ValueScale scale = (agents.Learner as ActorCriticLearner)?.ScaleOf(brain) ?? default;
        for (int row = 0; row < Rows; row++)
        {
            float[] observed = raw[(row * observations)..((row + 1) * observations)];
            agents.Normalizer?.Apply(observed);
            double[] units = [.. Enumerable.Range(0, hidden).Select(j => Math.Max(0, parameters.HiddenBiases[j] + Enumerable.Range(0, observations).Sum(i => (double)observed[i] * parameters.HiddenWeights[(i * hidden) + j])))];
            double[] z = [.. Enumerable.Range(0, outputs).Select(j => parameters.OutputBiases[j] + Enumerable.Range(0, hidden).Sum(i => units[i] * parameters.OutputWeights[(i * outputs) + j]))];
            double[] shares = [.. Enumerable.Range(0, Actions).Select(j => allowed[(row * Actions) + j] * Math.Exp(z[j]))];
            Tolerance.AssertClose(found["logits"].AsSpan(row * Actions, Actions), z.AsSpan(0, Actions), 1e-4, 1e-4, "logits");
            Tolerance.AssertClose(found["probabilities"].AsSpan(row * Actions, Actions), [.. shares.Select(share => share / shares.Sum())], 1e-4, 1e-4, "probabilities");
            if (outputs > Actions) Assert.That(found["value"][row], Is.EqualTo(scale.Mean + (scale.Deviation * z[Actions])).Within(1e-3).Percent.Or.EqualTo(scale.Mean + (scale.Deviation * z[Actions])).Within(1e-3));
        }
    }
}
