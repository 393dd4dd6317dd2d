namespace NeuralPlugin;

/// <summary>One kernel's output, compared with double precision.</summary>
/// <param name="Family">The name of its kernel family, or <c>shared</c> for a kernel that belongs to none.</param>
/// <param name="Kernel">Its file in Shaders/; on a device without shaders, its counterpart of the same name.</param>
/// <param name="Case">The step or prediction that it belonged to.</param>
/// <param name="Error">
/// The largest difference of a written number, relative to the greatest number if that is above 1; infinity if one is finite that should not be, or the other way round, and if the driver rejected the kernel.
/// </param>
public sealed record KernelCheck(string Family, string Kernel, string Case, double Error)
{
    /// <summary>The largest error attributable to single precision.</summary>
    public const double AllowedError = 2e-5;

    /// <summary>Whether single precision explains the error.</summary>
    public bool IsRight => Error <= AllowedError;

    /// <summary>What the driver said when it rejected the kernel, which has then not run; null for one that it accepted.</summary>
    public string? Rejection { get; init; }

    /// <summary>
    /// False for a kernel that the driver rejected and that networks do not need: one of a configuration that only a tuning chooses (<see cref="KernelTuning"/>), which leaves out what the driver rejects. It is no fault of the device.
    /// </summary>
    public bool IsUsed { get; init; } = true;

    /// <summary>Whether networks would compute wrong results by it, or none.</summary>
    internal bool IsFault => IsUsed && !IsRight;
}
