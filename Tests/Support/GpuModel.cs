namespace NeuralPlugin.Tests;

/// <summary>
/// The time of dispatches on a GPU: a launch, and then as many waves of workgroups as do not fit into the chip at once, each of which takes
/// equally long whether full or not, at a clock that changes. It does not model the arithmetic.
/// </summary>
internal sealed class GpuModel
{
    /// <summary>The clock of a busy card, and that of one with little to do.</summary>
    public const int FullMegahertz = 1_980, IdleMegahertz = 345;

    private readonly Dictionary<uint, int> kernels = [];

    public int Megahertz { get; set; } = FullMegahertz;

    /// <summary>The time to begin a dispatch, whatever the clock.</summary>
    public long LaunchNanoseconds { get; init; } = 2_000;

    /// <summary>Invocations that run at once.</summary>
    public long Lanes { get; init; } = 1_000;

    /// <summary>The time of a wave of the fastest kernel at the full clock; one kernel in three takes twice as long, and one three times.</summary>
    public long NanosecondsPerWave { get; init; } = 1_000;

    /// <summary>Whether no kernel takes longer than the fastest.</summary>
    public bool KernelsAreAlike { get; init; }

    /// <param name="kernel">The program.</param>
    /// <param name="groups">Workgroups.</param>
    /// <param name="groupSize">Invocations of each.</param>
    /// <param name="steps">How often the kernel does its work: a dispatch of consecutive steps is launched once.</param>
    public long NanosecondsOf(uint kernel, long groups, long groupSize, int steps)
    {
        if (!kernels.TryGetValue(kernel, out int number)) kernels.Add(kernel, number = kernels.Count);
        long waves = ((groups * groupSize) + Lanes - 1) / Lanes;
        return LaunchNanoseconds + (steps * waves * NanosecondsPerWave * (KernelsAreAlike ? 1 : 1 + (number % 3)) * FullMegahertz / Megahertz);
    }
}
