namespace NeuralPlugin.Benchmarks;

/// <summary>Lets a card choose the configurations of kernels before they are timed, as a game does behind its loading screen.</summary>
internal static class TunedKernels
{
    /// <summary>Does nothing where nothing is open, as on a software driver.</summary>
    public static void Choose(NeuralDevice device, KernelSet kernels)
    {
        if (kernels.Tuner is null) return;
        WarmUpProgress progress = device.WarmUp(kernels);
        while (!progress.IsDone)
        {
            device.Update();
            device.Finish();
        }
    }
}
