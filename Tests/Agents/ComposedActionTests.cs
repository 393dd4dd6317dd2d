using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Agents whose actions are several discrete branches, continuous actions, or both: the actions they get, what they learn, and what files store.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class ComposedActionTests
{
    private static readonly ActionSpec Both = new(2, 2, 3);

    private static readonly AgentPopulationOptions Options = new()
    {
        Observations = 1,
        ActionSpec = Both,
        HiddenUnits = 16,
        Capacity = 8,
        Latency = 0,
        Seed = 3,
        Brains = BrainSharing.Shared,
        Learning = new ActorCritic { RolloutSize = 64, LeastRolloutPerAgent = 8, Minibatches = 2, Epochs = 4, Discount = 0 },
        FrameBudget = FrameBudget.Steps(2),
    };

    private static IEnumerable<TestCaseData> Ways =>
    [
        new TestCaseData(Options).SetArgDisplayNames("actor-critic"),
        new TestCaseData(Options with { Brains = BrainSharing.OneEach, Learning = ((ActorCritic)Options.Learning!) with { RolloutSize = 12 } }).SetArgDisplayNames("actor-critic, own brains"),
        new TestCaseData(Options with { ActionSpec = ActionSpec.MakeContinuous(1) }).SetArgDisplayNames("actor-critic, continuous alone"),
        new TestCaseData(Options with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 4 } }).SetArgDisplayNames("policy gradient"),
        new TestCaseData(Options with { Learning = new PolicyGradient { BatchSize = 8, Horizon = 4 }, Brains = BrainSharing.OneEach }).SetArgDisplayNames("policy gradient, own brains"),
        new TestCaseData(Options with { Learning = new BehaviorCloning { BatchSize = 8, Capacity = 20 } }).SetArgDisplayNames("cloning"),
    ];

    // ---- the actions an agent gets ----

    [Test]
    public void ActionsAreWithinWhatWasDeclared()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with { Learning = null });
        List<Marksman> all = Fill(agents, masks: true);
        for (int frame = 0; frame < 200; frame++) agents.Update();
        foreach (Marksman each in all)
        {
            Assert.That(each.Discrete.Select(pair => pair.Length), Is.All.EqualTo(2));
            Assert.That(each.Discrete.Select(pair => pair[0]).Distinct(), Is.EquivalentTo([0, 1]));
            Assert.That(each.Discrete.Select(pair => pair[1]).Distinct(), Is.EquivalentTo([0, 2]), "1 is masked");
            Assert.That(each.Continuous.Select(pair => pair.Length), Is.All.EqualTo(2));
            Assert.That(each.Continuous.SelectMany(pair => pair), Is.All.InRange(-1f, 1f));
        }

        Assert.That(all[0].Action, Is.EqualTo(all[0].StoredActions.DiscreteActions[0]));
    }

    /// <summary>For given outputs, the log probability is that of the drawn action, and the draws have the given mean and deviation.</summary>
    [Test]
    public void ActionsAreDrawnByThePolicy()
    {
        ActionChooser chooser = new(Options);
        ProbeAgent agent = new() { Index = 0 };
        float[] outputs = [0.5f, -0.5f, 1, 2, 3, 0.25f, -1, -0.5f, 0.3f], taken = new float[4];
        bool[] allowed = [true, true, true, false, true];
        ComposedPolicyTwin twin = new([2, 3], 2, 0, null);
        double[] outputs64 = TwinArrays.ToDouble(outputs);
        const int Draws = 20_000;
        double sum = 0, squares = 0;
        int first = 0;
        for (int i = 0; i < Draws; i++)
        {
            float logP = chooser.ChooseAll(agent, outputs, allowed, taken);
            if (i < 100) Assert.That(logP, Is.EqualTo(twin.Policy(outputs64, new(TwinArrays.ToDouble(taken), [1], [0], [0], allowed), 0).LogP).Within(1e-4));
            Assert.That(taken[1], Is.Not.EqualTo(1));
            sum += taken[2];
            squares += (taken[2] - 0.25) * (taken[2] - 0.25);
            if (taken[0] == 0) first++;
        }

        Assert.That(sum / Draws, Is.EqualTo(0.25).Within(0.02));
        Assert.That(Math.Sqrt(squares / Draws), Is.EqualTo(Math.Exp(-0.5)).Within(0.02));
        Assert.That(first / (double)Draws, Is.EqualTo(1 / (1 + Math.Exp(-1))).Within(0.02));
        chooser.Explores = false;
        _ = chooser.ChooseAll(agent, outputs, allowed, taken);
        Assert.That(taken, Is.EqualTo([0, 2, 0.25f, -1]));
        outputs[7] = float.NaN;
        Assert.That(() => chooser.ChooseAll(agent, outputs, allowed, taken), Throws.TypeOf<AgentException>());
    }

    [Test]
    public void WhatIsWrongIsSaid()
    {
        Assert.That(() => new ActionSpec(0), Throws.ArgumentException);
        Assert.That(() => new ActionSpec(-1, 2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => ActionSpec.MakeDiscrete(3, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new AgentPopulation(TestDevice.Plain, new AgentPopulationOptions { Observations = 1 }), Throws.ArgumentException.With.Message.Contains("Actions of the options was not given"));
        Assert.That(() => new AgentPopulation(TestDevice.Plain, Options with { Learning = new BehaviorCloning { BalanceActions = true } }), Throws.ArgumentException.With.Message.Contains("BalanceActions"));
        Says(new ProbeAgent(), "OnActionReceived(ActionBuffers)");
        Says(new ProbeAgent { ActsByHeuristic = true }, "Heuristic(in ActionBuffers)");
        Says(new ProbeAgent { Mask = mask => mask.SetActionEnabled(1, false) }, "SetActionEnabled(branch, action, isEnabled)");
        Says(new ProbeAgent { Mask = mask => mask.SetActionEnabled(2, 0, false) }, "there are 2 branches");
        Says(new ProbeAgent { Mask = mask => mask.SetActionEnabled(1, 3, false) }, "action 3 of branch 1");
        Says(new ProbeAgent { Mask = mask => { mask.SetActionEnabled(0, 0, false); mask.SetActionEnabled(0, 1, false); } }, "branch 0");
        Says(new Marksman { ActsByHeuristic = true, Shown = (5, 0, 0) }, "action 5 in branch 0");
        Says(new Marksman { ActsByHeuristic = true, Shown = (0, 1, 0), Masks = true }, "masked");
        Says(new Marksman { ActsByHeuristic = true, Shown = (0, 0, float.NaN) }, "continuous action 0");

        static void Says(Agent agent, string what)
        {
            using AgentPopulation agents = new(TestDevice.Plain, Options);
            agents.Add(agent);
            Assert.That(() => { agents.Update(); agents.Update(); }, Throws.TypeOf<AgentException>().With.Message.Contains(what));
        }
    }

    [Test]
    public void AHeuristicActs()
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options);
        Marksman agent = new() { ActsByHeuristic = true, Shown = (1, 2, 3) };
        agents.Add(agent);
        agents.Update();
        Assert.That((agent.Discrete[0], agent.Continuous[0]), Is.EqualTo(((int[])[1, 2], (float[])[1, 0])).Using<(int[], float[])>((a, b) => a.Item1.AsSpan().SequenceEqual(b.Item1) && a.Item2.AsSpan().SequenceEqual(b.Item2)), "cut off at 1");
    }

    // ---- what they learn ----

    /// <summary>Each number of an action is rewarded if it is right.</summary>
    [Test]
    public void EachNumberOfAnActionIsLearned([Values] BrainSharing sharing)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options with
        {
            Brains = sharing,
            Learning = ActorCritic.Quick with { Discount = 0, RolloutSize = 64, LeastRolloutPerAgent = 8 },
        });
        List<Marksman> all = Fill(agents, masks: true);
        for (int frame = 0; frame < 1500; frame++) agents.Update();
        agents.Explores = agents.Learns = false;
        foreach (Marksman each in all) each.Forget();
        for (int frame = 0; frame < 50; frame++) agents.Update();
        Assert.That(all.Average(each => each.Rewards.Average()), Is.GreaterThan(2.4), "of 3");
    }

    /// <summary>A recorded, saved and loaded demonstration is cloned.</summary>
    [TestCase(BrainSharing.Shared)]
    [TestCase(BrainSharing.OneEach, Category = Categories.OnProcessor)]
    public void DemonstrationsAreCloned(BrainSharing sharing)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using AgentPopulation shown = new(TestDevice.Plain, Options with { Learning = null });
            shown.Recording = new Demonstration(1, Both);
            foreach (Marksman each in Fill(shown, masks: false)) (each.ActsByHeuristic, each.Demonstrates) = (true, true);
            for (int frame = 0; frame < 100; frame++) shown.Update();
            shown.Recording.Save(path);
            Demonstration loaded = Demonstration.Load(path);
            loaded.Merge(loaded);
            Assert.That((loaded.Count, loaded.ActionSpec), Is.EqualTo((2 * shown.Recording.Count, Both)));
            Assert.That(loaded.CountActions().Sum(), Is.EqualTo(2 * loaded.Count));
            (int[] discrete, float[] continuous) = (new int[2], new float[2]);
            loaded.CopyAction(7, new ActionBuffers(continuous, discrete));
            float seen = loaded.Observation(7)[0];
            Assert.That((discrete[0], discrete[1], continuous[0]), Is.EqualTo((Marksman.RightBranch(seen), 2, seen)));
            byte[] file = File.ReadAllBytes(path);
            for (int length = 0; length < file.Length; length += 1 + (length / 40))
            {
                File.WriteAllBytes(path, file[..length]);
                Assert.That(() => Demonstration.Load(path), Throws.TypeOf<ModelFileException>(), $"{length} bytes");
            }

            using AgentPopulation cloned = new(
                TestDevice.Plain, Options with { Brains = sharing, Learning = new BehaviorCloning { Demonstration = loaded, BatchSize = 64 }, FrameBudget = FrameBudget.Steps(4) });
            for (int frame = 0; frame < 400; frame++) cloned.Update();
            cloned.Explores = cloned.Learns = false;
            List<Marksman> all = Fill(cloned, masks: false);
            for (int frame = 0; frame < 50; frame++) cloned.Update();
            Assert.That(all.Average(each => each.Rewards.Average()), Is.GreaterThan(2.7), "of 3");
            Assert.That(() => new AgentPopulation(TestDevice.Plain, Options with { ActionSpec = new ActionSpec(1, 5), Learning = new BehaviorCloning { Demonstration = loaded } }), Throws.ArgumentException);
        }
        finally
        {
            File.Delete(path);
        }
    }

    // ---- files ----

    [TestCaseSource(nameof(Ways))]
    public void WhatIsLoadedGoesOnWithTheSameBits(AgentPopulationOptions options)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            foreach (int frames in (int[])[3, 25])
            {
                using AgentPopulation first = new(TestDevice.Plain, options);
                foreach (Marksman each in Fill(first, masks: true)) each.Demonstrates = options.Learning is BehaviorCloning;
                for (int frame = 0; frame < frames; frame++) first.Update();
                first.Save(path);
                using AgentPopulation second = AgentPopulation.Load(TestDevice.Plain, path, options), played = AgentPopulation.Load(TestDevice.Plain, path);
                Assert.That(played.Learning, Is.Null);
                foreach (AgentPopulation population in (AgentPopulation[])[first, second, played])
                {
                    for (int place = 0; place < first.Capacity && population == first; place++) population.Remove(Marksman.All(first)[0]);
                    Fill(population, masks: true);
                    for (int frame = 0; frame < 30; frame++) population.Update();
                }

                for (int brain = 0; brain < (options.Brains == BrainSharing.OneEach ? options.Capacity : 1); brain++)
                {
                    Assert.That(second.GetBrain(brain).OutputWeights, Is.EqualTo(first.GetBrain(brain).OutputWeights), $"after {frames} frames");
                    Assert.That(second.GetBrain(brain).HiddenWeights, Is.EqualTo(first.GetBrain(brain).HiddenWeights), $"after {frames} frames");
                }

                Assert.That(second.Progress.TrainingSteps, Is.EqualTo(first.Progress.TrainingSteps).And.Positive);
            }

            Assert.That(() => AgentPopulation.Load(TestDevice.Plain, path, options with { ActionSpec = new ActionSpec(3, 2, 3) }), Throws.TypeOf<ModelFileException>().With.Message.Contains("actions"));
            Assert.That(() => AgentPopulation.Load(TestDevice.Plain, path, options with { Actions = 5 }), Throws.TypeOf<ModelFileException>().With.Message.Contains("actions"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void AnOnnxModelGivesWhatTheBrainGives([Values] bool hasValue, [Values] BrainSharing sharing, [Values(1, 2)] int stacked)
    {
        const int Rows = 20;
        int number = sharing == BrainSharing.Shared ? 0 : 3;
        AgentPopulationOptions options = Options with { Brains = sharing, NumStackedVectorObservations = stacked };
        using AgentPopulation agents = new(TestDevice.Plain, options with { Learning = hasValue ? ((ActorCritic)Options.Learning!) with { RolloutSize = 12 } : null });
        Fill(agents, masks: true);
        for (int frame = 0; frame < 60; frame++) agents.Update();
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            agents.ExportOnnx(number, path);
            float[] raw = TwinArrays.UniformFloats(4, Rows * stacked, -1, 1), mask0 = [.. Enumerable.Repeat(1f, 2 * Rows)], mask1 = [.. Enumerable.Range(0, 3 * Rows).Select(i => i % 3 == 1 ? 0f : 1)];
            using InferenceSession session = new(path);
            using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run(
            [
                NamedOnnxValue.CreateFromTensor("observations", new DenseTensor<float>(raw, [Rows, stacked])),
                NamedOnnxValue.CreateFromTensor("allowed_0", new DenseTensor<float>(mask0, [Rows, 2])),
                NamedOnnxValue.CreateFromTensor("allowed_1", new DenseTensor<float>(mask1, [Rows, 3])),
            ]);
            Dictionary<string, float[]> found = results.ToDictionary(result => result.Name, result => result.AsTensor<float>().ToArray());
            string[] names = ["logits_0", "probabilities_0", "logits_1", "probabilities_1", "means", "deviations", "continuous_actions"];
            Assert.That(found.Keys, Is.EquivalentTo(hasValue ? [.. names, "value"] : names));
            ClassifierParameters brain = agents.GetBrain(number);
            int outputs = brain.OutputBiases.Length, hidden = brain.HiddenBiases.Length;
            for (int row = 0; row < Rows; row++)
            {
                float[] observed = raw[(row * stacked)..((row + 1) * stacked)];
                agents.Normalizer!.Apply(observed);
                double[] units = [.. Enumerable.Range(0, hidden).Select(j => Math.Max(0, brain.HiddenBiases[j] + observed.Select((x, i) => (double)x * brain.HiddenWeights[(i * hidden) + j]).Sum()))];
                double[] z = [.. Enumerable.Range(0, outputs).Select(j => brain.OutputBiases[j] + Enumerable.Range(0, hidden).Sum(i => units[i] * brain.OutputWeights[(i * outputs) + j]))];
                double first = Math.Exp(z[2]), third = Math.Exp(z[4]);
                Tolerance.AssertClose(found["logits_0"].AsSpan(2 * row, 2), z.AsSpan(0, 2), 1e-4, 1e-4, "logits");
                Tolerance.AssertClose(found["probabilities_1"].AsSpan(3 * row, 3), [first / (first + third), 0, third / (first + third)], 1e-4, 1e-4, "probabilities");
                Tolerance.AssertClose(found["means"].AsSpan(2 * row, 2), z.AsSpan(5, 2), 1e-4, 1e-4, "means");
                Tolerance.AssertClose(found["continuous_actions"].AsSpan(2 * row, 2), [Math.Clamp(z[5], -1, 1), Math.Clamp(z[6], -1, 1)], 1e-4, 1e-4, "actions");
                Tolerance.AssertClose(found["deviations"].AsSpan(2 * row, 2), [Math.Exp(Math.Clamp(z[7], -5, 2)), Math.Exp(Math.Clamp(z[8], -5, 2))], 1e-4, 1e-4, "deviations");
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static List<Marksman> Fill(AgentPopulation agents, bool masks)
    {
        List<Marksman> all = [.. Enumerable.Range(0, agents.Capacity).Select(i => new Marksman { Masks = masks, World = new SeededRandom(9, (ulong)i) })];
        foreach (Marksman each in all) agents.Add(each);
        return all;
    }

    /// <summary>Observes a number x from −1 to 1: the first continuous action is to be x, the first branch 0 below 0 and 1 above, and the second branch 2, of which 1 may be masked.</summary>
    private sealed class Marksman : Agent
    {
        private static readonly Dictionary<AgentPopulation, List<Marksman>> Known = [];
        private float x;

        public SeededRandom World { get; init; } = new(1, 1);

        public bool Masks { get; init; }

        public (int First, int Second, float Aim)? Shown { get; init; }

        public List<int[]> Discrete { get; } = [];

        public List<float[]> Continuous { get; } = [];

        public List<float> Rewards { get; } = [];

        public static int RightBranch(float seen) => seen > 0 ? 1 : 0;

        public static List<Marksman> All(AgentPopulation population) => [.. Known[population].Where(each => each.Population == population)];

        public void Forget() => Rewards.Clear();

        public override void OnEpisodeBegin()
        {
            if (!Known.TryGetValue(Population!, out List<Marksman>? all)) Known.Add(Population!, all = []);
            if (!all.Contains(this)) all.Add(this);
        }

        public override void CollectObservations(VectorSensor sensor) => sensor.AddObservation(x = (2 * World.NextSingle()) - 1);

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            if (Masks && mask.Actions == 5) mask.SetActionEnabled(1, 1, false);
        }

        public override void OnActionReceived(ActionBuffers actions)
        {
            Discrete.Add(actions.DiscreteActions.ToArray());
            Continuous.Add(actions.ContinuousActions.ToArray());
            float reward = 1 - Math.Abs(actions.ContinuousActions[0] - x);
            if (actions.DiscreteActions.Length == 2) reward += (actions.DiscreteActions[0] == RightBranch(x) ? 1 : 0) + (actions.DiscreteActions[1] == 2 ? 1 : 0);
            Rewards.Add(reward);
            AddReward(reward);
            if (StepCount == 5) EndEpisode();
        }

        public override void Heuristic(in ActionBuffers actionsOut)
        {
            (int first, int second, float aim) = Shown ?? (RightBranch(x), 2, x);
            (actionsOut.DiscreteActions[0], actionsOut.DiscreteActions[1], actionsOut.ContinuousActions[0]) = (first, second, aim);
        }
    }
}
