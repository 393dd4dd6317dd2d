namespace NeuralPlugin;

/// <summary>Checks that a device's kernels compute correctly: drivers have bugs, and this finds them before a network fails to learn.</summary>
public static class DeviceVerification
{
    /// <summary>
    /// Runs small steps and predictions of each kernel family that the device supports, and compares each kernel's output with double precision, computed from the same inputs on the processor. Waits for the GPU and
    /// allocates; takes some tens of milliseconds, plus the driver's time to compile the kernels, on a graphics card about a hundred, which the kernel cache keeps. Networks, trainers and the choice of a family are unaffected.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Checked are: steps and predictions, plain and fused, of uploaded and drawn batches, of floats and of bytes, with a log; several steps in one dispatch; populations; all of them in every configuration that a
    /// <see cref="KernelTuning"/> may choose; the guards against losses that are not numbers and against updates that are not finite; all activations and optimizers, and the losses of labels and of values; the
    /// order in which samples are drawn, the rescaling of outputs, and the joining of observations with textures.
    /// </para>
    /// <para>
    /// Not checked: the losses of agents' policies, by which brains learn from reward; the learning rate that follows the divergence, in brains of their own and shared ones; and the scaling of a game's textures. The
    /// package's own tests compare these with double precision, on the drivers that they run on.
    /// </para>
    /// </remarks>
    /// <param name="device">The device.</param>
    /// <returns>All kernels, in the order they ran, each with the largest error of its output.</returns>
    /// <exception cref="KernelVerificationException">A kernel is wrong on this device. The exception names it, gives its error, and has the complete list.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the kernels. Nothing is known about them.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public static IReadOnlyList<KernelCheck> Verify(this NeuralDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        using NeuralDevice.Scope scope = device.Enter();
        using SkipProbe probe = new(device, KernelFamily.All.First(family => family.RunsOn(device.Limits)).For(device.Limits));
        List<KernelCheck> checks = [.. new SharedKernelVerification(device).Run()];
        foreach (KernelFamily family in KernelFamily.All.Where(family => family.RunsOn(device.Limits)))
        {
            checks.AddRange(new StepVerification(device, family).Run());
            checks.AddRange(new PopulationVerification(device, family).Run());
        }

        if (!checks[^1].IsRight && !probe.Ask()) throw DispatchesSkippedException.OfCall();   // if the last one is right, it has run, and all before it
        return checks.All(check => check.IsRight) ? checks : throw new KernelVerificationException(device.Renderer, checks);
    }
}

/// <summary>A device's kernels compute incorrectly. The message names the first one and its error.</summary>
public sealed class KernelVerificationException : Exception
{
    /// <summary>Makes the exception for a device and its checks; at least one check failed.</summary>
    /// <param name="renderer">The device's name.</param>
    /// <param name="checks">All checks.</param>
    public KernelVerificationException(string renderer, IReadOnlyList<KernelCheck> checks) : base(MessageOf(renderer, checks)) => Checks = checks;

    /// <summary>All kernels that ran, right and wrong.</summary>
    public IReadOnlyList<KernelCheck> Checks { get; }

    private static string MessageOf(string renderer, IReadOnlyList<KernelCheck> checks)
    {
        KernelCheck[] wrong = [.. checks.Where(check => !check.IsRight)];
        return FormattableString.Invariant(
            $"{wrong.Length} of {checks.Count} kernels compute wrong results on {renderer}. The first is {wrong[0].Kernel} ") +
            FormattableString.Invariant($"({wrong[0].Family}: {wrong[0].Case}): its error must be at most {KernelCheck.AllowedError:G2}, but is {wrong[0].Error:G2}. ") +
            "Update the driver, or train on the processor (NeuralDevice.CreateOnProcessor).";
    }
}
