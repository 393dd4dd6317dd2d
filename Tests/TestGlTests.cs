using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>The tests' own driver is as late, slow and lossy as requested, and reports each call that waits.</summary>
[TestFixture]
internal sealed unsafe class TestGlTests : IDisposable
{
    private TestGl gl = null!;

    [SetUp]
    public void Make() => gl = TestGls.Create();

    [TearDown]
    public void Dispose()
    {
        gl?.Api.Dispose();
        gl?.Dispose();
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(10)]
    public void AFenceIsSignalledSomeFramesLater(int frames)
    {
        gl.DelayFrames = frames;
        nint fence = gl.Api.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.Api.Flush();
        for (int frame = 0; frame < frames; frame++)
        {
            Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.TimeoutExpired), $"frame {frame}");
            Assert.That(StatusOf(fence), Is.EqualTo((int)GLEnum.Unsignaled));
            gl.NextFrame();
        }

        Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.AlreadySignaled));
        Assert.That(StatusOf(fence), Is.EqualTo((int)GLEnum.Signaled));
        Assert.That(gl.WaitingCalls, Is.Empty);
        gl.Api.DeleteSync(fence);
        Assert.That(gl.Living["Sync"], Is.Zero);
    }

    [Test]
    public void AFenceThatWasNotFlushedNeverComes()
    {
        nint fence = gl.Api.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.TimeoutExpired));
        gl.Api.Flush();
        Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.AlreadySignaled));
        fence = gl.Api.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.NextFrame();   // the game's own buffer swap
        Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.AlreadySignaled));
    }

    [Test]
    public void CallsThatWaitAreTold()
    {
        gl.DelayFrames = 2;
        int pixel;
        gl.Api.ReadPixels(0, 0, 1, 1, PixelFormat.Rgba, PixelType.UnsignedByte, &pixel);
        gl.Api.Finish();
        nint fence = gl.Api.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        _ = gl.Api.ClientWaitSync(fence, SyncObjectMask.Bit, 1_000);
        uint query = gl.Api.GenQuery();
        gl.Api.QueryCounter(query, QueryCounterTarget.Timestamp);
        gl.Api.GetQueryObject(query, QueryObjectParameterName.Result, out ulong _);
        Assert.That(gl.WaitingCalls, Is.EqualTo(new[]
        {
            "glReadPixels without a pack buffer", "glFinish", "glClientWaitSync with a timeout", "glGetQueryObject before its result is there",
        }));
        gl.ClearRecords();
        gl.NextFrame();
        gl.NextFrame();
        gl.Api.GetQueryObject(query, QueryObjectParameterName.Result, out ulong _);
        Assert.That(gl.WaitingCalls, Is.Empty);
        gl.Api.DeleteQuery(query);
    }

    [Test]
    public void ABufferIsMappedAfterItsFenceOrWaits([Values] bool asked)
    {
        gl.DelayFrames = 1;
        uint texture = gl.Api.GenTexture(), framebuffer = gl.Api.GenFramebuffer(), buffer = gl.Api.GenBuffer();
        gl.Api.BindTexture(TextureTarget.Texture2D, texture);
        gl.Api.TexStorage2D(TextureTarget.Texture2D, 1, SizedInternalFormat.Rgba32f, 1, 1);
        gl.Api.BindFramebuffer(FramebufferTarget.ReadFramebuffer, framebuffer);
        gl.Api.FramebufferTexture2D(FramebufferTarget.ReadFramebuffer, FramebufferAttachment.ColorAttachment0, TextureTarget.Texture2D, texture, 0);
        gl.Api.BindBuffer(BufferTargetARB.PixelPackBuffer, buffer);
        gl.Api.BufferData(BufferTargetARB.PixelPackBuffer, 16, null, BufferUsageARB.StreamRead);
        gl.Api.ReadPixels(0, 0, 1, 1, PixelFormat.Rgba, PixelType.Float, null);
        nint fence = gl.Api.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        gl.NextFrame();
        if (asked) Assert.That(gl.Api.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.AlreadySignaled));
        Assert.That(gl.Api.MapBufferRange(BufferTargetARB.PixelPackBuffer, 0, 16, MapBufferAccessMask.ReadBit) is not null);
        gl.Api.UnmapBuffer(BufferTargetARB.PixelPackBuffer);
        Assert.That(gl.WaitingCalls, asked ? Is.Empty : Is.EqualTo(new[] { "glMapBufferRange before its fence" }));
        Assert.That(gl.Api.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    [Test]
    public void TheClockRunsByWorkgroups()
    {
        (gl.DelayFrames, gl.NanosecondsPerDispatch, gl.NanosecondsPerGroup) = (1, 500, 20_000);
        gl.Api.UseProgram(EmptyProgram());
        uint[] queries = [gl.Api.GenQuery(), gl.Api.GenQuery()];
        gl.Api.QueryCounter(queries[0], QueryCounterTarget.Timestamp);
        gl.Api.DispatchCompute(4, 2, 1);
        gl.Api.QueryCounter(queries[1], QueryCounterTarget.Timestamp);
        Assert.That(gl.Api.GetInteger64(GetPName.Timestamp), Is.EqualTo(gl.Nanoseconds));
        gl.Api.GetQueryObject(queries[1], QueryObjectParameterName.ResultAvailable, out int available);
        Assert.That(available, Is.Zero);
        gl.NextFrame();
        gl.Api.GetQueryObject(queries[1], QueryObjectParameterName.ResultAvailable, out available);
        gl.Api.GetQueryObject(queries[0], QueryObjectParameterName.Result, out ulong start);
        gl.Api.GetQueryObject(queries[1], QueryObjectParameterName.Result, out ulong end);
        Assert.That((available, end - start), Is.EqualTo((1, 160_500ul)));
        Assert.That((gl.Dispatches, gl.Groups), Is.EqualTo((1L, 8L)));
        Assert.That(gl.Nanoseconds, Is.EqualTo(gl.NanosecondsPerFrame), "a frame takes its time, the work in it included");
        gl.NanosecondsPerGroup = 2 * gl.NanosecondsPerFrame;
        gl.Api.DispatchCompute(1, 1, 1);
        gl.NextFrame();
        Assert.That(gl.Nanoseconds, Is.EqualTo((3 * gl.NanosecondsPerFrame) + 500), "or more, if the work does");
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    [Test]
    public void DispatchesVanish()
    {
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        float[] right = [.. calls.Predict()];
        gl.ClearRecords();
        gl.DropDispatches = true;
        using TwoLayerClassifier classifier = new(device, PublicCalls.Inputs, PublicCalls.Hidden, PublicCalls.Classes, seed: 9);
        float[] probabilities = new float[PublicCalls.Classes];
        Assert.Throws<DispatchesSkippedException>(() => classifier.Predict(new float[PublicCalls.Inputs], probabilities), "nothing ran");
        Assert.That((gl.Dispatches, gl.DroppedDispatches), Is.EqualTo((0L, 1L)));
        gl.DropDispatches = false;
        Assert.That(calls.Predict(), Is.EqualTo(right));
    }

    [Test]
    public void CallsFromOtherThreadsAreTold()
    {
        gl.Api.Flush();
        Thread thread = new(() => gl.Api.Flush());
        thread.Start();
        thread.Join();
        Assert.That(gl.CallsFromOtherThreads, Is.EqualTo(new[] { "glFlush" }));
        Assert.That(gl.Calls("glFlush"), Is.EqualTo(1));
    }

    /// <summary>The recorder forwards every kind of argument and result: the driver's results are the same with it and without.</summary>
    [Test]
    public void ATrainingThroughItHasTheSameBits()
    {
        string expected = TrainingRun.HashOfWeights(TestDevice.Plain, capacity: 1);
        gl.MakeCurrent();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        Assert.That(TrainingRun.HashOfWeights(device, capacity: 1), Is.EqualTo(expected));
        Assert.That(gl.Asked.Where(name => gl.Calls(name) == 0), Is.Empty, "each function that was asked for is recorded");
    }

    private int StatusOf(nint fence)
    {
        int status;
        gl.Api.GetSync(fence, SyncParameterName.SyncStatus, 1, null, &status);
        return status;
    }

    private uint EmptyProgram()
    {
        uint shader = gl.Api.CreateShader(ShaderType.ComputeShader), program = gl.Api.CreateProgram();
        gl.Api.ShaderSource(shader, "#version 430 core\nlayout(local_size_x = 1) in;\nvoid main() {}\n");
        gl.Api.CompileShader(shader);
        gl.Api.AttachShader(program, shader);
        gl.Api.LinkProgram(program);
        return program;
    }
}
