using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>The host's view after our calls: its OpenGL state, its buffers, its errors, its open queries.</summary>
[TestFixture]
internal sealed class HostStateTests
{
    /// <summary>
    /// Each public call meets many random states of the host, and changes nothing in any; nor does any state affect our
    /// results.
    /// </summary>
    [TestCase(200ul)]
    [TestCase(1_000ul, Category = Categories.Nightly)]
    public void StatesOfTheHostAreWhatTheyWereAfterEachCall(ulong states) => Meet(states, family: null);

    /// <summary>The kernels of graphics cards fetch from more texture units, wherever the tests run.</summary>
    [Test]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void SoAreTheyAfterKernelsThatFetch() => Meet(states: 4, KernelFamily.WorkgroupTiled);

    /// <summary>Agents in all ways to learn, and a verification, which takes too long for many states.</summary>
    [Test]
    public void StatesOfTheHostAreWhatTheyWereAfterEachWayToLearn()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        RandomHostState state = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using LearningAgents learning = new(device);
        for (ulong seed = 1; seed <= 30; seed++)
        {
            state.Apply(seed);
            long[] before = state.Read();
            foreach ((string name, AgentPopulation agents) in learning.All)
            {
                agents.Update();
                Compare(name);
            }

            if (seed <= 2) device.Verify(seed == 1 ? VerificationExtent.Complete : VerificationExtent.Quick);
            Compare("Verify");
            Assert.That(state.AreBuffersUntouched(), $"the host's buffers in state {seed}");
            Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), $"state {seed}");

            void Compare(string name)
            {
                long[] after = state.Read();
                if (!before.AsSpan().SequenceEqual(after)) Assert.Fail($"{name} in state {seed}: {Difference(state, before, after)}");
            }
        }

        foreach ((string name, AgentPopulation agents) in learning.All) Assert.That(agents.Progress.TrainingSteps, Is.Positive, name);
    }

    private static void Meet(ulong states, KernelFamily? family)
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        RandomHostState state = new(gl);
        NeuralDevice device = NeuralDevice.Attach(gl);
        if (family is not null) KernelFamily.Force(device, family);
        using PublicCalls calls = new(device);
        Dictionary<string, int> met = [];
        for (ulong seed = 1; seed <= states; seed++)
        {
            state.Apply(seed);
            long[] before = state.Read();
            foreach ((string name, Action call) in calls.All())
            {
                call();
                long[] after = state.Read();
                if (!before.AsSpan().SequenceEqual(after)) Assert.Fail($"{name} in state {seed}: {Difference(state, before, after)}");
                met[name] = met.GetValueOrDefault(name) + 1;
            }

            Assert.That(calls.Predict(), Is.EqualTo(calls.Expected), $"the result in state {seed}");
            Assert.That(state.AreBuffersUntouched(), $"the host's buffers in state {seed}");
            using (NeuralDevice second = NeuralDevice.Attach(gl)) second.Update();
            Assert.That(state.Read(), Is.EqualTo(before), $"Attach and Dispose in state {seed}");
            Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), $"state {seed}");
        }

        state.Apply(states + 1);
        long[] last = state.Read();
        device.Dispose();
        Assert.That(state.Read(), Is.EqualTo(last), "Dispose of the device");
        Assert.That(met.Values, Is.All.EqualTo((int)states));
        Assert.That(PublicCalls.Missing([.. met.Keys.Select(name => name.Split(' ')[0]), "NeuralDevice.Attach", "NeuralDevice.Create", "NeuralDevice.CreateOnProcessor", "NeuralDevice.Dispose"]), Is.Empty);
    }

    /// <summary>A frame around all calls reads the host's state once and restores it once, however odd it is.</summary>
    [Test]
    public void AFrameReadsTheHostsStateOnce()
    {
        using TestGl gl = Gl();
        using GL hostGl = GL.GetApi(gl.Host);
        RandomHostState state = new(hostGl);
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        calls.Predict();
        gl.ClearRecords();
        calls.Predict();
        long ofTwoCalls = Reads(gl);
        for (ulong seed = 1; seed <= 20; seed++)
        {
            state.Apply(seed);
            long[] before = state.Read();
            gl.ClearRecords();
            using (device.BeginFrame())
            {
                Assert.That(Reads(gl), Is.Zero, "nothing is read before it is needed");
                for (int i = 0; i < 5; i++) Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
                device.Update();
            }

            Assert.That(Reads(gl), Is.EqualTo(ofTwoCalls / 2), "once for ten calls");
            Assert.That(state.Read(), Is.EqualTo(before), $"state {seed}");
        }
    }

    [Test]
    public void AnUpdateWithNothingToDoTouchesNothing()
    {
        using TestGl gl = Gl();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        gl.ClearRecords();
        device.Update();
        using (device.BeginFrame()) device.Update();
        Assert.That(gl.TotalCalls, Is.EqualTo(gl.Calls("glGetGraphicsResetStatus")).And.EqualTo(2));
    }

    [Test]
    public void FramesNestAndEndInAnyOrder()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        RandomHostState state = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls calls = new(device);
        state.Apply(7);
        long[] before = state.Read();

        FrameScope outer = device.BeginFrame();
        calls.Predict();
        FrameScope inner = device.BeginFrame();
        calls.Predict();
        inner.Dispose();
        inner.Dispose();
        Assert.That(state.Read(), Is.Not.EqualTo(before), "the outer frame is open");
        outer.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before));

        outer = device.BeginFrame();
        FrameScope[] deeper = [.. Enumerable.Range(0, 10).Select(_ => device.BeginFrame())];
        calls.Predict();
        outer.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before), "the outer one ends those within it");
        FrameScope next = device.BeginFrame();
        calls.Predict();
        foreach (FrameScope frame in deeper) frame.Dispose();
        outer.Dispose();
        Assert.That(state.Read(), Is.Not.EqualTo(before), "a frame that has ended does not end another one");
        next.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before));
        default(FrameScope).Dispose();
    }

    [Test]
    public void AFrameAllocatesNothing()
    {
        using HostContext host = Host();
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        using PublicCalls calls = new(device);
        float[] weights = calls.Predict();
        long before = 0;
        for (int frame = 0; frame < 1_010; frame++)
        {
            if (frame == 10) before = GC.GetAllocatedBytesForCurrentThread();
            using (device.BeginFrame())
            {
                using (device.BeginFrame()) device.Update();
            }
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(weights, Has.Length.EqualTo(calls.Expected.Length));
    }

    [Test]
    public void AFrameEndsOnItsOwnContextAlone()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        RandomHostState state = new(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls calls = new(device);
        state.Apply(3);
        long[] before = state.Read();
        FrameScope frame = device.BeginFrame();
        calls.Predict();
        host.Clear();
        Assert.Throws<WrongContextException>(frame.Dispose);
        Assert.Throws<WrongContextException>(() => device.BeginFrame());
        host.MakeCurrent();
        Assert.That(state.Read(), Is.Not.EqualTo(before), "it is still open");
        frame.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before));
    }

    [Test]
    public void DisposingTheDeviceInAFrameGivesTheStateBack()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        RandomHostState state = new(gl);
        NeuralDevice device = NeuralDevice.Attach(gl);
        using PublicCalls calls = new(device);
        state.Apply(11);
        long[] before = state.Read();
        FrameScope frame = device.BeginFrame();
        calls.Predict();
        device.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before));
        frame.Dispose();
        Assert.That(state.Read(), Is.EqualTo(before));
    }

    /// <summary>With a host that binds everything itself, no state is read, and the results are just as correct.</summary>
    [Test]
    public void AHostThatRebindsIsNotAsked()
    {
        const ulong Seeds = 50;
        using TestGl gl = Gl();
        using GL hostGl = GL.GetApi(gl.Host);
        RandomHostState state = new(hostGl);
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        Assert.That(device.HostStatePolicy, Is.EqualTo(HostStatePolicy.Preserve));
        using PublicCalls calls = new(device);
        Assert.Throws<ArgumentOutOfRangeException>(() => device.HostStatePolicy = (HostStatePolicy)2);
        device.HostStatePolicy = HostStatePolicy.HostRebinds;
        gl.ClearRecords();
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            state.Apply(seed);
            foreach ((_, Action call) in calls.All(withFiles: seed == 1)) call();
            Assert.That(calls.Predict(), Is.EqualTo(calls.Expected), $"state {seed}");
            using (device.BeginFrame()) Assert.That(calls.Predict(), Is.EqualTo(calls.Expected), $"state {seed}, in a frame");
            Assert.That(state.AreBuffersUntouched(), $"state {seed}");
        }

        Assert.That(Reads(gl), Is.Zero);
        Assert.That(hostGl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    // ---- errors ----

    [Test]
    public void AnErrorOfTheHostIsItsOwn()
    {
        using TestGl gl = Gl();
        using GL hostGl = GL.GetApi(gl.Host);
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        gl.ClearRecords();
        hostGl.Enable((EnableCap)0xBAD);
        calls.Predict();
        Assert.That(gl.Calls("glGetError"), Is.Zero, "no error is read unless asked for");
        Assert.That(hostGl.GetError(), Is.EqualTo(GLEnum.InvalidEnum), "the host's error is the host's");

        device.Validation = true;
        calls.Predict();
        hostGl.Enable((EnableCap)0xBAD);
        gl.ClearRecords();
        OpenGLErrorException exception = Assert.Throws<OpenGLErrorException>(device.Update)!;
        Assert.That(exception.IsHosts);
        Assert.That(exception.Errors, Is.EqualTo(new[] { "GL_INVALID_ENUM" }));
        Assert.That(exception.Message, Does.Contain("host").And.Contain("GL_INVALID_ENUM").And.Contain("consumed"));
        Assert.That(gl.TotalCalls, Is.EqualTo(gl.Calls("glGetError") + gl.Calls("glGetGraphicsResetStatus")), "nothing else was done");
        Assert.That(hostGl.GetError(), Is.EqualTo(GLEnum.NoError), "reading consumed it");
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
    }

    [Test]
    public void AnErrorBetweenTheBeginningAndTheEndIsOurs()
    {
        using TestGl gl = Gl();
        using GL hostGl = GL.GetApi(gl.Host);
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        device.Validation = true;
        FrameScope frame = device.BeginFrame();
        hostGl.PixelStore(PixelStoreParameter.PackAlignment, 3);   // as if one of our calls had failed
        calls.Predict();
        OpenGLErrorException exception = Assert.Throws<OpenGLErrorException>(frame.Dispose)!;
        Assert.That(exception.IsHosts, Is.False);
        Assert.That(exception.Errors, Is.EqualTo(new[] { "GL_INVALID_VALUE" }));
        frame.Dispose();
        device.Update();
    }

    /// <summary>Validation finds nothing in any public call, and without it the driver reports no error.</summary>
    [Test]
    public void NoPublicCallIsAnError()
    {
        using TestGl gl = Gl();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        device.Validation = true;
        using PublicCalls calls = new(device);
        foreach ((string name, Action call) in calls.All()) Assert.DoesNotThrow(() => call(), name);
        Assert.That(gl.Calls("glGetError"), Is.Positive);
    }

    private static long Reads(TestGl gl) => gl.Calls("glGetIntegerv") + gl.Calls("glGetIntegeri_v");

    private static string Difference(RandomHostState state, long[] before, long[] after)
    {
        return string.Join("; ", state.Names.Index().Where(item => before[item.Index] != after[item.Index])
            .Select(item => $"{item.Item}: {before[item.Index]} became {after[item.Index]}"));
    }

    private static HostContext Host()
    {
        TestGls.RequireDriver();
        return new HostContext();
    }

    private static TestGl Gl() => TestGls.Create();
}
