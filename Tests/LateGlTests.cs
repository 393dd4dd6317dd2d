using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>The driver that completes its commands late, itself.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed unsafe class LateGlTests
{
    [SetUp]
    public void NeedsADriver() => TestGls.RequireDriver();

    [TearDown]
    public void NothingElseIsCurrent() => _ = TestDevice.Plain;

    /// <summary>Neither in the frame that enqueued it, whatever its calls, nor because of what other devices do.</summary>
    [Test]
    public void WorkIsDoneSomeCallsOfItsOwnDeviceLater()
    {
        using NeuralDevice other = NeuralDevice.CreateHeadless(new HeadlessOptions { Functions = LateGl.Over }), device = NeuralDevice.CreateHeadless(new HeadlessOptions { Functions = LateGl.Over });
        using LinearClassifier classifier = new(device, inputs: 2, classes: 3);
        classifier.Predict([1, 2], new float[3]);
        PredictionRequest request = classifier.RequestPrediction([1, 2]);
        for (int call = 0; call < 4; call++) device.Update();
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Pending));
        other.MakeCurrent();
        for (int call = 0; call < 20; call++) other.Update();
        device.MakeCurrent();
        device.Update();
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Pending));
        for (int call = 0; call < 20; call++) device.Update();
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Ready));
    }

    [Test]
    public void ABufferThatStaysMappedChangesWhenTheWorkIsDone()
    {
        using HostContext host = new();
        using GL gl = GL.GetApi(TestDevice.IsLate ? host : LateGl.Over(host));
        if (!gl.IsExtensionPresent("GL_ARB_buffer_storage") || !gl.IsExtensionPresent("GL_ARB_direct_state_access")) Assert.Ignore("This driver's buffers do not stay mapped.");
        uint source = gl.GenBuffer(), mapped = gl.GenBuffer();
        int value = 7;
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, source);
        gl.BufferData(BufferTargetARB.CopyReadBuffer, sizeof(int), &value, BufferUsageARB.StreamCopy);
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, mapped);
        const uint Access = (uint)(MapBufferAccessMask.ReadBit | MapBufferAccessMask.PersistentBit | MapBufferAccessMask.CoherentBit);
        gl.BufferStorage(BufferStorageTarget.CopyWriteBuffer, sizeof(int), null, Access);
        int* seen = (int*)gl.MapBufferRange(BufferTargetARB.CopyWriteBuffer, 0, sizeof(int), Access);
        int before = *seen;
        gl.CopyBufferSubData(CopyBufferSubDataTarget.CopyReadBuffer, CopyBufferSubDataTarget.CopyWriteBuffer, 0, 0, sizeof(int));
        nint fence = gl.FenceSync(SyncCondition.SyncGpuCommandsComplete, SyncBehaviorFlags.None);
        Assert.That((GLEnum)gl.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.TimeoutExpired));
        Assert.That(*seen, Is.EqualTo(before).And.Not.EqualTo(value));
        for (int call = 0; call < 20; call++) gl.GetGraphicsResetStatus();
        Assert.That((GLEnum)gl.ClientWaitSync(fence, (SyncObjectMask)0, 0), Is.EqualTo(GLEnum.AlreadySignaled).Or.EqualTo(GLEnum.ConditionSatisfied));
        Assert.That(*seen, Is.EqualTo(value));
        gl.DeleteSync(fence);
        gl.DeleteBuffer(source);
        gl.DeleteBuffer(mapped);
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }
}
