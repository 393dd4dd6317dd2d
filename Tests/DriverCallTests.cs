using System.Globalization;
using System.Runtime.CompilerServices;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// Which driver functions are called, from where, and what they leave behind: the table of all state that we touch, the threads,
/// and the objects of many lifetimes.
/// </summary>
[TestFixture]
internal sealed class DriverCallTests
{
    private const string None = "none";

    /// <summary>
    /// Every function that we call, with its first argument if that selects the state, by the state that it touches: none, or
    /// the part of <see cref="HostStateParts"/> in which it is saved and restored.
    /// </summary>
    private static readonly (string State, string[] Functions)[] Touched =
    [
        (None,
        [
            "glGetString", "glGetStringi", "glGetIntegerv", "glGetIntegeri_v", "glGetInteger64v", "glGetGraphicsResetStatus",
            "glGetProgramiv", "glGetProgramInfoLog", "glGetShaderInfoLog", "glGetShaderiv", "glGetActiveUniform", "glGetUniformLocation",
            "glGetInteger64i_v", "glGetTexLevelParameteriv(Texture2D)", "glGetBufferParameteri64v(CopyWriteBuffer)",
            "glFenceSync", "glClientWaitSync", "glDeleteSync", "glFlush", "glFinish", "glMemoryBarrier", "glDispatchCompute",
            "glCreateShader", "glCreateProgram", "glGenTextures", "glGenBuffers", "glGenFramebuffers",
            "glGenQueries", "glGetQueryiv", "glGetQueryObjectiv", "glGetQueryObjecti64v", "glGenSamplers", "glIsTexture",
            "glIsBuffer", "glIsSampler", "glGetTextureParameteriv",
        ]),
        ("none: of an object of ours alone",
        [
            "glShaderSource", "glCompileShader", "glDeleteShader", "glAttachShader", "glDetachShader", "glLinkProgram", "glDeleteProgram",
            "glDeleteTextures", "glTexStorage2D(Texture2D)", "glTexBuffer",
            "glDeleteBuffers", "glBufferData(CopyWriteBuffer)", "glClearBufferData", "glBufferSubData(CopyWriteBuffer)",
            "glGetBufferSubData", "glCopyBufferSubData", "glBufferStorage(CopyWriteBuffer)", "glMapBufferRange(CopyWriteBuffer)",
            "glMapBufferRange(CopyReadBuffer)", "glUnmapBuffer(CopyReadBuffer)",
            "glDeleteFramebuffers", "glQueryCounter", "glDeleteQueries",
            "glSamplerParameteri", "glDeleteSamplers", "glProgramUniform1i", "glProgramUniform1f",
            "glGenProgramPipelines", "glActiveShaderProgram", "glDeleteProgramPipelines",
        ]),
        ("the host's error, in the validation mode alone, which says so", ["glGetError"]),
        (nameof(HostStateParts.Textures),
        [
            "glActiveTexture", "glBindTexture(Texture2D)", "glBindTexture(TextureBuffer)", "glBindSampler(0)", "glBindSampler(1)",
        ]),
        (nameof(HostStateParts.Copying), ["glBindBuffer(CopyReadBuffer)", "glBindBuffer(CopyWriteBuffer)"]),
        (nameof(HostStateParts.Computing),
        [
            "glUseProgram", "glBindFramebuffer(DrawFramebuffer)", "glPauseTransformFeedback", "glResumeTransformFeedback",
            "glBindImageTexture(0)", "glBindImageTexture(1)", "glBindImageTexture(2)", "glBindImageTexture(3)",
            "glBindImageTexture(4)", "glBindImageTexture(5)", "glBindImageTexture(6)", "glBindImageTexture(7)",
            "glBindBufferBase(ShaderStorageBuffer)", "glBindBufferRange(ShaderStorageBuffer)", "glBindBuffer(ShaderStorageBuffer)",
        ]),
    ];

    /// <summary>Rows for calls that are made only with another driver, or after a failure.</summary>
    private static readonly string[] Rare =
    [
        "glGetProgramInfoLog", "glGetShaderInfoLog", "glGetShaderiv", "glFinish",
        "glPauseTransformFeedback", "glResumeTransformFeedback", "glGenProgramPipelines", "glActiveShaderProgram", "glDeleteProgramPipelines",
        "glMapBufferRange(CopyReadBuffer)", "glUnmapBuffer(CopyReadBuffer)",
    ];

    [Test]
    public void EveryFunctionThatWeCallHasItsRow()
    {
        using TestGl gl = TestGls.Create();
        using GL hostGl = GL.GetApi(gl.Host);
        RandomHostState state = new(hostGl);
        NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using (PublicCalls calls = new(device))
        {
            for (ulong seed = 1; seed <= 20; seed++)
            {
                state.Apply(seed);
                device.Validation = seed > 10;
                foreach ((_, Action call) in calls.All()) call();
                for (int frame = 0; frame < 10; frame++) device.Update();
            }
        }

        device.Update();
        device.Dispose();
        string[] called =
        [
            .. gl.Targets.Select(target => $"{target.Function}({NameOf(target.Function, target.Target)})"),
            .. gl.Asked.Where(function => !gl.Targets.Any(target => target.Function == function)),
        ];
        string[] rows = [.. Touched.SelectMany(row => row.Functions)];
        Assert.That(rows, Is.Unique);
        Assert.That(called.Except(rows), Is.Empty, "add a row that says what state it touches, and where that is saved");
        Assert.That(rows.Except(called).Except(Rare), Is.Empty, "rows of functions that are no longer called");
    }

