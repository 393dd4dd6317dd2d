using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// How devices are created, and the message if none is available; the host's state; threads and contexts; counting and freeing
/// of resources.
/// </summary>
[TestFixture]
internal sealed unsafe class DeviceTests
{
    private const int Inputs = 5;
    private const int Hidden = 6;
    private const int Classes = 3;
    private const int Rows = 9;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, Rows, Classes);
    private static readonly byte[] EmbeddedVersion = "OpenGL ES 3.2 of a test\0"u8.ToArray();

    // ---- headless ----

    [Test]
    public void AHeadlessDeviceIsACoreContextOfAtLeast43()
    {
        using NeuralDevice device = TestDevice.Create();
        using GL gl = CurrentGl();
        int major = gl.GetInteger(GetPName.MajorVersion), minor = gl.GetInteger(GetPName.MinorVersion);
        Assert.That((major, minor).CompareTo((4, 3)), Is.GreaterThanOrEqualTo(0), $"{major}.{minor}");
        Assert.That(device.Version, Does.StartWith($"{major}.{minor}"));
        Assert.That(device.Renderer, Is.Not.Empty);
        Assert.That(device.Vendor, Is.Not.Empty);
        Assert.That(gl.GetInteger(GetPName.ContextProfileMask) & (int)ContextProfileMask.CoreProfileBit, Is.Not.Zero, "core profile");
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));
    }

    [Test]
    public void ADebugDeviceDeliversTheDriversMessages([Values] bool debug)
    {
        List<string> messages = [];
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { Debug = debug, DebugMessage = messages.Add });
        using GL gl = CurrentGl();
        Assert.That((gl.GetInteger(GetPName.ContextFlags) & (int)ContextFlagMask.DebugBit) != 0, Is.EqualTo(debug));
        gl.Enable((EnableCap)0xBAD);
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.InvalidEnum));
        Assert.That(messages, debug ? Is.Not.Empty : Is.Empty);   // each driver has words of its own
    }

    /// <summary>No call in a complete training run causes an OpenGL error, on a driver that checks them all.</summary>
    [Test]
    public void NoCallOfOursIsAnErrorToTheDriver()
    {
        List<string> messages = [];
        using (NeuralDevice device = TestDevice.Create(new HeadlessOptions { Debug = true, DebugMessage = messages.Add }))
        {
            using GL gl = CurrentGl();
            foreach ((string name, Action call) in LifeOfAClassifier(device))
            {
                call();
                Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), name);
            }
        }

        Assert.That(messages.Where(message => message.Contains("GL_INVALID", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void HardwareIsFoundOrSaidToBeMissing()
    {
        TestDevice.Create().Dispose();
        try
        {
            using NeuralDevice device = NeuralDevice.CreateHeadless(new HeadlessOptions { Platform = HeadlessPlatform.Hardware });
            Assert.That(device.Renderer, Does.Not.Contain("llvmpipe").And.Not.Contain("softpipe"));
        }
        catch (DeviceNotSupportedException exception)
        {
            Assert.That(exception.Message, Does.Contain("4.3").And.Contain("device").And.Contain("EGL enumerates"));
        }
    }

    [Test]
    public void AHardwareDeviceThatIsNotThereIsNamed()
    {
        TestDevice.Create().Dispose();
        DeviceNotSupportedException exception = Assert.Throws<DeviceNotSupportedException>(
            () => NeuralDevice.CreateHeadless(new HeadlessOptions { Platform = HeadlessPlatform.Hardware, HardwareDevice = 99 }))!;
        Assert.That(exception.Message, Does.Contain("hardware device 99").And.Contain("numbered from 0").And.Contain("4.3"));
    }

    /// <summary>No worker is started, the environment is unchanged, and other devices keep their workers; the bits are the same.</summary>
    [Test]
    public void AnInlineSoftwareDeviceHasNoWorkers()
    {
        RequireMesa();
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 50);
        int workers = Workers();
        using NeuralDevice device = NeuralDevice.CreateHeadless(new HeadlessOptions { Platform = HeadlessPlatform.SoftwareInline });
        Assert.That(TrainingRun.HashOfWeights(device, capacity: 50), Is.EqualTo(expected));
        Assert.That(Workers(), Is.EqualTo(workers));
        Assert.That(NativeEnvironment.Get("LP_NUM_THREADS"), Is.EqualTo(Environment.GetEnvironmentVariable("LP_NUM_THREADS")));

        static int Workers() => Directory.GetDirectories("/proc/self/task").Count(
            task => File.ReadAllText(Path.Combine(task, "comm")).StartsWith("llvmpipe-", StringComparison.Ordinal));
    }

    /// <summary>Each worker may run on one processor, and each processor has one; the thread that made the device has its old name.</summary>
    [Test]
    public void WorkersAreHeldToAProcessorEach()
    {
        RequireMesa();
        (string Name, bool IsOwn, string Processors)[] threads = ThreadsOf("workers true");
        string[] held = [.. threads.Where(thread => thread.Name == DriverWorkers.Name).Select(thread => thread.Processors)];
        Assert.That(held, Is.Not.Empty);
        Assume.That(held, Has.Length.GreaterThanOrEqualTo(Environment.ProcessorCount), "the driver starts as many as there are processors");
        Assert.That(held.Where(processors => !processors.All(char.IsAsciiDigit)), Is.Empty);
        Assert.That(held.Distinct().Count(), Is.EqualTo(Environment.ProcessorCount));
        Assert.That(threads.Single(thread => thread.IsOwn).Name, Is.Not.EqualTo(DriverWorkers.Name));
    }

    [Test]
    public void WorkersAreLeftAloneWhereThatIsWanted()
    {
        RequireMesa();
        (string Name, bool IsOwn, string Processors)[] threads = ThreadsOf("workers false");
        Assert.That(threads.Select(thread => thread.Processors).Distinct().Count(), Is.EqualTo(1));
        Assert.That(threads.Select(thread => thread.Name), Has.None.EqualTo(DriverWorkers.Name).And.Some.StartsWith("llvmpipe-"));
    }

    [Test]
    public void FewerWorkersThanProcessorsAreLeftAlone()
    {
        RequireMesa();
        Assume.That(Environment.ProcessorCount, Is.GreaterThan(1));
        (string Name, bool IsOwn, string Processors)[] threads = ThreadsOf("workers true", ("LP_NUM_THREADS", "1"));
        Assert.That(threads.Select(thread => thread.Processors).Distinct().Count(), Is.EqualTo(1));
        Assert.That(threads.Select(thread => thread.Name), Has.Exactly(1).EqualTo(DriverWorkers.Name));
    }

    private static (string Name, bool IsOwn, string Processors)[] ThreadsOf(string probe, params (string Name, string Value)[] environment)
    {
        ChildResult child = ChildProcess.Run(probe, [(HeadlessOptions.PlatformVariable, "surfaceless"), .. environment]);
        Assert.That(child.ExitCode, Is.Zero, child.Output);
        return [.. child.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('|'))
            .Select(parts => (parts[0], bool.Parse(parts[1]), parts[2]))];
    }

    [Test]
    public void AMissingEglLibraryIsNamed()
    {
        DeviceNotSupportedException exception = Assert.Throws<DeviceNotSupportedException>(
            () => NeuralDevice.CreateHeadless(new HeadlessOptions { EglLibrary = "libEGL-missing.so" }))!;
        Assert.That(exception.Message, Does.Contain("libEGL-missing.so").And.Contain("4.3").And.Contain("libegl1"));
    }

    // ---- headless, in other environments ----

    /// <summary>Our own variable is read whenever a device is created, whichever drivers are here.</summary>
    [Test]
    public void TheEnvironmentMayLeaveThePlatformToUs()
    {
        TestDevice.Create().Dispose();
        Assert.That(RendererWith("automatic"), Is.Not.Empty.And.EqualTo(RendererWith("")));
    }

    [TestCase("hardware:99", "hardware device 99", "4.3")]
    [TestCase("nonsense", "'nonsense'", "hardware:N")]
    [TestCase("hardware:-1", "'hardware:-1'", "hardware:N")]
    [TestCase("surfaceless:0", "'surfaceless:0'", "hardware:N")]
    public void APlatformThatIsNotHereIsSaidInOneTypedException(string platform, string found, string needed)
    {
        TestDevice.Create().Dispose();
        Assert.That(() => RendererWith(platform), Throws.TypeOf<DeviceNotSupportedException>().With.Message.Contains(found).And.Message.Contains(needed));
    }

    private static string RendererWith(string platform)
    {
        string? before = Environment.GetEnvironmentVariable(HeadlessOptions.PlatformVariable);
        try
        {
            Environment.SetEnvironmentVariable(HeadlessOptions.PlatformVariable, platform);
            using NeuralDevice device = NeuralDevice.CreateHeadless();
            return device.Renderer;
        }
        finally
        {
            Environment.SetEnvironmentVariable(HeadlessOptions.PlatformVariable, before);
        }
    }

    [TestCase(HeadlessOptions.PlatformVariable, "surfaceless")]
    [TestCase(HeadlessOptions.PlatformVariable, "Surfaceless")]
    [TestCase(HeadlessOptions.PlatformVariable, "software-inline")]
    [TestCase("MESA_GL_VERSION_OVERRIDE", "4.3")]
    public void ADeviceIsMadeInThisEnvironment(string variable, string value)
    {
        RequireMesa();
        ChildResult child = ChildProcess.Run("device", (variable, value));
        Assert.That(child.ExitCode, Is.Zero, child.Output);
        Assert.That(child.Output, Does.Contain(value == "4.3" ? "4.3 (Core Profile)" : "4.5 (Core Profile)"));
    }

    [TestCase("__EGL_VENDOR_LIBRARY_FILENAMES", "/dev/null", "surfaceless: no display", "libgl1-mesa-dri")]
    [TestCase("GALLIUM_DRIVER", "softpipe", "Tried:", "4.3")]
    [TestCase("MESA_GL_VERSION_OVERRIDE", "4.1", "Tried:", "4.3")]
    public void NoDeviceInThisEnvironmentIsSaidInOneTypedException(string variable, string value, string found, string needed)
    {
        RequireMesa();
        ChildResult child = ChildProcess.Run("device", (variable, value));
        Assert.That(child.ExitCode, Is.EqualTo(ChildResult.NotSupported), child.Output);
        Assert.That(child.Output, Does.StartWith(nameof(DeviceNotSupportedException)).And.Contain(found).And.Contain(needed));
    }

    [TestCase("MESA_GL_VERSION_OVERRIDE", "3.3", "OpenGL 3.3")]
    [TestCase("MESA_GL_VERSION_OVERRIDE", "4.1", "OpenGL 4.1")]
    [TestCase("GALLIUM_DRIVER", "softpipe", "OpenGL 3.3")]
    public void AttachingToAnOlderContextNamesTheLineToChange(string variable, string value, string found)
    {
        RequireMesa();
        ChildResult child = ChildProcess.Run("attach", (variable, value));
        Assert.That(child.ExitCode, Is.EqualTo(ChildResult.NotSupported), child.Output);
        Assert.That(child.Output, Does.Contain($"Found: {found}").And.Contain("Needed: OpenGL 4.3"));
        Assert.That(child.Output, Does.Contain("options.API = new GraphicsAPI(").And.Contain("new APIVersion(4, 3)"));
    }

    /// <summary>The OpenGL version makes no difference to the weights, to the last bit.</summary>
    [Test]
    public void OpenGl43GivesTheSameBits()
    {
        RequireMesa();
        ChildResult child = ChildProcess.Run("train", ("MESA_GL_VERSION_OVERRIDE", "4.3"), (HeadlessOptions.PlatformVariable, "surfaceless"));
        Assert.That(child.ExitCode, Is.Zero, child.Output);
        Assert.That(child.Output.Trim(), Is.EqualTo(TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1)));
    }

    // ---- attached ----

    [Test]
    public void AnAttachedDeviceTrainsAsAHeadlessOneDoes()
    {
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        using HostContext host = Host();
        using (NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host)))
            Assert.That(TrainingRun.HashOfWeights(device, capacity: 1), Is.EqualTo(expected), "by its GL");
        using (NeuralDevice device = NeuralDevice.Attach(new HostWindow(host)))
            Assert.That(TrainingRun.HashOfWeights(device, capacity: 1), Is.EqualTo(expected), "by its window");
        Assert.That(host.IsCurrent, "the host keeps its context");
    }

    [Test]
    public void TheHostsStateIsWhatItWasAfterEveryCall()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        OddHostState odd = new(gl);
        Dictionary<string, string> before = odd.Read();
        NeuralDevice device = NeuralDevice.Attach(gl);
        AssertUnchanged("Attach");
        foreach ((string name, Action call) in LifeOfAClassifier(device))
        {
            call();
            AssertUnchanged(name);
        }

        device.Dispose();
        AssertUnchanged("Dispose of the device");

        void AssertUnchanged(string call)
        {
            Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), $"after {call}");
            Dictionary<string, string> after = odd.Read();
            Assert.That(
                before.Keys.Where(key => before[key] != after[key]).Select(key => $"{key}: {before[key]} became {after[key]}"), Is.Empty, $"after {call}");
        }
    }

    /// <summary>The host's odd state does not affect our results.</summary>
    [Test]
    public void TheHostsStateDoesNotChangeOurResults()
    {
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        _ = new OddHostState(gl);
        using NeuralDevice device = NeuralDevice.Attach(gl);
        Assert.That(TrainingRun.HashOfWeights(device, capacity: 1), Is.EqualTo(expected));
    }

    [Test]
    public void AWindowWithoutAContextIsSaid()
    {
        DeviceNotSupportedException exception = Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.Attach(new HostWindow(null)))!;
        Assert.That(exception.Message, Does.Contain("no OpenGL context").And.Contain("options.API").And.Contain("4.3"));
    }

    [Test]
    public void AContextWithoutComputeShadersIsSaid()
    {
        using HostContext host = Host();
        host.Replaced["glDispatchCompute"] = 0;
        DeviceNotSupportedException exception = Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.Attach(new HostWindow(host)))!;
        Assert.That(exception.Message, Does.Contain("glDispatchCompute").And.Contain("Needed: OpenGL 4.3").And.Contain("options.API"));
    }

    [Test]
    public void AnEmbeddedContextIsSaid()
    {
        using HostContext host = Host();
        host.Replaced["glGetString"] = (nint)(delegate* unmanaged<uint, byte*>)&GetEmbeddedVersion;
        DeviceNotSupportedException exception = Assert.Throws<DeviceNotSupportedException>(() => NeuralDevice.Attach(new HostWindow(host)))!;
        Assert.That(exception.Message, Does.Contain("Found: OpenGL OpenGL ES 3.2 of a test").Or.Contain("Found: OpenGL ES 3.2 of a test"));
        Assert.That(exception.Message, Does.Contain("Needed: OpenGL 4.3"));
    }

    [Test]
    public void AttachingWhereNoContextIsCurrentIsAWrongContext()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        host.Clear();
        Assert.That(Assert.Throws<WrongContextException>(() => NeuralDevice.Attach(gl))!.Message, Does.Contain("No OpenGL context is current"));
        Assert.Throws<WrongContextException>(() => NeuralDevice.Attach(new HostWindow(host)));
        Assert.That(host.IsCurrent, Is.False);
    }

    [Test]
    public void AttachingToNothingIsANullArgument()
    {
        Assert.Throws<ArgumentNullException>(() => NeuralDevice.Attach((GL)null!));
        Assert.Throws<ArgumentNullException>(() => NeuralDevice.Attach((HostWindow)null!));
    }

    [Test]
    public void TheHostMakesItsOwnContextCurrent()
    {
        using HostContext host = Host();
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        Assert.That(Assert.Throws<InvalidOperationException>(device.MakeCurrent)!.Message, Does.Contain("host"));
    }

    // ---- threads, contexts, lifetimes ----

    [Test]
    public void FromAnotherThreadEveryCallIsAWrongContext()
    {
        using NeuralDevice device = TestDevice.Create();
        using Scene scene = new(device);
        AssertEveryCallIsRefused<WrongContextException>(scene, OnAnotherThread, "No OpenGL context is current");
        Assert.Throws<WrongContextException>(() => OnAnotherThread(() => Made(device)));
        scene.AssertUntouched();
    }

    [Test]
    public void WithAnotherContextCurrentEveryCallIsAWrongContext()
    {
        using NeuralDevice device = TestDevice.Create();
        using Scene scene = new(device);
        NeuralDevice other = TestDevice.Plain;
        AssertEveryCallIsRefused<WrongContextException>(scene, call => call(), "Another OpenGL context is current");
        Assert.Throws<WrongContextException>(() => Made(device));
        using HostContext host = Host();
        AssertEveryCallIsRefused<WrongContextException>(scene, call => call(), "Another OpenGL context is current");
        Assert.That(host.IsCurrent, "no call made another context current");
        device.MakeCurrent();
        scene.AssertUntouched();
        Assert.That(other, Is.Not.SameAs(device));
    }

    [Test]
    public void AnAttachedDeviceKnowsItsContext()
    {
        using HostContext host = Host();
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        using Scene scene = new(device);
        NeuralDevice other = TestDevice.Plain;
        AssertEveryCallIsRefused<WrongContextException>(scene, call => call(), "Another OpenGL context is current");
        Assert.Throws<WrongContextException>(device.Dispose);
        other.Update();
        host.Clear();
        host.MakeCurrent();
        Assert.Throws<WrongContextException>(() => OnAnotherThread(device.Dispose));
        scene.AssertUntouched();
        device.Dispose();
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));
    }

    [Test]
    public void ADeviceThatIsCurrentElsewhereIsNeitherTakenNorDisposed()
    {
        using NeuralDevice device = TestDevice.Create();
        using Scene scene = new(device);
        Assert.Throws<WrongContextException>(() => OnAnotherThread(device.MakeCurrent));
        Assert.Throws<WrongContextException>(() => OnAnotherThread(device.Dispose));
        scene.AssertUntouched();
    }

    [Test]
    public void AfterDisposeOfANetworkEveryCallSaysSo()
    {
        using NeuralDevice device = TestDevice.Create();
        using Scene scene = new(device);
        scene.Classifier.Dispose();
        AssertEveryCallIsRefused<ObjectDisposedException>(scene, call => call(), "disposed", but: "device.Update");
        Assert.Throws<ObjectDisposedException>(() => scene.Classifier.TrainWith(new Sgd(0.1f)));
    }

    [Test]
    public void AfterDisposeOfATrainerItSaysSoAndTheNetworkStays()
    {
        using NeuralDevice device = TestDevice.Create();
        using Scene scene = new(device);
        scene.Trainer.Dispose();
        Assert.That(
            Assert.Throws<ObjectDisposedException>(() => scene.Trainer.TrainBatch(Features, Labels))!.ObjectName, Does.Contain(nameof(BatchTrainer)));
        using BatchTrainer another = scene.Classifier.TrainWith(new Adam());
        Assert.That(float.IsFinite(another.TrainBatch(Features, Labels).Loss));
    }

    [Test]
    public void AfterDisposeOfTheDeviceEveryCallSaysSo()
    {
        NeuralDevice device = TestDevice.Create();
        Scene scene = new(device);
        device.Dispose();
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));
        AssertEveryCallIsRefused<ObjectDisposedException>(scene, call => call(), nameof(NeuralDevice));
        AssertEveryCallIsRefused<ObjectDisposedException>(scene, OnAnotherThread, nameof(NeuralDevice));
        Assert.Throws<ObjectDisposedException>(device.MakeCurrent);
        Assert.Throws<ObjectDisposedException>(() => Made(device));
        scene.Dispose();
    }

    [Test]
    public void DisposingTwiceIsFineInAnyOrder()
    {
        NeuralDevice device = TestDevice.Create();
        Scene scene = new(device);
        using NeuralDevice second = TestDevice.Create();
        device.MakeCurrent();
        Network network = new(device, Inputs, new Dense(Classes));
        for (int i = 0; i < 2; i++)
        {
            scene.Trainer.Dispose();
            scene.Classifier.Dispose();
            network.Dispose();
            device.Update();
        }

        for (int i = 0; i < 2; i++) device.Dispose();
        scene.Trainer.Dispose();
        scene.Classifier.Dispose();
        network.Dispose();
        OnAnotherThread(device.Dispose);
        second.MakeCurrent();
        second.Update();
    }

    [Test]
    public void WhatIsMadeIsCountedAndWhatIsDisposedIsNot([Values] bool fromAnotherThread)
    {
        using NeuralDevice device = TestDevice.Create();
        new Scene(device).Dispose();
        device.Update();
        DeviceMemory start = device.Memory;
        Assert.That(start.Textures, Is.Zero);
        Assert.That(start.Bytes, Is.Zero);
        Assert.That(start.Programs, Is.Positive, "compiled kernels are kept");

        Scene scene = new(device);
        DeviceMemory full = device.Memory;
        Assert.That(full.Textures, Is.GreaterThan(4));
        Assert.That(full.Bytes, Is.GreaterThan((Inputs + 1) * Hidden * sizeof(float)));
        Assert.That(full.Programs, Is.EqualTo(start.Programs), "a kernel is compiled once");

        if (fromAnotherThread) OnAnotherThread(scene.Dispose);
        else scene.Dispose();
        Assert.That(device.Memory, Is.EqualTo(full), "deleted at the device's next call, not before");
        device.Update();
        Assert.That(device.Memory, Is.EqualTo(start));
    }

    [Test]
    public void BytesAreSixteenATexel()
    {
        using NeuralDevice device = TestDevice.Create();
        using MatrixTexture matrix = Kernels.Empty(device, 5, 6);
        Assert.That(device.Memory, Is.EqualTo(new DeviceMemory(Textures: 1, Buffers: 1, Programs: 0, Bytes: 5 * 2 * 16)));
    }

    /// <summary>No current driver writes 16 GiB at one binding; a read-only matrix may be larger than a written one.</summary>
    [Test]
    public void APlanThatWritesMoreThanTheDriverAllowsIsRefused()
    {
        PlannedMatrix large = new(new MatrixShape(1 << 20, 1 << 12), "test values"), small = new(new MatrixShape(1, 1), "test values");
        KernelSource source = new("activation_forward.comp");
        Dispatch writing = new(source, [MatrixBinding.Read("inputs", small), MatrixBinding.Write("outputs", large)], [new(("texelsPerRow", 1))], new DispatchGrid(1));
        Dispatch reading = new(source, [MatrixBinding.Read("inputs", large), MatrixBinding.Write("outputs", small)], [new(("texelsPerRow", 1))], new DispatchGrid(1));
        Assert.That(
            () => new Plan(TestDevice.Plain, [reading, writing], compile: false),
            Throws.TypeOf<DeviceLimitException>().With.Message.Contains($"[{1 << 20} × {1 << 12}]").And.Message.Contains("17179869184 bytes"));
        Assert.That(() => new Plan(TestDevice.Plain, [reading], compile: false), Throws.Nothing);
    }

    [Test]
    public void WhatIsDroppedIsCollected()
    {
        using NeuralDevice device = TestDevice.Create();
        new Scene(device).Dispose();
        device.Update();
        DeviceMemory start = device.Memory;
        DeviceMemory full = Drop(device);
        Assert.That(full.Textures, Is.GreaterThan(start.Textures));
        for (int i = 0; i < 5 && device.Memory != start; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            device.Update();
        }

        Assert.That(device.Memory, Is.EqualTo(start));

        [MethodImpl(MethodImplOptions.NoInlining)]
        static DeviceMemory Drop(NeuralDevice device)
        {
            _ = new Scene(device);
            return device.Memory;
        }
    }

    [Test]
    public void DisposingTheDeviceFreesEverythingInTheDriver()
    {
        using HostContext host = Host();
        using GL gl = GL.GetApi(host);
        NeuralDevice device = NeuralDevice.Attach(gl);
        Scene scene = new(device);
        DeviceMemory memory = device.Memory;
        Assert.That(Living(gl), Is.EqualTo((memory.Textures, memory.Buffers, memory.Programs)), "the device counts what there is");
        device.Dispose();
        Assert.That(Living(gl), Is.EqualTo((0, 0, 0)));
        scene.Dispose();
    }

    [Test]
    public void AThousandClassifiersComeAndGo()
    {
        using NeuralDevice device = TestDevice.Create();
        DeviceMemory after = default;
        for (int cycle = 0; cycle < 1_000; cycle++)
        {
            using (TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes))
            {
                if (cycle % 10 == 0) classifier.TrainBatch(Features, Labels, 0.1f);
            }

            device.Update();
            if (cycle == 0) after = device.Memory;
            Assert.That(device.Memory, Is.EqualTo(after), $"after cycle {cycle}");
        }

        Assert.That(after.Textures, Is.Zero);
    }

    /// <summary>Every operation of a classifier on a device, bad requests included, in an order that works.</summary>
    private static IEnumerable<(string Name, Action Call)> LifeOfAClassifier(NeuralDevice device)
    {
        TwoLayerClassifier classifier = null!;
        BatchTrainer trainer = null!;
        float[] result = new float[Rows * Classes];
        yield return ("constructor", () => classifier = new TwoLayerClassifier(device, Inputs, Hidden, Classes));
        yield return ("TrainBatch", () => classifier.TrainBatch(Features, Labels, 0.1f));
        yield return ("ComputeLogits", () => classifier.ComputeLogits(Features, result));
        yield return ("Predict", () => classifier.Predict(Features, result));
        yield return ("ComputeGradients", () => classifier.ComputeGradients(Features, Labels));
        yield return ("GetParameters", () => classifier.GetParameters());
        yield return ("SetParameters", () => classifier.SetParameters(classifier.GetParameters()));
        yield return ("GetValues", () => classifier.Network.Parameters[0].GetValues());
        yield return ("SetValues", () => classifier.Network.Parameters[0].SetValues(new float[Inputs * Hidden]));
        yield return ("ComputeInputGradients", () => classifier.Network.ComputeInputGradients(Features, result, new float[Features.Length]));
        yield return ("TrainWith", () => trainer = classifier.TrainWith(new Adam()));
        yield return ("TrainBatch of the trainer", () => trainer.TrainBatch(Features, Labels));
        yield return ("TrainBatchOfBytes", () => trainer.TrainBatchOfBytes(new byte[Features.Length], Labels));
        yield return ("TrainBatch of bad features", () => Assert.Throws<NonFiniteValueException>(() => trainer.TrainBatch([1, 2, 3, 4, float.NaN], [0])));
        yield return ("Network.ComputeGradients of too many rows", () => Assert.Throws<DeviceLimitException>(
            () => classifier.ComputeGradients(new float[(ComputationGraph.MaximumCapacity + 1) * Inputs], new int[ComputationGraph.MaximumCapacity + 1])));
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        yield return ("Save", () => classifier.Save(file));
        yield return ("LoadParameters", () => classifier.LoadParameters(file));
        yield return ("SaveCheckpoint", () => classifier.SaveCheckpoint(file, trainer));
        yield return ("ResumeFrom", () => classifier.ResumeFrom(file).Dispose());
        yield return ("Load", () => TwoLayerClassifier.Load(device, file).Dispose());
        yield return ("LoadParameters of a missing file", () => Assert.Throws<FileNotFoundException>(() => classifier.LoadParameters(file + ".missing")));
        Task saved = Task.CompletedTask;
        yield return ("GetParametersAsync", () => classifier.GetParametersAsync());
        yield return ("SaveAsync", () => saved = classifier.SaveAsync(file));
        yield return ("Update that reads back", device.Update);
        yield return ("Save after it", () => classifier.Save(file));
        File.Delete(file);
        Assert.That(saved.IsCompletedSuccessfully);
        yield return ("Dispose of the trainer", () => trainer.Dispose());
        yield return ("Dispose of the classifier", () => classifier.Dispose());
        yield return ("Update", device.Update);
    }

    private static void AssertEveryCallIsRefused<TException>(Scene scene, Action<Action> from, string says, string? but = null)
        where TException : Exception
    {
        foreach ((string name, Action call) in scene.Calls())
        {
            if (name == but) continue;
            Assert.That(Assert.Throws<TException>(() => from(call), name)!.Message, Does.Contain(says), name);
        }

        scene.AssertResultsUnwritten();
    }

    private static void OnAnotherThread(Action call)
    {
        Exception? caught = null;
        Thread thread = new(() =>
        {
            try
            {
                call();
            }
            catch (Exception exception)
            {
                caught = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (caught is not null) throw caught;
    }

    private static LinearClassifier Made(NeuralDevice device) => new(device, Inputs, Classes);

    private static HostContext Host()
    {
        TestGls.RequireDriver();
        return new HostContext();
    }

    /// <summary>Mesa's environment variables simulate other machines here.</summary>
    private static void RequireMesa()
    {
        if (!TestDevice.Plain.Version.Contains("Mesa", StringComparison.Ordinal))
            Assert.Inconclusive($"This test needs Mesa's driver, not {TestDevice.Plain.Renderer}.");
    }

    /// <summary>The functions of the current context, obtained in a different way from the device's.</summary>
    private static GL CurrentGl()
    {
        Egl egl = Egl.TryLoad(null)!;
        return GL.GetApi(egl.GetProcAddress);
    }

    private static (int Textures, int Buffers, int Programs) Living(GL gl)
    {
        IEnumerable<uint> names = Enumerable.Range(1, 1_000).Select(i => (uint)i);
        return (names.Count(gl.IsTexture), names.Count(gl.IsBuffer), names.Count(gl.IsProgram));
    }

    [UnmanagedCallersOnly]
    private static byte* GetEmbeddedVersion(uint name)
    {
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(EmbeddedVersion));
    }

    /// <summary>A classifier and a trainer, both already used, every call that needs the device, and the state that these must not change.</summary>
    private sealed class Scene : IDisposable
    {
        private const float Unwritten = -77;
        private const string Unwritable = "/missing/folder/file";

        private readonly NeuralDevice device;
        private readonly float[] result = [.. Enumerable.Repeat(Unwritten, Rows * Classes)];
        private readonly float[] featureGradients = [.. Enumerable.Repeat(Unwritten, Rows * Inputs)];
        private readonly ClassifierParameters parameters;
        private readonly DeviceMemory memory;

        public Scene(NeuralDevice device)
        {
            this.device = device;
            Classifier = new TwoLayerClassifier(device, Inputs, Hidden, Classes);
            Trainer = Classifier.TrainWith(new Sgd(0.1f, Momentum: 0.5f));
            Trainer.TrainBatch(Features, Labels);
            Classifier.TrainBatch(Features, Labels, 0.1f);
            parameters = Classifier.GetParameters();
            memory = device.Memory;
        }

        public TwoLayerClassifier Classifier { get; }

        public BatchTrainer Trainer { get; }

        public IEnumerable<(string Name, Action Call)> Calls()
        {
            yield return ("device.Update", device.Update);
            yield return ("TrainBatch", () => Classifier.TrainBatch(Features, Labels, 0.1f));
            yield return ("TrainBatch of the trainer", () => Trainer.TrainBatch(Features, Labels));
            yield return ("Predict", () => Classifier.Predict(Features, result));
            yield return ("ComputeLogits", () => Classifier.ComputeLogits(Features, result));
            yield return ("ComputeGradients", () => Classifier.ComputeGradients(Features, Labels));
            yield return ("ComputeInputGradients", () => Classifier.Network.ComputeInputGradients(Features, new float[Rows * Classes], featureGradients));
            yield return ("GetParameters", () => Classifier.GetParameters());
            yield return ("GetParametersAsync", () => Classifier.GetParametersAsync());
            yield return ("SetParameters", () => Classifier.SetParameters(parameters with { OutputBiases = new float[Classes] }));
            yield return ("GetValues", () => Classifier.Network.Parameters[1].GetValues());
            yield return ("SetValues", () => Classifier.Network.Parameters[1].SetValues(new float[Hidden]));
            yield return ("TrainWith", () => Classifier.TrainWith(new Adam()));
            yield return ("Save", () => Classifier.Save(Unwritable));
            yield return ("SaveAsync", () => Classifier.SaveAsync(Unwritable));
            yield return ("SaveCheckpoint", () => Classifier.SaveCheckpoint(Unwritable, Trainer));
            yield return ("LoadParameters", () => Classifier.LoadParameters(Unwritable));
            yield return ("ResumeFrom", () => Classifier.ResumeFrom(Unwritable));
        }

        public void AssertResultsUnwritten() => Assert.That(result.Concat(featureGradients), Is.All.EqualTo(Unwritten));

        public void AssertUntouched()
        {
            device.Update();
            Assert.That(device.Memory, Is.EqualTo(memory));
            Assert.That(Trainer.Steps, Is.EqualTo(1));
            ClassifierParameters now = Classifier.GetParameters();
            Assert.That(now.HiddenWeights, Is.EqualTo(parameters.HiddenWeights));
            Assert.That(now.HiddenBiases, Is.EqualTo(parameters.HiddenBiases));
            Assert.That(now.OutputWeights, Is.EqualTo(parameters.OutputWeights));
            Assert.That(now.OutputBiases, Is.EqualTo(parameters.OutputBiases));
        }

        public void Dispose()
        {
            Trainer.Dispose();
            Classifier.Dispose();
        }
    }
}
