using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Kernels are ready before the first frame that trains: what a warm-up compiles, how much of it in a frame, and that it
/// leaves nothing behind.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class WarmUpTests : IDisposable
{
    private const int Inputs = PublicCalls.Inputs;
    private const int Hidden = PublicCalls.Hidden;
    private const int Classes = PublicCalls.Classes;
    private const int Rows = PublicCalls.Rows;
    private const int Members = 3;
    private const int MemberRows = 3;
    private const int FewestKernels = 8;
    private const string ParallelCompile = "GL_KHR_parallel_shader_compile";
    private const string OldParallelCompile = "GL_ARB_parallel_shader_compile";

    private static readonly float[] Features = Twins.TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] Labels = Twins.TwinArrays.Labels(2, Rows, Classes);
    private static readonly float[] MemberFeatures = Twins.TwinArrays.UniformFloats(3, Members * MemberRows * Inputs, -1, 1);
    private static readonly int[] MemberLabels = Twins.TwinArrays.Labels(4, Members * MemberRows, Classes);

    private TestGl gl = null!;
    private NeuralDevice device = null!;
    private TwoLayerClassifier classifier = null!;
    private NetworkPopulation population = null!;
    private BatchTrainer trainer = null!;

    [SetUp]
    public void MakeAContext() => gl = TestGls.Create();

    [TearDown]
    public void Dispose()
    {
        trainer?.Dispose();
        classifier?.Dispose();
        population?.Dispose();
        device?.Dispose();
        gl?.Dispose();
    }

    /// <summary>Whether or not the driver claims to compile in the background: this one does not, and never gets two kernels at a time.</summary>
    [Test]
    public void TheFirstFrameThatTrainsCompilesNothing([Values] bool saysItCompilesInTheBackground)
    {
        if (!saysItCompilesInTheBackground) gl.HiddenExtensions.UnionWith([ParallelCompile, OldParallelCompile]);
        MakeAGame();
        WarmUpProgress progress = device.WarmUp(Kernels());
        Assert.That(progress.Total, Is.GreaterThanOrEqualTo(FewestKernels));
        Assert.That((progress.Done, progress.IsDone), Is.EqualTo((0, false)));
        Assert.That(gl.Calls("glCompileShader"), Is.Zero, "the call itself compiles nothing");
        for (int frame = 0; !progress.IsDone; frame++)
        {
            (long compiled, long linked, long dispatches) = (gl.Calls("glCompileShader"), gl.Calls("glLinkProgram"), gl.Dispatches);
            device.Update();
            Assert.That(gl.Calls("glCompileShader") - compiled, Is.LessThanOrEqualTo(1), $"frame {frame}");
            Assert.That(gl.Calls("glLinkProgram") - linked, Is.LessThanOrEqualTo(1), $"frame {frame}");
            Assert.That(gl.Dispatches - dispatches, Is.LessThanOrEqualTo(1), $"frame {frame}");
            Assert.That(progress.Done, Is.EqualTo(frame + 1));
            gl.NextFrame();
        }

        AssertNothingIsCompiledBy(Work);
    }

    /// <summary>A driver that compiles on threads of its own gets all kernels at once, and no result is queried before it is done.</summary>
    [Test]
    public void ADriverThatCompilesInTheBackgroundGetsAllAtOnce([Values(1, 3, 10)] int frames)
    {
        gl.CompileFrames = frames;
        MakeAGame();
        WarmUpProgress progress = device.WarmUp(Kernels());
        device.Update();
        long programs = gl.Calls("glLinkProgram");
        Assert.That(programs, Is.GreaterThanOrEqualTo(FewestKernels), "all of them in the first frame");
        for (int frame = 1; !progress.IsDone; frame++)
        {
            Assert.That(progress.Done, Is.EqualTo(Math.Max(0, frame - frames)));
            gl.NextFrame();
            device.Update();
        }

        Assert.That(gl.Calls("glLinkProgram"), Is.EqualTo(programs));
        Assert.That(gl.WaitingCalls, Is.Empty);
        AssertNothingIsCompiledBy(Work);
    }

    /// <summary>A call that needs a kernel at once uses the one being compiled.</summary>
    [Test]
    public void AKernelThatIsUnderWayIsNotCompiledTwice()
    {
        gl.CompileFrames = 5;
        MakeAGame();
        WarmUpProgress progress = device.WarmUp(Kernels());
        device.Update();
        long programs = gl.Calls("glLinkProgram");
        AssertNothingIsCompiledBy(Work);
        Assert.That(gl.WaitingCalls, Has.Some.Contains("glGetProgramiv"));
        while (!progress.IsDone)
        {
            device.Update();
            gl.NextFrame();
        }

        Assert.That(gl.Calls("glLinkProgram"), Is.Zero);
        Assert.That(device.Memory.Programs, Is.EqualTo(programs));
    }

    [Test]
    public void ItLeavesNothingBehindAndChangesNoBit()
    {
        MakeAGame();
        Work();
        float[] expected = Weights();
        classifier.Dispose();
        population.Dispose();
        trainer.Dispose();
        device.Dispose();
        gl.Dispose();
        gl = TestGls.Create();
        MakeAGame();
        device.Update();
        DeviceMemory before = device.Memory;
        Finish(device.WarmUp(Kernels()));
        device.Update();
        Assert.That(device.Memory with { Programs = 0 }, Is.EqualTo(before with { Programs = 0 }), "its textures are gone");
        Work();
        Assert.That(Weights(), Is.EqualTo(expected));
    }

    [Test]
    public void WhatIsReadyCountsAsDone()
    {
        MakeAGame();
        WarmUpProgress first = device.WarmUp(classifier.KernelsFor(Rows)), same = device.WarmUp(classifier.KernelsFor(Rows), classifier.KernelsFor(Rows));
        Assert.That(same.Total, Is.EqualTo(first.Total));
        device.Update();
        Assert.That((first.Done, same.Done), Is.EqualTo((1, 1)));
        Finish(first);
        Assert.That(same.IsDone);
        Assert.That(device.WarmUp(classifier.KernelsFor(Rows)).IsDone);
        WarmUpProgress nothing = device.WarmUp();
        Assert.That((nothing.Total, nothing.Done, nothing.IsDone), Is.EqualTo((0, 0, true)));
        long dispatches = gl.Dispatches;
        device.Update();
        Assert.That(gl.Dispatches, Is.EqualTo(dispatches), "there is nothing left to do");
    }

    [Test]
    public void AKernelThatTheDriverRejectsIsSaidOnceAndLeftOut()
    {
        MakeAGame();
        using MatrixTexture matrix = Tests.Kernels.Empty(device, 3, 5);
        Dispatch wrong = new(new KernelSource("activation_forward.comp", ("rows_LOCATION", -1), ("DELIBERATELY_WRONG", 1)), [MatrixBinding.Read("inputs", matrix), MatrixBinding.Write("outputs", matrix)], [new(("texelsPerRow", 1))], new DispatchGrid(1));
        int programs = device.Memory.Programs;
        WarmUpProgress progress = device.WarmUp(new KernelSet([wrong]), classifier.KernelsFor(Rows));
        Assert.That(Assert.Throws<DeviceNotSupportedException>(device.Update)!.Message, Does.Contain("activation_forward.comp").And.Contain("rejected"));
        Assert.That(device.Memory.Programs, Is.EqualTo(programs));
        Assert.That(progress.Done, Is.EqualTo(1));
        Finish(progress);
        Assert.Throws<DeviceNotSupportedException>(() => device.GetKernel(wrong));
        Assert.That(gl.Living["Program"], Is.EqualTo(device.Memory.Programs));
    }

    [Test]
    public void EndingADeviceInItsMidstFreesAll()
    {
        gl.CompileFrames = 100;
        MakeAGame();
        device.WarmUp(Kernels());
        device.Update();
        Assert.That(gl.Living["Program"], Is.GreaterThanOrEqualTo(FewestKernels));
        device.Dispose();
        Assert.That((gl.Living["Program"], gl.Living["Shader"]), Is.EqualTo((0L, 0L)));
    }

    [Test]
    public void WrongArgumentsAreSaid()
    {
        MakeAGame();
        Assert.Throws<ArgumentOutOfRangeException>(() => classifier.KernelsFor(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => population.KernelsFor(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.KernelsFor(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => trainer.KernelsFor(1, (SampleFormat)2));
        Assert.Throws<DeviceLimitException>(() => classifier.KernelsFor(int.MaxValue));
        Assert.Throws<DeviceLimitException>(() => trainer.KernelsFor(int.MaxValue));
        Assert.Throws<DeviceLimitException>(() => population.KernelsFor(int.MaxValue));
        Assert.Throws<ArgumentNullException>(() => device.WarmUp(classifier.KernelsFor(1), null!));
        Assert.Throws<ArgumentNullException>(() => device.WaitFor(null!));
    }

    [Test]
    public void WaitForBringsASaveToItsEnd()
    {
        MakeAGame();
        string folder = Directory.CreateTempSubdirectory().FullName;
        string target = Path.Combine(folder, "model.safetensors");
        gl.DelayFrames = 2;
        Task saved = classifier.SaveAsync(target);
        using Timer frames = new(_ => gl.NextFrame(), null, dueTime: 20, period: 20);
        device.WaitFor(saved);
        Assert.That(saved.IsCompletedSuccessfully);
        Assert.That(File.Exists(target));
        device.WaitFor(saved);
        Task failing = classifier.SaveAsync(Path.Combine(folder, "missing", "model.safetensors"));
        Assert.Throws<FileWriteException>(() => device.WaitFor(failing));
        Assert.Throws<TaskCanceledException>(() => device.WaitFor(Task.FromCanceled(new CancellationToken(canceled: true))));
        Directory.Delete(folder, recursive: true);
    }

    private void MakeAGame()
    {
        device = NeuralDevice.Attach(gl.Api);
        classifier = new TwoLayerClassifier(device, Inputs, Hidden, Classes);
        population = new NetworkPopulation(device, Members, Inputs, Hidden, Classes, optimizer: new Sgd(0, Momentum: 0.5f));
        trainer = classifier.TrainWith(new Adam(0.01f));
        gl.ClearRecords();
    }

    private KernelSet[] Kernels() =>
    [
        classifier.KernelsFor(Rows), trainer.KernelsFor(Rows), trainer.KernelsFor(Rows, SampleFormat.Bytes), population.KernelsFor(MemberRows),
    ];

    private void Work()
    {
        classifier.TrainBatch(Features, Labels, 0.1f);
        trainer.TrainBatch(Features, Labels);
        trainer.TrainBatchOfBytes(new byte[Features.Length], Labels);
        float[] results = new float[Rows * Classes];
        classifier.Predict(Features, results);
        classifier.ComputeLogits(Features, results);
        population.TrainBatch(MemberFeatures, MemberLabels, 0.1f);
        population.Predict(MemberFeatures, new float[Members * MemberRows * Classes]);
    }

    private float[] Weights()
    {
        ClassifierParameters[] all = [classifier.GetParameters(), .. Enumerable.Range(0, Members).Select(population.GetParameters)];
        return [.. all.SelectMany(weights => (float[])[.. weights.HiddenWeights, .. weights.HiddenBiases, .. weights.OutputWeights, .. weights.OutputBiases])];
    }

    private void Finish(WarmUpProgress progress)
    {
        for (int frame = 0; !progress.IsDone; frame++)
        {
            Assert.That(frame, Is.LessThan(100));
            device.Update();
            gl.NextFrame();
        }
    }

    private void AssertNothingIsCompiledBy(Action work)
    {
        gl.ClearRecords();
        work();
        Assert.That((gl.Calls("glCompileShader"), gl.Calls("glLinkProgram")), Is.EqualTo((0L, 0L)));
        Assert.That(gl.Dispatches, Is.GreaterThanOrEqualTo(FewestKernels));
    }
}