    // ---- threads and contexts ----

    [Test]
    public void FromAThreadWithoutTheContextNothingIsCalled()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        foreach ((_, Action call) in calls.All()) call();
        FrameScope frame = device.BeginFrame();
        gl.ClearRecords();
        OnAnotherThread(() =>
        {
            foreach ((string name, Action call) in calls.All()) Assert.Throws<WrongContextException>(() => call(), name);
            Assert.Throws<WrongContextException>(frame.Dispose);
            Assert.Throws<WrongContextException>(device.Dispose);
        });
        Assert.That(gl.CallsFromOtherThreads, Is.Empty);
        Assert.That(gl.TotalCalls, Is.Zero);
        frame.Dispose();
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
    }

    [Test]
    public void WithAnotherContextCurrentNothingIsCalled()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        foreach ((_, Action call) in calls.All()) call();
        gl.ClearRecords();
        using (HostContext other = new())
        {
            foreach ((string name, Action call) in calls.All()) Assert.Throws<WrongContextException>(() => call(), name);
            Assert.Throws<WrongContextException>(device.Dispose);
        }

        Assert.That(gl.TotalCalls, Is.Zero);
        gl.MakeCurrent();
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
    }

    // ---- lifetimes ----

    /// <summary>
    /// Networks by the thousand are created, used, dropped without Dispose and collected: the number of driver objects stays bounded, no
    /// call comes from a finalizer, and the process does not grow; nor does the managed heap, to within a few hundred bytes per lifetime.
    /// </summary>
    [TestCase(2_000)]
    [TestCase(10_000, Category = Categories.Nightly)]
    public void LivesLeaveNothingBehind(int cycles)
    {
        const int BetweenCollections = 100, Warm = 1_000;
        const long Growth = 24 << 20, ManagedGrowth = 256 << 10;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        long most = 0, warm = 0, warmManaged = 0;
        for (int cycle = 1; cycle <= cycles; cycle++)
        {
            LiveOnce(device, cycle);
            if (cycle % BetweenCollections != 0) continue;
            most = Math.Max(most, gl.Living["Textures"]);
            Collect(device);
            Assert.That(gl.CallsFromOtherThreads, Is.Empty);
            gl.ClearRecords();   // they grow with every call, and are not part of the measurement
            if (cycle == Warm) (warm, warmManaged) = (Environment.WorkingSet, GC.GetTotalMemory(forceFullCollection: true));
        }

        long grown = Environment.WorkingSet - warm, managed = GC.GetTotalMemory(forceFullCollection: true) - warmManaged;
        TestContext.Out.WriteLine($"working set: {warm >> 20} MiB after {Warm} lives, {grown >> 10} KiB more after {cycles}, managed {managed} bytes more; at most {most} textures");
        Assert.That(gl.Living["Textures"], Is.Zero);
        Assert.That(gl.Living["Buffers"], Is.Zero);
        Assert.That(gl.Living["Sync"], Is.Zero);
        Assert.That(gl.Living["Shader"], Is.Zero);
        Assert.That(gl.Living.GetValueOrDefault("Framebuffers"), Is.Zero);
        Assert.That(gl.Living["Program"], Is.EqualTo(device.Memory.Programs));
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory) with { Programs = device.Memory.Programs }));
        Assert.That(most, Is.LessThan(20 * BetweenCollections));
        Assert.That(managed, Is.LessThan(ManagedGrowth), "managed bytes that stayed");
        Assert.That(grown, Is.LessThan(Growth), "bytes that the process grew by");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LiveOnce(NeuralDevice device, int cycle)
    {
        TwoLayerClassifier classifier = new(device, PublicCalls.Inputs, PublicCalls.Hidden, PublicCalls.Classes, seed: cycle);
        if (cycle % 4 == 0) classifier.TrainBatch(PublicCalls.Features, PublicCalls.Labels, 0.1f);
        if (cycle % 8 == 0) classifier.Predict(PublicCalls.Features, new float[PublicCalls.Rows * PublicCalls.Classes]);
        if (cycle % 16 != 0) return;
        NetworkPopulation population = new(device, members: 2, PublicCalls.Inputs, PublicCalls.Hidden, PublicCalls.Classes);
        population.GetParameters(0);
        MatrixTexture matrix = Kernels.Empty(device, 3, 5);
        Readback readback = new(device, [matrix.Shape]);
        readback.Start([matrix]);
        device.Update();
    }

    private static void Collect(NeuralDevice device)
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            device.Update();
        }
    }

    private static void OnAnotherThread(Action work)
    {
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                work();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null) throw failure;
    }

    private static string NameOf(string function, ulong target)
    {
        return function switch
        {
            "glBindSampler" or "glBindImageTexture" => $"{target}",
            _ => ShortestName<GLEnum>(target),
        };
    }

    /// <summary>Values have names of extensions in addition to their own.</summary>
    private static string ShortestName<T>(ulong value) where T : struct, Enum
    {
        return Enum.GetNames<T>().Where(name => (ulong)Convert.ToInt64(Enum.Parse<T>(name), CultureInfo.InvariantCulture) == value).MinBy(name => name.Length) ?? $"{value:X4}";
    }
}
