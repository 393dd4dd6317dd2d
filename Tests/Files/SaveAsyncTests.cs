using System.Diagnostics;
using System.Runtime.InteropServices;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// Saves from a running game, on a context whose fences are signaled when the test says so: a software driver is never
/// late, and a test of waiting could not fail on it.
/// </summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed unsafe class SaveAsyncTests : IDisposable
{
    private const int Inputs = 9;
    private const int Hidden = 7;
    private const int Classes = 3;
    private const int Rows = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly float[] Features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly int[] Labels = TwinArrays.Labels(2, Rows, Classes);

    private static GLEnum fenceStatus;
    private static ulong longestWait;
    private static int mapped;
    private static delegate* unmanaged<uint, nint, nint, uint, void*> mapBufferRange;
    private static delegate* unmanaged<nint, uint, ulong, uint> clientWaitSync;

    private string folder = "";
    private HostContext host = null!;
    private NeuralDevice device = null!;
    private TwoLayerClassifier classifier = null!;

    private string Target => Path.Combine(folder, "model.safetensors");

    [SetUp]
    public void MakeAGame()
    {
        folder = Directory.CreateTempSubdirectory().FullName;
        TestGls.RequireDriver();
        host = new HostContext();
        mapBufferRange = (delegate* unmanaged<uint, nint, nint, uint, void*>)host.GetProcAddress("glMapBufferRange");
        clientWaitSync = (delegate* unmanaged<nint, uint, ulong, uint>)host.GetProcAddress("glClientWaitSync");
        host.Replaced["glBufferStorage"] = 0;   // so that each reading maps its buffer, where this sees it
        host.Replaced["glMapBufferRange"] = (nint)(delegate* unmanaged<uint, nint, nint, uint, void*>)&MapBufferRange;
        host.Replaced["glClientWaitSync"] = (nint)(delegate* unmanaged<nint, uint, ulong, uint>)&ClientWaitSync;
        (fenceStatus, longestWait, mapped) = (GLEnum.TimeoutExpired, 0, 0);
        device = NeuralDevice.Attach(GL.GetApi(host));
        classifier = new TwoLayerClassifier(device, Inputs, Hidden, Classes);
        classifier.TrainBatch(Features, Labels, 0.1f);
    }

    [TearDown]
    public void Dispose()
    {
        classifier?.Dispose();
        device?.Dispose();
        host?.Dispose();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void TheFileHoldsTheWeightsOfTheCallHoweverLateItIsRead()
    {
        ClassifierParameters atTheCall = classifier.GetParameters();
        Task saved = classifier.SaveAsync(Target);
        for (int frame = 0; frame < 20; frame++)
        {
            classifier.TrainBatch(Features, Labels, 0.1f);
            device.Update();
            Assert.That(saved.IsCompleted, Is.False);
        }

        classifier.SetParameters(classifier.GetParameters() with { OutputBiases = [7, 8, 9] });
        Assert.That(File.Exists(Target), Is.False);
        Assert.That(mapped, Is.Zero, "nothing is mapped before its fence is signalled");
        Assert.That(longestWait, Is.Zero, "no fence is waited for");
        Signal(saved);
        Assert.That(saved.IsCompletedSuccessfully, $"{saved.Exception}");
        AssertIs(atTheCall);
        Assert.That(longestWait, Is.Zero);
    }

    /// <summary>Parameters taken in the same way, for the game itself.</summary>
    [Test]
    public void ParametersAreThoseOfTheCallHoweverLateTheyArrive()
    {
        ClassifierParameters atTheCall = classifier.GetParameters();
        Task<ClassifierParameters> taken = classifier.GetParametersAsync();
        for (int frame = 0; frame < 20; frame++)
        {
            classifier.TrainBatch(Features, Labels, 0.1f);
            device.Update();
            Assert.That(taken.IsCompleted, Is.False);
        }

        Assert.That(longestWait, Is.Zero, "no fence is waited for");
        Signal(taken);
        ClassifierParameters parameters = taken.Result;
        Assert.That(parameters.HiddenWeights, Is.EqualTo(atTheCall.HiddenWeights));
        Assert.That(parameters.HiddenBiases, Is.EqualTo(atTheCall.HiddenBiases));
        Assert.That(parameters.OutputWeights, Is.EqualTo(atTheCall.OutputWeights));
        Assert.That(parameters.OutputBiases, Is.EqualTo(atTheCall.OutputBiases));
        taken = classifier.GetParametersAsync();
        device.Dispose();
        Assert.That(taken.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Patience));
        Assert.That(taken.Exception?.InnerException, Is.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void UpdateAllocatesNothingAndTheBufferIsFreed()
    {
        DeviceMemory memory = device.Memory;
        Task saved = classifier.SaveAsync(Target);
        Assert.That(device.Memory.Buffers - memory.Buffers, Is.EqualTo(1));
        Assert.That(device.Memory.Bytes - memory.Bytes, Is.EqualTo(((Inputs + 1) * 32) + ((Hidden + 1) * 16)));
        device.Update();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 100; frame++) device.Update();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Signal(saved);
        device.Update();
        Assert.That(device.Memory, Is.EqualTo(memory));
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 100; frame++) device.Update();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void SavesAreWrittenInTheOrderOfTheirCalls()
    {
        List<Task> saves = [];
        for (int i = 0; i < 20; i++)
        {
            classifier.TrainBatch(Features, Labels, 0.1f);
            saves.Add(classifier.SaveAsync(Target));
        }

        Signal(Task.WhenAll(saves));
        Assert.That(saves.All(save => save.IsCompletedSuccessfully));
        AssertIs(classifier.GetParameters());
    }

    [Test]
    public void ASaveThatWaitsComesAfterThoseUnderWay()
    {
        Task early = classifier.SaveAsync(Target);
        classifier.TrainBatch(Features, Labels, 0.1f);
        fenceStatus = GLEnum.AlreadySignaled;
        classifier.Save(Target);
        Assert.That(early.IsCompletedSuccessfully);
        AssertIs(classifier.GetParameters());
        Assert.That(Directory.GetFiles(folder), Is.EqualTo(new[] { Target }));
    }

    [Test]
    public void AnErrorComesOutOfTheTaskAndTheNextSaveIsWritten()
    {
        Task wrong = classifier.SaveAsync(Path.Combine(folder, "missing", "model.safetensors")), right = classifier.SaveAsync(Target);
        Signal(right);
        Assert.That(wrong.Exception?.InnerException, Is.TypeOf<FileWriteException>().With.Message.Contains("does not exist"));
        Assert.That(right.IsCompletedSuccessfully);
        Assert.Throws<ArgumentException>(() => classifier.SaveAsync(""));
        Assert.Throws<ArgumentNullException>(() => classifier.SaveAsync(null!));
        AssertIs(classifier.GetParameters());
    }

    [Test]
    public void ThePathIsThatOfTheFolderAtTheCall()
    {
        string before = Directory.GetCurrentDirectory();
        Task saved;
        try
        {
            Directory.SetCurrentDirectory(folder);
            saved = classifier.SaveAsync("model.safetensors");
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
        }

        Signal(saved);
        AssertIs(classifier.GetParameters());
    }

    [Test]
    public void WithTheDeviceTheSaveEnds()
    {
        Task saved = classifier.SaveAsync(Target);
        device.Dispose();
        Assert.That(saved.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Patience));
        Assert.That(saved.Exception?.InnerException, Is.TypeOf<ObjectDisposedException>());
        Assert.That(File.Exists(Target), Is.False);
    }

    [Test]
    public void WithoutTheClassifierItGoesOn()
    {
        ClassifierParameters atTheCall = classifier.GetParameters();
        Task saved = classifier.SaveAsync(Target);
        classifier.Dispose();
        Assert.Throws<ObjectDisposedException>(() => classifier.SaveAsync(Target));
        device.Update();
        Signal(saved);
        AssertIs(atTheCall);
    }

    [Test]
    public void ALostContextIsSaid()
    {
        Task saved = classifier.SaveAsync(Target);
        fenceStatus = GLEnum.WaitFailed;
        Assert.Throws<ContextLostException>(device.Update);
        Assert.That(saved.ContinueWith(_ => { }, TaskScheduler.Default).Wait(Patience));
        Assert.That(saved.Exception?.InnerException, Is.TypeOf<ContextLostException>().With.Message.Contains("no longer knows"));
        Assert.That(File.Exists(Target), Is.False);
    }

    /// <summary>Repeated copies, as a trainer in the frame makes them, allocate no memory.</summary>
    [Test]
    public void AReadbackIsStartedAgainAndAgainWithoutAnAllocation()
    {
        using MatrixTexture matrix = Kernels.Upload(device, 3, 5, TwinArrays.UniformFloats(1, 15));
        using Readback readback = new(device, [matrix.Shape]);
        MatrixTexture[] textures = [matrix];
        float[] values = new float[5];
        float[] expected = matrix.Read();
        Assert.Throws<InvalidOperationException>(() => readback.Read(0, values));
        long allocated = 0;
        for (int i = 0; i < 20; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            fenceStatus = GLEnum.TimeoutExpired;
            readback.Start(textures);
            device.Update();
            ReadbackStatus late = readback.Status;
            fenceStatus = GLEnum.ConditionSatisfied;
            device.Update();
            readback.Read(0, values, firstRow: i % 3);
            if (i > 1) allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(late, Is.EqualTo(ReadbackStatus.Pending));
            Assert.That(values, Is.EqualTo(expected.AsSpan(i % 3 * 5, 5).ToArray()));
        }

        Assert.That(allocated, Is.Zero);
        fenceStatus = GLEnum.TimeoutExpired;
        readback.Start(textures);
        Assert.Throws<InvalidOperationException>(() => readback.Start(textures));
    }

    /// <summary>The GPU is done: runs frames until the worker is done, too.</summary>
    private void Signal(Task task)
    {
        fenceStatus = GLEnum.AlreadySignaled;
        long start = Stopwatch.GetTimestamp();
        while (!task.IsCompleted && Stopwatch.GetElapsedTime(start) < Patience)
        {
            device.Update();
            Thread.Sleep(1);
        }

        Assert.That(task.IsCompleted, "the task ends");
    }

    private void AssertIs(ClassifierParameters parameters)
    {
        Assert.That(ModelFile.Load(Target, ModelFiles.TwoLayers).Parameters, Is.EqualTo(
            new[] { parameters.HiddenWeights, parameters.HiddenBiases, parameters.OutputWeights, parameters.OutputBiases }));
    }

    [UnmanagedCallersOnly]
    private static uint ClientWaitSync(nint fence, uint flags, ulong timeout)
    {
        longestWait = Math.Max(longestWait, timeout);
        if (fenceStatus != GLEnum.TimeoutExpired) clientWaitSync(fence, flags, ulong.MaxValue);   // work that is reported as done must be done
        return (uint)fenceStatus;
    }

    [UnmanagedCallersOnly]
    private static void* MapBufferRange(uint target, nint offset, nint length, uint access)
    {
        mapped++;
        return mapBufferRange(target, offset, length, access);
    }
}
