using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Predictions without waiting, on a GPU that is late and on the real one here.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class PredictionRequestTests : IDisposable
{
    private const int Inputs = 9;
    private const int Classes = 3;

    private static readonly float[] Features = TwinArrays.UniformFloats(1, 7 * Inputs, -1, 1);

    private readonly TestGl gl = TestGls.Create();
    private readonly NeuralDevice device;
    private readonly TwoLayerClassifier classifier;

    public PredictionRequestTests()
    {
        device = NeuralDevice.Attach(gl.Api);
        classifier = new TwoLayerClassifier(device, Inputs, hidden: 5, Classes, seed: 2);
    }

    public void Dispose()
    {
        classifier.Dispose();
        device.Dispose();
        gl.Dispose();
    }

    /// <summary>The answer uses the weights at the time of the request, whatever is trained or requested before it arrives, and nothing waits for it.</summary>
    [Test]
    public void AnAnswerHasTheBitsOfPredictSomeFramesLater([Values(0, 1, 3, 10)] int delayFrames, [Values(1, 3, 7)] int rows)
    {
        float[] expected = new float[rows * Classes], found = new float[rows * Classes];
        float[] asked = Features[..(rows * Inputs)];
        classifier.Predict(asked, expected);
        classifier.RequestPrediction(Features);   // its kernels are compiled
        gl.DelayFrames = delayFrames;
        using TrainingSet samples = new(device, Inputs, Classes, capacity: 7);
        samples.AddRange(Features, TwinArrays.Labels(2, 7, Classes));
        using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { FrameBudget = FrameBudget.Steps(1) });
        WarmUpProgress warmUp = device.WarmUp(trainer.Kernels);
        while (!warmUp.IsDone) device.Update();
        gl.ClearRecords();
        PredictionRequest request = classifier.RequestPrediction(asked);
        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Pending));
        Assert.That(request.TryGet(found), Is.False);
        PredictionRequest copy = request;
        int frames = 0;
        while (request.Status == PredictionStatus.Pending)
        {
            classifier.RequestPrediction(Features);
            trainer.Tick();
            gl.NextFrame();
            Assert.That(++frames, Is.LessThan(20));
        }

        Assert.That(gl.WaitingCalls, Is.Empty);
        Assert.That(frames, Is.GreaterThanOrEqualTo(delayFrames));
        Assert.That(request.TryGet(found), Is.True);
        Assert.That(found, Is.EqualTo(expected));
        Array.Clear(found);
        Assert.That(copy.TryGet(found), Is.True, "it may be read again");
        Assert.That(found, Is.EqualTo(expected));
        Assert.That(copy, Is.EqualTo(request));
    }

    /// <summary>Raw outputs: those of a regressor, and the logits of a classifier along with its probabilities.</summary>
    [Test]
    public void OutputsHaveTheBitsOfThoseThatAreWaitedFor([Values(0, 3)] int delayFrames)
    {
        using Regressor regressor = new(device, Inputs, hidden: 5, Classes, seed: 2);
        float[] expectedValues = new float[7 * Classes], expectedLogits = new float[7 * Classes], expectedProbabilities = new float[7 * Classes];
        regressor.Predict(Features, expectedValues);
        classifier.ComputeLogits(Features, expectedLogits);
        classifier.Predict(Features, expectedProbabilities);
        gl.DelayFrames = delayFrames;
        PredictionRequest values = regressor.RequestPrediction(Features), logits = classifier.Network.RequestOutputs(Features);
        PredictionRequest probabilities = classifier.RequestPrediction(Features);
        regressor.SetParameters(regressor.GetParameters() with { OutputBiases = [1, 2, 3] });
        for (int frame = 0; frame <= delayFrames; frame++)
        {
            gl.NextFrame();
            device.Update();
        }

        Assert.That(Found(values), Is.EqualTo(expectedValues).And.EqualTo(expectedLogits), "the same stack from the same seed");
        Assert.That(Found(logits), Is.EqualTo(expectedLogits));
        Assert.That(Found(probabilities), Is.EqualTo(expectedProbabilities));
        Assert.That(() => values.TryGet(new float[2]), Throws.ArgumentException.With.Message.Contains("7 samples × 3 outputs"));

        static float[] Found(PredictionRequest request)
        {
            float[] found = new float[7 * Classes];
            Assert.That(request.TryGet(found), Is.True);
            return found;
        }
    }

    /// <summary>Any number may be an output, negative, infinite or NaN: a request fails only if the driver skipped it.</summary>
    [Test]
    public void NoOutputIsTakenForOneThatWasSkipped()
    {
        using Regressor regressor = new(device, 1, hidden: 1, outputs: 1);
        foreach ((float weight, float bias) in new[] { (0f, -1f), (0f, -0f), (3e38f, 0f), (3e38f, -3e38f), (-3e38f, 3e38f) })
        {
            regressor.SetParameters(new ClassifierParameters([1], [3e38f], [weight], [bias]));
            float[] expected = new float[1], found = new float[1];
            regressor.Predict([3e38f], expected);   // relu(∞) · weight + bias
            PredictionRequest request = regressor.RequestPrediction([3e38f]);
            device.Update();
            Assert.That(request.TryGet(found), $"{weight}, {bias}: {request.Status}");
            Assert.That(found, Is.EqualTo(expected));
        }

        gl.DropDispatches = true;
        PredictionRequest skipped = regressor.RequestPrediction([1]);
        gl.DropDispatches = false;
        device.Update();
        Assert.That(skipped.Status, Is.EqualTo(PredictionStatus.Failed));
    }

    [Test]
    public void AnswersComeInTheOrderOfTheRequests()
    {
        const int Frames = 50;
        gl.DelayFrames = 3;
        Queue<(PredictionRequest Request, float[] Expected)> open = [];
        float[] found = new float[Classes];
        for (int frame = 0; frame < Frames; frame++)
        {
            float[] asked = Features[((frame % 7) * Inputs)..(((frame % 7) + 1) * Inputs)], expected = new float[Classes];
            classifier.Predict(asked, expected);
            open.Enqueue((classifier.RequestPrediction(asked), expected));
            gl.NextFrame();
            device.Update();
            while (open.Count > 0 && open.Peek().Request.TryGet(found)) Assert.That(found, Is.EqualTo(open.Dequeue().Expected));
            Assert.That(open.Skip(1).Select(pair => pair.Request.Status), Has.All.EqualTo(PredictionStatus.Pending));
            Assert.That(open, Has.Count.LessThanOrEqualTo(4));
        }
    }

    /// <summary>The oldest answer makes room; one that is still pending cannot, and then the new request is not made.</summary>
    [Test]
    public void BeyondTheCapacityTheOldestExpires()
    {
        float[] found = new float[Classes];
        PredictionRequest first = Ask(), second = Ask();
        for (int i = 2; i < PredictionRequest.Capacity; i++) Ask();
        device.Update();
        Assert.That(first.Status, Is.EqualTo(PredictionStatus.Ready));
        PredictionRequest another = Ask();
        Assert.That(first.Status, Is.EqualTo(PredictionStatus.Expired));
        Assert.That(first.TryGet(found), Is.False);
        Assert.That(found, Has.All.Zero);
        Assert.That(second.TryGet(found), Is.True);
        Assert.That(another.Status, Is.Not.EqualTo(PredictionStatus.Expired));

        gl.DelayFrames = 5;
        for (int i = 0; i < PredictionRequest.Capacity; i++) Ask();
        long dispatches = gl.Calls("glDispatchCompute");
        Assert.That(Ask().Status, Is.EqualTo(PredictionStatus.Expired), "as many are on their way");
        Assert.That(gl.Calls("glDispatchCompute"), Is.EqualTo(dispatches));
        for (int i = 0; i < 6; i++) gl.NextFrame();
        Assert.That(Ask().Status, Is.EqualTo(PredictionStatus.Pending), "room again, without an Update");

        PredictionRequest Ask() => classifier.RequestPrediction(Features.AsSpan(0, Inputs));
    }

    [Test]
    public void ALargerBatchLeavesTheSmallerOnesThatAreUnderWay()
    {
        gl.DelayFrames = 2;
        float[] one = new float[Classes], all = new float[7 * Classes], expectedOne = new float[Classes], expectedAll = new float[7 * Classes];
        classifier.Predict(Features.AsSpan(0, Inputs), expectedOne);
        classifier.Predict(Features, expectedAll);
        PredictionRequest small = classifier.RequestPrediction(Features.AsSpan(0, Inputs)), large = classifier.RequestPrediction(Features);
        for (int frame = 0; frame < 4; frame++)
        {
            gl.NextFrame();
            device.Update();
        }

        Assert.That(small.TryGet(one) && large.TryGet(all));
        Assert.That(one, Is.EqualTo(expectedOne));
        Assert.That(all, Is.EqualTo(expectedAll));
    }

    [Test]
    public void BadInputIsNamedAndAsksNothing()
    {
        long dispatches = gl.Calls("glDispatchCompute");
        Assert.That(() => classifier.RequestPrediction(new float[Inputs + 1]), Throws.ArgumentException.With.Message.Contain($"{Inputs} features"));
        Assert.That(() => classifier.RequestPrediction([]), Throws.ArgumentException);
        Assert.That(() => classifier.RequestPrediction([float.NaN, .. new float[Inputs - 1]]), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(gl.Calls("glDispatchCompute"), Is.EqualTo(dispatches));
        PredictionRequest request = classifier.RequestPrediction(Features);
        device.Update();
        Assert.That(() => request.TryGet(new float[Classes]), Throws.ArgumentException.With.Message.Contain("7 samples × 3 classes"));
    }

    /// <summary>The answer to an earlier request, which is still in the texture, is never mistaken for the current one.</summary>
    [Test]
    public void WhereTheDriverSkipsItsDispatchesItHasFailed()
    {
        float[] found = new float[7 * Classes], expected = new float[7 * Classes];
        classifier.Predict(Features, expected);
        PredictionRequest before = classifier.RequestPrediction(Features);
        gl.DropDispatches = true;
        PredictionRequest skipped = classifier.RequestPrediction(Features.AsSpan(0, Inputs));
        gl.DropDispatches = false;
        PredictionRequest after = classifier.RequestPrediction(Features);
        device.Update();
        Assert.That(skipped.Status, Is.EqualTo(PredictionStatus.Failed));
        Assert.That(skipped.TryGet(found.AsSpan(0, Classes)), Is.False);
        Assert.That(before.TryGet(found), Is.True);
        Assert.That(found, Is.EqualTo(expected));
        Array.Clear(found);
        Assert.That(after.TryGet(found), Is.True);
        Assert.That(found, Is.EqualTo(expected));
    }

    /// <summary>During a real conditional render, on a query that no sample passed, uploads take effect; dispatches do not.</summary>
    [Test]
    public void WithinAConditionalRenderItHasFailed()
    {
        GL host = GL.GetApi(gl.Host);
        classifier.RequestPrediction(Features);
        uint query = host.GenQuery();
        host.BeginQuery(QueryTarget.SamplesPassed, query);
        host.EndQuery(QueryTarget.SamplesPassed);
        host.BeginConditionalRender(query, ConditionalRenderMode.Wait);
        PredictionRequest skipped = classifier.RequestPrediction(Features);
        host.EndConditionalRender();
        host.DeleteQuery(query);
        device.Update();
        Assert.That(skipped.Status, Is.EqualTo(PredictionStatus.Failed));
    }

    [Test]
    public void WithItsContextLostItHasFailedAndNoFenceIsBelieved()
    {
        gl.DelayFrames = 3;
        PredictionRequest lost = classifier.RequestPrediction(Features);
        gl.ResetStatus = GLEnum.GuiltyContextReset;   // from now on its fence claims to be signaled
        Assert.That(() => classifier.RequestPrediction(Features), Throws.TypeOf<ContextLostException>());
        Assert.That(lost.Status, Is.EqualTo(PredictionStatus.Failed));
        Assert.That(lost.TryGet(new float[7 * Classes]), Is.False);
    }

    [Test]
    public void OneThatWasNeverAskedIsExpired()
    {
        Assert.That(default(PredictionRequest).Status, Is.EqualTo(PredictionStatus.Expired));
        Assert.That(default(PredictionRequest).TryGet([]), Is.False);
    }

    /// <summary>The buffer for a pending answer is gone by the time the answer would arrive.</summary>
    [Test]
    public void UpdateGoesOnWhenAClassifierIsDisposedBeforeItsAnswerCame([Values(0, 3)] int delayFrames)
    {
        gl.DelayFrames = delayFrames;
        TwoLayerClassifier gone = new(device, Inputs, hidden: 5, Classes, seed: 2);
        PredictionRequest request = gone.RequestPrediction(Features), other = classifier.RequestPrediction(Features);
        gone.Dispose();
        for (int frame = 0; frame < 5; frame++)
        {
            device.Update();
            gl.NextFrame();
        }

        Assert.That(request.Status, Is.EqualTo(PredictionStatus.Expired));
        Assert.That(other.Status, Is.EqualTo(PredictionStatus.Ready));
    }

    [Test]
    public void WithItsClassifierDisposedItIsExpiredAndWithItsDeviceItHasFailed()
    {
        gl.DelayFrames = 3;
        TwoLayerClassifier other = new(device, Inputs, hidden: 5, Classes);
        PredictionRequest gone = other.RequestPrediction(Features), lost = classifier.RequestPrediction(Features);
        other.Dispose();
        Assert.That(gone.Status, Is.EqualTo(PredictionStatus.Expired));
        Assert.That(() => other.RequestPrediction(Features), Throws.TypeOf<ObjectDisposedException>());
        for (int frame = 0; frame < 5; frame++)
        {
            gl.NextFrame();
            device.Update();   // its answer arrives, with no receiver
        }

        lost = classifier.RequestPrediction(Features);
        device.Dispose();
        Assert.That(lost.Status, Is.EqualTo(PredictionStatus.Failed));
        Assert.That(lost.TryGet(new float[7 * Classes]), Is.False);
    }
}
