namespace NeuralPlugin;

/// <summary>
/// Bounds the steps that are enqueued one by one without waiting: before the driver's queue exceeds <see cref="Most"/>, it waits for
/// all of them.
/// </summary>
internal sealed class UnawaitedSteps(NeuralDevice device)
{
    /// <summary>Those up to the unreached fence, and those since, until it is queried again.</summary>
    public const int Most = 3 * StepsAFence;

    private const int StepsAFence = 8;

    private readonly DeviceFence[] fences = [new DeviceFence(device), new DeviceFence(device)];
    private int steps;   // of both fences, alternating

    /// <summary>Adds an enqueued step. Called within a call; waits if the GPU is far behind.</summary>
    public void Add()
    {
        steps = (steps + 1) % (fences.Length * StepsAFence);
        if (steps % StepsAFence != 0) return;
        DeviceFence fence = fences[steps / StepsAFence];
        if (!fence.IsReached()) device.Finish();
        if (fence.IsReached()) fence.Insert();
    }
}
