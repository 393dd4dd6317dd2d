using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>Checks that a device's kernels compute correctly: drivers have bugs, and this finds them before a network fails to learn.</summary>
public static class DeviceVerification
{
    /// <summary>How long a driver that compiles inside the calls may do so before the first check.</summary>
    private static readonly TimeSpan MostTimeInCalls = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Runs small steps and predictions of each kernel family that the device supports, and compares each kernel's output with double precision, computed from the same inputs on the processor. Waits for the GPU and
    /// allocates. Nearly all of its time is the driver's, to compile the kernels, on a graphics card more than two hundred; those that the kernel cache has are not compiled again. Mesa's software driver took about 50 s of processor time
    /// to compile all, and 2 s with the cache; a quick one, with the cache, 0.7 s, most of it .NET's to compile the code of the checks, and 0.1 s when it was called again. A graphics card's driver has not been measured. A driver that compiles in the background receives all kernels of networks at once. Networks, trainers and, unless
    /// quick, the choice of a family are unaffected.
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
    /// <para>
    /// A kernel that the driver rejects is wrong by infinity, with the driver's words (<see cref="KernelCheck.Rejection"/>), and those after it are checked. One that only a tuning chooses, which leaves out what the driver
    /// rejects, is in the list and no fault (<see cref="KernelCheck.IsUsed"/>).
    /// </para>
    /// </remarks>
    /// <param name="device">The device.</param>
    /// <param name="extent">How much to check.</param>
    /// <param name="onCheck">Called with each check as soon as it is made, in the middle of the call; null if the list at the end is enough.</param>
    /// <returns>All kernels, in the order they ran, each with the largest error of its output.</returns>
    /// <exception cref="KernelVerificationException">A kernel is wrong on this device, or rejected. The exception names it, gives its error, and has the complete list.</exception>
    /// <exception cref="ArgumentException">The extent is none of the two; or it is quick, no network has asked for the family yet, and <see cref="KernelFamily.EnvironmentVariable"/> names none.</exception>
    /// <exception cref="DeviceNotSupportedException">It is quick, no network has asked for the family yet, and the driver rejects kernels of all families. A complete one then says which.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped the kernels. Nothing is known about them.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">The device was disposed.</exception>
    public static IReadOnlyList<KernelCheck> Verify(this NeuralDevice device, VerificationExtent extent = VerificationExtent.Complete, Action<KernelCheck>? onCheck = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        KernelFamily[] families = extent switch
        {
            VerificationExtent.Complete => [.. KernelFamily.All.Where(family => family.RunsOn(device.Limits))],
            VerificationExtent.Quick => [KernelFamily.Of(device)],
            _ => throw new ArgumentOutOfRangeException(nameof(extent), extent, "The extent must be Complete or Quick."),
        };
        return Verify(device, families, extent, onCheck, MostTimeInCalls);
    }

    /// <summary>The same with the kernels of these families, which run on the device, of which a driver that compiles inside the calls receives as many before the first check as it compiles in this time.</summary>
    internal static IReadOnlyList<KernelCheck> Verify(
        NeuralDevice device, IReadOnlyList<KernelFamily> families, VerificationExtent extent, Action<KernelCheck>? onCheck, TimeSpan mostTimeInCalls = default)
    {
        using NeuralDevice.Scope scope = device.Enter();
        using SkipProbe probe = new(device, families[0].For(device.Limits));
        List<KernelCheck> checks = [];
        foreach (KernelCheck check in ChecksOf(device, families, extent, mostTimeInCalls))
        {
            checks.Add(check);
            onCheck?.Invoke(check);
        }

        if (!HaveRun(checks, probe)) throw DispatchesSkippedException.OfCall();
        return checks.Exists(check => check.IsFault) ? throw new KernelVerificationException(device.Renderer, checks) : checks;
    }

    /// <summary>
    /// A driver that compiles beside the calls receives the kernels of networks in the order in which they run, so that the first ones are checked while it compiles the others. One that compiles inside the calls, whatever it
    /// claims, gets few of them, so that the first checks do not wait for the last kernels.
    /// </summary>
    private static IEnumerable<KernelCheck> ChecksOf(NeuralDevice device, IReadOnlyList<KernelFamily> families, VerificationExtent extent, TimeSpan mostTimeInCalls)
    {
        bool isQuick = extent == VerificationExtent.Quick;
        if (!isQuick)
        {
            foreach (KernelCheck check in new SharedKernelVerification(device).Run()) yield return check;
        }

        (StepVerification Steps, PopulationVerification Populations)[] all =
            [.. families.Select(family => (new StepVerification(device, family, isQuick), new PopulationVerification(device, family, isQuick)))];
        long start = Stopwatch.GetTimestamp();
        foreach (Dispatch planned in all.SelectMany(ofFamily => ofFamily.Steps.Planned.Concat(ofFamily.Populations.Planned)))
        {
            bool isBeside = device.Backend.StartCompiling(planned);
            if (!isBeside && Stopwatch.GetElapsedTime(start) > mostTimeInCalls) break;   // a kernel from the cache is ready when its call ends, too
        }

        foreach (KernelCheck check in all.SelectMany(ofFamily => ofFamily.Steps.Run().Concat(ofFamily.Populations.Run()))) yield return check;
    }

    /// <summary>
    /// Whether the driver has not skipped the kernels: if the last one that it accepted is right, it has run, and all before it. If it rejects the kernel of the probe, nothing tells, and what was found stands.
    /// </summary>
    private static bool HaveRun(List<KernelCheck> checks, SkipProbe probe)
    {
        if (checks.FindLast(check => check.Rejection is null) is { IsRight: true }) return true;
        try
        {
            return probe.Ask();
        }
        catch (DeviceNotSupportedException)
        {
            return true;
        }
    }
}

/// <summary>A device's kernels compute incorrectly, or the driver rejects them. The message names the first one and its error, or what the driver said.</summary>
public sealed class KernelVerificationException : Exception
{
    /// <summary>Makes the exception for a device and its checks.</summary>
    /// <param name="renderer">The device's name.</param>
    /// <param name="checks">All checks, at least one of them of a kernel that is used and not right.</param>
    public KernelVerificationException(string renderer, IReadOnlyList<KernelCheck> checks) : base(MessageOf(renderer, checks)) => Checks = checks;

    /// <summary>All kernels that were checked, right, wrong and rejected.</summary>
    public IReadOnlyList<KernelCheck> Checks { get; }

    private static string MessageOf(string renderer, IReadOnlyList<KernelCheck> checks)
    {
        KernelCheck[] faults = [.. checks.Where(check => check.IsFault)];
        KernelCheck first = faults[0];
        int rejected = faults.Count(check => check.Rejection is not null);
        string what = rejected == 0 ? "compute wrong results" : rejected < faults.Length ? $"compute wrong results or, {rejected} of them, are rejected by the driver" : "are rejected by the driver";
        return FormattableString.Invariant($"{faults.Length} of {checks.Count} kernels {what} on {renderer}. The first is {first.Kernel} ({first.Family}: {first.Case}): ") +
            (first.Rejection?.TrimEnd() ?? FormattableString.Invariant($"its error must be at most {KernelCheck.AllowedError:G2}, but is {first.Error:G2}.")) +
            " Update the driver, or train on the processor (NeuralDevice.CreateOnProcessor).";
    }
}
