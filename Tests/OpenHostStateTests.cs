using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// Every public call during everything that a host may legally have open, running or half deleted: either it works as usual, and the host's state is
/// unchanged, or it throws a documented exception and nothing has changed; and a later call reports work that was enqueued and skipped.
/// </summary>
[TestFixture]
internal sealed class OpenHostStateTests
{
    /// <summary>Calls that wait for the results of dispatches, and so know at once.</summary>
    private static readonly string[] Waiting =
    [
        "Classifier.TrainBatch", "Classifier.Predict", "Classifier.ComputeLogits", "Classifier.ComputeGradients", "Network.Predict", "Network.ComputeLogits",
        "Network.ComputeGradients", "Network.ComputeInputGradients", "BatchTrainer.TrainBatch", "BatchTrainer.TrainBatchOfBytes", "NetworkPopulation.TrainBatch",
        "NetworkPopulation.Predict", "Network.ComputeOutputs", "Regressor.TrainBatch", "Regressor.Predict", "Regressor.ComputeGradients",
    ];

    /// <summary>Calls that enqueue dispatches whose outcome a later one knows.</summary>
    private static readonly string[] InFrame =
    [
        "InFrameTrainer.Tick", "InFrameTrainer.Tick that uploads", "InFrameTrainer.Tick that takes textures", "InFrameTrainer.Tick within a time",
        "AgentPopulation.Update", "AgentPopulation.Update with one brain", "AgentPopulation.Update with textures",
    ];

    /// <summary>Their amount of work depends on the machine, so the weights differ each time.</summary>
    private static readonly string[] Varying = ["InFrameTrainer.Tick within a time"];

    public static IEnumerable<TestCaseData> States() => OpenHostState.All().Select(state => new TestCaseData(state.Make).SetArgDisplayNames(state.Name));

    [TestCaseSource(nameof(States))]
    public void EachCallDoesWhatItDoesWithoutOrNothing(Func<HostContext, OpenHostState> make) => Meet(make, reportsErrors: true);

    /// <summary>In a context whose errors are undefined behavior, our calls cause none, and nothing depends on reading one.</summary>
    [TestCaseSource(nameof(States))]
    public void SoItDoesInAContextWithoutErrors(Func<HostContext, OpenHostState> make) => Meet(make, reportsErrors: false);

    /// <summary>
    /// With a host that rebinds, no state is queried, so active transform feedback is not noticed until the driver has rejected our programs: there is no
    /// result, and the host's own program keeps its uniforms.
    /// </summary>
    [Test]
    public void AHostThatRebindsIsToldOfDispatchesThatItsTransformFeedbackKeptFromRunning([Values] bool own, [Values] bool separable)
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls calls = new(device);
        calls.Reset();
        float[] before = calls.Fingerprint();
        device.HostStatePolicy = HostStatePolicy.HostRebinds;
        OpenTransformFeedback state = new(gl, paused: false, own, separable, deleted: false);
        foreach ((string name, Action call) in calls.All(withFiles: false).Where(item => Waiting.Contains(item.Name)))
        {
            state.Open();
            state.Look();
            Assert.Throws<DispatchesSkippedException>(() => call(), name);
            while (gl.GetError() != GLEnum.NoError)
            {
            }

            state.BindAgain();
            state.Look();
            state.Close();
        }

