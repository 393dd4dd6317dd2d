namespace NeuralPlugin;

/// <summary>Checks that a device's kernels compute correctly: drivers have bugs, and this finds them before a network fails to learn.</summary>
public static class DeviceVerification
{
    /// <summary>
    /// Runs a small step of each kernel family that the device supports, plain and fused, a population's step, and predictions, and compares each kernel's
    /// output with double precision, computed from the same inputs on the processor. Waits for the GPU and allocates; takes some
    /// milliseconds, plus the driver's time to compile some twenty kernels. Networks, trainers and the choice of a family are unaffected.
    /// </summary>
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
        List<KernelCheck> checks = [];
        foreach (KernelFamily family in KernelFamily.All.Where(family => family.RunsOn(device.Limits)))
        {
            FamilyKernels kernels = family.For(device.Limits);
            checks.AddRange(new StepVerification(device, kernels).Run());
            checks.AddRange(PopulationVerification.Run(device, kernels));
        }

        if (!checks[^1].IsRight && !probe.Ask()) throw DispatchesSkippedException.OfCall();   // if the last one is right, it has run, and all before it
        return checks.All(check => check.IsRight) ? checks : throw new KernelVerificationException(device.Renderer, checks);
    }
}

/// <summary>One kernel's output, compared with double precision.</summary>
/// <param name="Family">The name of its kernel family.</param>
/// <param name="Kernel">Its file in Shaders/; on a device without shaders, its counterpart of the same name.</param>
/// <param name="Case">The step or prediction that it belonged to.</param>
/// <param name="Error">
/// The largest difference of a written number, relative to the greatest number if that is above 1; infinity if it wrote a non-finite one.
/// </param>
public sealed record KernelCheck(string Family, string Kernel, string Case, double Error)
{
    /// <summary>The largest error attributable to single precision.</summary>
    public const double AllowedError = 2e-5;

    /// <summary>Whether single precision explains the error.</summary>
    public bool IsRight => Error <= AllowedError;
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
            $"{wrong.Length} of {checks.Count} kernels compute wrong results on {renderer}. The first is {wrong[0].Kernel} of the family ") +
            FormattableString.Invariant($"{wrong[0].Family} ({wrong[0].Case}): its error must be at most {KernelCheck.AllowedError:G2}, but is {wrong[0].Error:G2}. ") +
            "Update the driver, or train on the processor (NeuralDevice.CreateOnProcessor).";
    }
}
