namespace NeuralPlugin;

/// <summary>Whether the kernels of a device compute what they should: drivers have faults, and this finds them before a network learns nothing.</summary>
public static class DeviceVerification
{
    /// <summary>
    /// Runs a small step of every kernel family that the device can run, plain and fused, a population's, and predictions, and compares what each kernel
    /// writes with the same in double precision, computed from the same inputs on the processor. Waits for the GPU and allocates; takes some
    /// milliseconds, and the time that the driver takes to compile some twenty kernels. Networks, trainers and the choice of a family stay as they are.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <returns>All kernels, in the order in which they ran, each with the largest error of what it wrote.</returns>
    /// <exception cref="KernelVerificationException">A kernel is wrong on this device. It says which, by how much, and has the whole list.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public static IReadOnlyList<KernelCheck> Verify(this NeuralDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        using NeuralDevice.Scope scope = device.Enter();
        List<KernelCheck> checks = [];
        foreach (KernelFamily family in KernelFamily.All.Where(family => family.RunsOn(device.Limits)))
        {
            FamilyKernels kernels = family.For(device.Limits);
            checks.AddRange(new StepVerification(device, kernels).Run());
            checks.AddRange(new PopulationVerification(device, kernels).Run());
        }

        return checks.All(check => check.IsRight) ? checks : throw new KernelVerificationException(device.Renderer, checks);
    }
}

/// <summary>What one kernel of a family has computed, held to the same in double precision.</summary>
/// <param name="Family">The name of its kernel family.</param>
/// <param name="Kernel">Its file in Shaders/; its counterpart of the same name on a device without shaders.</param>
/// <param name="Case">The step or prediction that it was a part of.</param>
/// <param name="Error">
/// The largest difference of a number that it wrote, where the greatest number is above 1 as a part of that; infinity where it wrote what is no number.
/// </param>
public sealed record KernelCheck(string Family, string Kernel, string Case, double Error)
{
    /// <summary>The largest error that single precision explains.</summary>
    public const double AllowedError = 2e-5;

    /// <summary>Whether the error is one that single precision explains.</summary>
    public bool IsRight => Error <= AllowedError;
}

/// <summary>Kernels do not compute on a device what they should. The message says which is the first, and by how much it is wrong.</summary>
public sealed class KernelVerificationException : Exception
{
    /// <summary>Makes the exception for a device with what was found; at least one check is not right.</summary>
    /// <param name="renderer">What the device is called.</param>
    /// <param name="checks">All checks.</param>
    public KernelVerificationException(string renderer, IReadOnlyList<KernelCheck> checks) : base(MessageOf(renderer, checks)) => Checks = checks;

    /// <summary>All kernels that ran, right and wrong.</summary>
    public IReadOnlyList<KernelCheck> Checks { get; }

    private static string MessageOf(string renderer, IReadOnlyList<KernelCheck> checks)
    {
        KernelCheck[] wrong = [.. checks.Where(check => !check.IsRight)];
        return FormattableString.Invariant(
            $"{wrong.Length} of {checks.Count} kernels compute something else on {renderer} than they should. The first is {wrong[0].Kernel} of the family ") +
            FormattableString.Invariant($"{wrong[0].Family} ({wrong[0].Case}): it is off by {wrong[0].Error:G2}, and {KernelCheck.AllowedError:G2} are allowed. ") +
            "Update the driver, or train on the processor (NeuralDevice.CreateOnProcessor).";
    }
}
