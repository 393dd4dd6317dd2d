namespace NeuralPlugin.Tests;

/// <summary>
/// What dispatches take on a GPU: a launch, and then as many waves of workgroups as do not fit into the chip at once, each of which takes as
/// long whether it is full or not, at a clock that changes. The arithmetic is not its affair.
/// </summary>
internal sealed class GpuModel
{
    /// <summary>The clock of a card at work, and that of one that has little to do.</summary>
    public const int FullMegahertz = 1_980, IdleMegahertz = 345;

    private readonly Dictionary<uint, int> kernels = [];

    public int Megahertz { get; set; } = FullMegahertz;

    /// <summary>What a dispatch takes to begin, whatever the clock.</summary>
    public long LaunchNanoseconds { get; init; } = 2_000;

    /// <summary>Invocations that run at once.</summary>
    public long Lanes { get; init; } = 1_000;

    /// <summary>What a wave takes at the full clock, of the kernel that is the quickest; one in three takes twice as long, and one three times.</summary>
    public long NanosecondsPerWave { get; init; } = 1_000;

    public long NanosecondsOf(uint kernel, long groups, long groupSize)
    {
        if (!kernels.TryGetValue(kernel, out int number)) kernels.Add(kernel, number = kernels.Count);
        long waves = ((groups * groupSize) + Lanes - 1) / Lanes;
        return LaunchNanoseconds + (waves * NanosecondsPerWave * (1 + (number % 3)) * FullMegahertz / Megahertz);
    }
}
