using System.Diagnostics;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>
/// The context is reset: every call reports it at once and touches nothing, whatever fences and queries claim, and a new device
/// continues from the last saved weights.
/// </summary>
[TestFixture]
internal sealed class ContextLossTests : IDisposable
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(100);

    private TestGl? host;
    private NeuralDevice device = null!;
    private PublicCalls calls = null!;

    private TestGl Gl => host!;

    [SetUp]
    public void MakeAGame()
    {
        host = TestGls.Create();
        device = NeuralDevice.Attach(Gl.Api);
        calls = new PublicCalls(device);
        foreach ((_, Action call) in calls.All()) call();
    }

    [TearDown]
    public void Dispose()
    {
        host?.MakeCurrent();
        calls?.Dispose();
        device?.Dispose();
        host?.Dispose();
        host = null;
    }

    [TestCase(GLEnum.GuiltyContextReset, "GL_GUILTY_CONTEXT_RESET")]
    [TestCase(GLEnum.InnocentContextReset, "GL_INNOCENT_CONTEXT_RESET")]
    [TestCase(GLEnum.UnknownContextReset, "GL_UNKNOWN_CONTEXT_RESET")]
    public void EveryCallSaysSoAtOnceAndTouchesNothing(GLEnum status, string says)
    {
        Gl.ResetStatus = status;
        Gl.ClearRecords();
        foreach ((string name, Action call) in calls.All())
        {
            long start = Stopwatch.GetTimestamp();
            ContextLostException exception = Assert.Throws<ContextLostException>(() => call(), name)!;
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(AtOnce), name);
            Assert.That(exception.Message, Does.Contain(says).And.Contain("new context").And.Contain("last saved weights"), name);
        }

        Assert.That(Gl.TotalCalls, Is.EqualTo(1).And.EqualTo(Gl.Calls("glGetGraphicsResetStatus")), "the question, once");
        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory)));
    }

    /// <summary>Each call may be the one that detects it.</summary>
    [Test]
    public void WhicheverCallComesFirstFindsOut()
    {
        string[] names = [.. calls.All().Select(call => call.Name)];
        foreach (string name in names)
        {
            using TestGl other = new();
            using NeuralDevice lost = NeuralDevice.Attach(other.Api);
            using PublicCalls its = new(lost);
            other.ResetStatus = GLEnum.GuiltyContextReset;
            other.ClearRecords();
            Action call = its.All().Single(one => one.Name == name).Call;
            long start = Stopwatch.GetTimestamp();
            Assert.Throws<ContextLostException>(() => call(), name);
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(AtOnce), name);
            Assert.That(other.TotalCalls, Is.EqualTo(1), name);
        }
    }

    [Test]
    public void ASaveUnderWayFailsAndNoFenceIsBelieved([Values] bool inAFrame)
    {
        string target = calls.Weights + ".later";
        using TwoLayerClassifier classifier = new(device, 4, 3, 2);
        Gl.DelayFrames = 3;
        Task saved = classifier.SaveAsync(target);
        device.Update();
        FrameScope frame = inAFrame ? device.BeginFrame() : default;
        Gl.ResetStatus = GLEnum.GuiltyContextReset;   // from now on the fence claims to be signaled
        Gl.ClearRecords();
        ContextLostException thrown = Assert.Throws<ContextLostException>(device.Update)!;
        Assert.That(Gl.TotalCalls, Is.EqualTo(1), "the fence is not even asked");
        Assert.That(saved.ContinueWith(_ => { }, TaskScheduler.Default).Wait(TimeSpan.FromSeconds(20)));
        Assert.That(saved.Exception?.InnerException, Is.SameAs(thrown));
        Assert.That(File.Exists(target), Is.False);
        Assert.Throws<ContextLostException>(() => device.WaitFor(new TaskCompletionSource().Task));
        frame.Dispose();
        Assert.That(Gl.TotalCalls, Is.EqualTo(1), "the frame ends without a call");
    }

    [Test]
    public void DisposeDoesNoHarmFromAnyThread()
    {
        FrameScope frame = device.BeginFrame();
        Gl.ResetStatus = GLEnum.UnknownContextReset;
        frame.Dispose();
        Assert.Throws<ContextLostException>(device.Update);
        Assert.Throws<ContextLostException>(device.MakeCurrent);
        Gl.ClearRecords();
        Gl.Clear();   // the game has discarded its context
        long start = Stopwatch.GetTimestamp();
        Thread thread = new(() =>
        {
            calls.Dispose();
            device.Dispose();
            device.Dispose();
        });
        thread.Start();
        thread.Join();
        Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(AtOnce));
        Assert.That(Gl.TotalCalls, Is.Zero);
        Assert.That(Gl.CallsFromOtherThreads, Is.Empty);
        Assert.Throws<ObjectDisposedException>(device.Update);
    }

    [Test]
    public void ANewDeviceGoesOnFromTheLastSavedWeights()
    {
        Gl.ResetStatus = GLEnum.InnocentContextReset;
        Assert.Throws<ContextLostException>(device.Update);
        using TestGl next = new();
        using NeuralDevice another = NeuralDevice.Attach(next.Api);
        using TwoLayerClassifier restored = TwoLayerClassifier.Load(another, calls.Weights);
        using PublicCalls same = new(another);   // starts from the same seed, as the saved weights did
        Assert.That(same.Predict(), Is.EqualTo(calls.Expected));
        float[] probabilities = new float[PublicCalls.Rows * PublicCalls.Classes];
        restored.Predict(PublicCalls.Features, probabilities);
        Assert.That(probabilities, Is.EqualTo(calls.Expected));
        Assert.That(float.IsFinite(restored.TrainBatch(PublicCalls.Features, PublicCalls.Labels, 0.1f)));
        device.Dispose();
        another.Update();
    }

    /// <summary>A device with its own context reports it too: its context is created with reset notification if available.</summary>
    [Test]
    public void AHealthyDeviceIsNotLost()
    {
        using NeuralDevice own = TestDevice.Create();
        using PublicCalls its = new(own);
        foreach ((string name, Action call) in its.All()) Assert.DoesNotThrow(() => call(), name);
    }
}