        Assert.That(calls.Fingerprint(), Is.EqualTo(before));
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected), "the numbers that our programs were to get have come");
    }

    /// <summary>A texture that cannot be taken is reported without a driver error, so that the host's own error stays its own.</summary>
    [Test]
    public void ATextureThatCannotBeTakenIsNoErrorOfTheDriver([Values] bool reportsErrors)
    {
        TestGls.RequireDriver();
        using HostContext host = new(reportsErrors: reportsErrors);
        using GL gl = GL.GetApi(host);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using TrainingSet samples = new(device, inputs: 4, classes: 2, capacity: 4);
        uint array = gl.GenTexture();
        gl.BindTexture(TextureTarget.Texture2DArray, array);
        gl.TexStorage3D(TextureTarget.Texture2DArray, 1, SizedInternalFormat.Rgba32f, 4, 4, 2);
        if (reportsErrors) gl.Enable((EnableCap)0xBAD);
        ArgumentException exception = Assert.Throws<ArgumentException>(() => samples.AddTexture(array, 2, 2, TextureChannels.Luminance, label: 0))!;
        Assert.That(exception.Message, Does.Contain("not a two-dimensional one"));
        Assert.That(gl.GetError(), Is.EqualTo(reportsErrors ? GLEnum.InvalidEnum : GLEnum.NoError));
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>The driver would keep some of our commands for the list and run others.</summary>
    [Test]
    public void WhileADisplayListIsCompiledCallsAreRefused()
    {
        const uint List = 5, Compile = 0x1300;
        TestGls.RequireDriver();
        using HostContext host = new(isCore: false);
        using GL gl = GL.GetApi(host);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls calls = new(device);
        float[] before = calls.Fingerprint();
        foreach ((string name, Action call) in calls.All())
        {
            CompatibilityGl.NewList(host, List, Compile);
            InvalidOperationException exception = Assert.Throws<InvalidOperationException>(() => call(), name)!;
            Assert.That(exception.Message, Does.Contain("display list 5").And.Contain("glEndList"), name);
            CompatibilityGl.EndList(host);
        }

        Assert.That(calls.Fingerprint(), Is.EqualTo(before));
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>In a frame, the state is restored at its end, whatever it is.</summary>
    [TestCaseSource(nameof(States))]
    public void AFrameGivesBackWhatItFound(Func<HostContext, OpenHostState> make) => KeepInAFrame(make, family: null);

    private static void KeepInAFrame(Func<HostContext, OpenHostState> make, KernelFamily? family)
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        RandomHostState bindings = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        if (family is not null) KernelFamily.Force(device, family);
        using PublicCalls calls = new(device);
        OpenHostState state = make(host);
        state.Open();
        long[] before = bindings.Read();
        long looked = state.Look();
        FrameScope frame = device.BeginFrame();
        if (state.Skips) Assert.Throws<DispatchesSkippedException>(() => calls.Predict());
        else Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
        frame.Dispose();
        AssertSame(bindings, before, state, "after the frame");
        Assert.That(state.Look(), Is.EqualTo(looked));
        frame = device.BeginFrame();
        if (!state.Skips) calls.Predict();
        device.Dispose();
        AssertSame(bindings, before, state, "after Dispose in a frame");
        Assert.That(state.Look(), Is.EqualTo(looked));
        frame.Dispose();
        state.Close();
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>A device may be made in any state, and whatever it is asked for first is as in <see cref="EachCallDoesWhatItDoesWithoutOrNothing"/>.</summary>
    [TestCaseSource(nameof(States))]
    public void ADeviceIsAttachedInAnyState(Func<HostContext, OpenHostState> make)
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        RandomHostState bindings = new(gl);
        OpenHostState state = make(host);
        state.Open();
        long[] before = bindings.Read();
        long looked = state.Look();
        using (NeuralDevice device = NeuralDevice.Attach(gl))
        {
            AssertSame(bindings, before, state, "after Attach");
            Assert.That(KernelFamily.All, Does.Contain(KernelFamily.Of(device)));
            AssertSame(bindings, before, state, "after the choice of a family");
            using TwoLayerClassifier classifier = new(device, PublicCalls.Inputs, PublicCalls.Hidden, PublicCalls.Classes);
            float[] probabilities = new float[PublicCalls.Rows * PublicCalls.Classes];
            if (state.Skips) Assert.Throws<DispatchesSkippedException>(() => classifier.Predict(PublicCalls.Features, probabilities));
            else classifier.Predict(PublicCalls.Features, probabilities);
            Assert.That(probabilities.Sum(), Is.EqualTo(state.Skips ? 0 : PublicCalls.Rows).Within(1e-4));
            AssertSame(bindings, before, state, "after Predict");
        }

        AssertSame(bindings, before, state, "after Dispose");
        Assert.That(state.Look(), Is.EqualTo(looked));
        state.Close();
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>Agents that learn in any way report what was skipped, and learn on.</summary>
    [Test]
    public void AgentsLearnOnInAnyWay()
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        RandomHostState bindings = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using LearningAgents learning = new(device);
        OpenHostState[] states =
        [
            new OpenConditionalRender(gl, ConditionalRenderMode.Wait, passes: false), new OpenConditionalRender(gl, ConditionalRenderMode.Wait, passes: true),
            new OpenTransformFeedback(gl, paused: false, own: true, separable: false, deleted: false), new OpenTransformFeedback(gl, paused: true, own: false, separable: true, deleted: true),
        ];
        foreach (OpenHostState state in states)
        {
            foreach ((string name, AgentPopulation agents) in learning.All)
            {
                for (int frame = 0; frame < 5; frame++) agents.Update();
                bool told = false;
                for (int frame = 0; frame < 3; frame++)
                {
                    state.Open();
                    long[] before = bindings.Read();
                    long looked = state.Look();
                    told |= LearningAgents.TellsOfSkips(agents);
                    AssertSame(bindings, before, state, name);
                    Assert.That(state.Look(), Is.EqualTo(looked), name);
                    state.Close();
                }

                for (int frame = 0; frame < 5; frame++) told |= LearningAgents.TellsOfSkips(agents);
                Assert.That(told, Is.EqualTo(state.Skips), name);
                long steps = agents.Progress.TrainingSteps, decisions = agents.Progress.Decisions;
                for (int frame = 0; frame < 12; frame++) agents.Update();
                Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(steps), name);
                Assert.That(agents.Progress.Decisions, Is.GreaterThan(decisions), name);
                ClassifierParameters brain = agents.GetBrain(0);
                Assert.That(brain.HiddenWeights.Concat(brain.OutputWeights), Has.All.Matches<float>(float.IsFinite).And.Some.Not.Zero, name);
            }
        }

        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>
    /// Whether a conditional render that does not wait discards is open until its query has a result, which may come in the middle of a call: each runs as a whole or changes nothing.
    /// </summary>
    [Test]
    public void WithAPendingQueryEachCallIsWholeOrNothing()
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        using GL gl = GL.GetApi(host);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls control = new(device), calls = new(device);
        OpenConditionalRender state = new(gl, ConditionalRenderMode.NoWait, passes: false, isPending: true);
        foreach (((string name, Action call), (_, Action controlCall)) in calls.All(withFiles: false).Zip(control.All(withFiles: false)).Where(pair => Waiting.Contains(pair.First.Name)))
        {
            control.Reset();
            calls.Reset();
            float[] nothing = control.Fingerprint();
            controlCall();
            state.Open();
            bool hasRun = true;
            try
            {
                call();
            }
            catch (DispatchesSkippedException)
            {
                hasRun = false;
            }

            state.Close();
            Assert.That(calls.Fingerprint(), Is.EqualTo(hasRun ? control.Fingerprint() : nothing), name);
        }
    }

    /// <summary>The kernels of graphics cards fetch from more texture units.</summary>
    [Test]
    public void AFrameOfKernelsThatFetchGivesBackWhatItFound()
    {
        foreach ((string name, Func<HostContext, OpenHostState> make) in OpenHostState.All())
        {
            if (name.StartsWith("bound objects", StringComparison.Ordinal) || name == "nothing") KeepInAFrame(make, KernelFamily.WorkgroupTiled);
        }
    }

    private static void Meet(Func<HostContext, OpenHostState> make, bool reportsErrors)
    {
        TestGls.RequireDriver();
        using HostContext host = new(reportsErrors: reportsErrors);
        using GL gl = GL.GetApi(host);
        RandomHostState bindings = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        device.Validation = true;
        using PublicCalls control = new(device), calls = new(device);
        control.Reset();
        calls.Reset();
        float[] atStart = calls.Fingerprint();
        Assert.That(control.Fingerprint(), Is.EqualTo(atStart));
        OpenHostState state = make(host);
        List<string> met = [];
        foreach (((string name, Action call), (_, Action controlCall)) in calls.All().Zip(control.All()))
        {
            met.Add(name);
            calls.Reset();
            control.Reset();
            controlCall();
            state.Open();
            long[] before = bindings.Read();
            long looked = state.Look();
            bool throws = state.Skips && Waiting.Contains(name);
            if (throws) Assert.Throws<DispatchesSkippedException>(() => call(), name);
            else Assert.DoesNotThrow(() => call(), name);
            AssertSame(bindings, before, state, name);
            Assert.That(state.Look(), Is.EqualTo(looked), name);
            state.Close();
            Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), name);
            bool isSkippedInFrame = state.Skips && InFrame.Contains(name);
            if (throws || isSkippedInFrame) Assert.That(calls.Fingerprint(), Is.EqualTo(atStart), $"{name}: nothing has changed");
            else if (!Varying.Contains(name)) Assert.That(calls.Fingerprint(), Is.EqualTo(control.Fingerprint()), name);
            if (!isSkippedInFrame) continue;
            bool wouldHaveTrained = !control.Fingerprint().AsSpan().SequenceEqual(atStart);
            control.RunFrames();
            List<string> told = calls.RunFrames();
            if (wouldHaveTrained && !Varying.Contains(name)) Assert.That(told, Is.Not.Empty, $"{name} is reported");
        }

        Assert.That(Waiting.Concat(InFrame).Except(met), Is.Empty);
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
    }

    private static void AssertSame(RandomHostState bindings, long[] before, OpenHostState state, string when)
    {
        long[] after = bindings.Read();
        for (int i = 0; i < before.Length; i++)
        {
            if (after[i] == before[i] || (after[i] == 0 && state.MayLose(bindings.Names[i]))) continue;
            Assert.Fail($"{when}: {bindings.Names[i]}: {before[i]} became {after[i]}");
        }
    }

    /// <summary>Functions that a core context no longer has.</summary>
    private static unsafe class CompatibilityGl
    {
        public static void NewList(HostContext host, uint list, uint mode) => ((delegate* unmanaged<uint, uint, void>)host.GetProcAddress("glNewList"))(list, mode);

        public static void EndList(HostContext host) => ((delegate* unmanaged<void>)host.GetProcAddress("glEndList"))();
    }
}
