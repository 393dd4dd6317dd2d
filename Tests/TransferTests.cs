using System.Runtime.InteropServices;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>How results come back: through buffers in the processor's memory that stay mapped, or where a driver lacks them, through ones that each reading maps.</summary>
[TestFixture]
[Category(Categories.Late)]
internal sealed unsafe class TransferTests
{
    private const string Storage = "GL_ARB_buffer_storage";
    private const int Inputs = 5, Hidden = 7, Classes = 3, Rows = 4;

    private static readonly float[] Features = Twins.TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    private static readonly List<uint> Flags = [];
    private static delegate* unmanaged<uint, nint, void*, uint, void> bufferStorage;

    /// <summary>Drivers have put mapped buffers without client storage into the card's memory, where each number that is read crosses the bus alone.</summary>
    [Test]
    public void WhatStaysMappedLiesInTheProcessorsMemory()
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        if (!host.TryGetProcAddress("glBufferStorage", out nint storage)) Assert.Inconclusive("This driver has no ARB_buffer_storage.");
        bufferStorage = (delegate* unmanaged<uint, nint, void*, uint, void>)storage;
        host.Replaced["glBufferStorage"] = (nint)(delegate* unmanaged<uint, nint, void*, uint, void>)&BufferStorage;
        Flags.Clear();
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes);
        Assert.That(Requested(device, classifier, () => { }), Is.EqualTo(Predicted(classifier)));
        Assert.That(Flags, Is.Not.Empty);
        foreach (uint flags in Flags)
        {
            Assert.That((BufferStorageMask)flags, Is.EqualTo(
                BufferStorageMask.ClientStorageBit | BufferStorageMask.MapReadBit | BufferStorageMask.MapPersistentBit | BufferStorageMask.MapCoherentBit));
        }
    }

    /// <summary>Mapped once, however often it is read, and read only once its fence is passed: the test GL copies no sooner.</summary>
    [Test]
    public void ABufferThatStaysMappedIsReadAfterItsFence()
    {
        using TestGl gl = TestGls.Create();
        gl.DelayFrames = 3;
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes);
        float[] expected = Predicted(classifier);
        Assert.That(Requested(device, classifier, gl.NextFrame), Is.EqualTo(expected));
        if (gl.Calls("glBufferStorage") == 0) Assert.Inconclusive("This driver has no ARB_buffer_storage.");
        gl.ClearRecords();
        for (int i = 0; i < 2 * PredictionRequest.Capacity; i++) Assert.That(Requested(device, classifier, gl.NextFrame), Is.EqualTo(expected));
        Assert.That(gl.Calls("glMapBufferRange"), Is.EqualTo(gl.Calls("glBufferStorage")).And.LessThan(PredictionRequest.Capacity), "only buffers of requests that had none");
        Assert.That(gl.Calls("glUnmapBuffer"), Is.Zero);
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>The test above can fail: what is read before the fence is not there yet.</summary>
    [Test]
    public void TheTestGlCopiesLate()
    {
        using TestGl gl = TestGls.Create();
        gl.DelayFrames = 1;
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using NeuralDevice.Scope scope = device.Enter();
        using MatrixTexture matrix = new(device, new MatrixShape(1, 4));
        matrix.Upload([1f, 2f, 3f, 4f]);
        IComputeBackend backend = device.Backend;
        BackendResource buffer = backend.CreateReadBuffer(4 * sizeof(float));
        if (gl.Calls("glBufferStorage") == 0) Assert.Inconclusive("This driver has no ARB_buffer_storage.");
        float[] values = new float[4];
        backend.CopyToBuffer(matrix.Storage, 4 * sizeof(float), buffer, 0);
        nint fence = backend.InsertFence();
        Assert.That(backend.TryPass(fence), Is.False);
        backend.ReadBuffer(buffer, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        Assert.That(values, Is.All.Zero);
        gl.NextFrame();
        Assert.That(backend.TryPass(fence));
        backend.ReadBuffer(buffer, 0, MemoryMarshal.AsBytes(values.AsSpan()));
        Assert.That(values, Is.EqualTo(new[] { 1f, 2f, 3f, 4f }));
        buffer.Retire();
    }

    [Test]
    public void WithoutSuchBuffersEachReadingMapsItsOwn()
    {
        using TestGl gl = TestGls.Create();
        gl.HiddenExtensions.Add(Storage);
        gl.DelayFrames = 2;
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using TwoLayerClassifier classifier = new(device, Inputs, Hidden, Classes);
        float[] expected = Predicted(classifier);
        gl.ClearRecords();
        Assert.That(Requested(device, classifier, gl.NextFrame), Is.EqualTo(expected));
        Assert.That(gl.Calls("glBufferStorage"), Is.Zero);
        Assert.That(gl.Calls("glMapBufferRange"), Is.Positive.And.EqualTo(gl.Calls("glUnmapBuffer")));
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    private static float[] Predicted(TwoLayerClassifier classifier)
    {
        float[] probabilities = new float[Rows * Classes];
        classifier.Predict(Features, probabilities);
        return probabilities;
    }

    private static float[] Requested(NeuralDevice device, TwoLayerClassifier classifier, Action nextFrame)
    {
        float[] probabilities = new float[Rows * Classes];
        PredictionRequest request = classifier.RequestPrediction(Features);
        for (int frame = 0; frame < 10 && !request.TryGet(probabilities); frame++)
        {
            nextFrame();
            device.Update();
        }

        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Ready));
        return probabilities;
    }

    [UnmanagedCallersOnly]
    private static void BufferStorage(uint target, nint size, void* data, uint flags)
    {
        Flags.Add(flags);
        bufferStorage(target, size, data, flags);
    }
}
