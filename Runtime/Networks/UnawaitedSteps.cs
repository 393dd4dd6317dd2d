namespace NeuralPlugin;

/// <summary>
/// Bounds the steps that are enqueued one by one without waiting: before the driver's queue exceeds <see cref="Most"/> of them, or fewer if these take long, it waits for all of them.
/// </summary>
/// <param name="device">The device of the steps.</param>
/// <param name="time">Measures the waiting.</param>
internal sealed class UnawaitedSteps(NeuralDevice device, TimeProvider time)
{
    /// <summary>Those up to the unreached fence, and those since, until it is queried again.</summary>
    public const int Most = 3 * MostStepsAFence;

    /// <summary>Where waiting takes longer than this, fewer steps are enqueued from then on.</summary>
    public const double LongWaitMilliseconds = 25;

    private const int MostStepsAFence = 8;

    private readonly DeviceFence[] fences = [new DeviceFence(device), new DeviceFence(device)];
    private int stepsAFence = MostStepsAFence;
    private int steps;     // since the last fence that was inserted or found unreached
    private int current;   // fence

    /// <summary>Adds an enqueued step. Called within a call; waits if the GPU is far behind.</summary>
    public void Add()
    {
        if (++steps < stepsAFence) return;
        steps = 0;
        current = 1 - current;
        DeviceFence fence = fences[current];
        if (!fence.IsReached()) Wait();
        if (fence.IsReached()) fence.Insert();
    }

    private void Wait()
    {
        long start = time.GetTimestamp();
        device.Finish();
        double milliseconds = time.GetElapsedTime(start).TotalMilliseconds;
        if (milliseconds > LongWaitMilliseconds) stepsAFence = Math.Max(1, stepsAFence / 2);
        else if (milliseconds < LongWaitMilliseconds / 4) stepsAFence = Math.Min(MostStepsAFence, 2 * stepsAFence);
    }
}
