using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// The kernels of networks for one kind of device: all those that have sums. All families compute the same on the same layout of matrices
/// and are held to the same tests; they differ in where they are fast and in the order of their sums. So the same bits are
/// promised within a family, and a checkpoint names the one it was made with.
/// </summary>
public abstract class KernelFamily
{
    /// <summary>An environment variable with the name of a family, which is then chosen on every device that can run it.</summary>
    public const string EnvironmentVariable = "NEURALPLUGIN_KERNEL_FAMILY";

    private static readonly ConditionalWeakTable<NeuralDevice, KernelFamily> Chosen = [];

    internal KernelFamily(string name) => Name = name;

    /// <summary>Tiles of the result in each invocation's registers, no shared memory: for software drivers, and right everywhere.</summary>
    public static KernelFamily RegisterTiled { get; } = new RegisterTiledFamily();

    /// <summary>Methods in place of shaders: for a device on the processor, which has no other ones.</summary>
    public static KernelFamily Processor { get; } = new ProcessorFamily();

    /// <summary>All there are.</summary>
    public static IReadOnlyList<KernelFamily> All { get; private set; } = [RegisterTiled, Processor];

    /// <summary>What checkpoints call it: <c>register-tiled</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// The family of a device's networks: the forced one, else the one that <see cref="EnvironmentVariable"/> names, where the device can run
    /// it, else the fastest. Where there are several, the first call on a machine times them for some milliseconds, waiting for the GPU, and
    /// remembers the winner in a file of the user's local application data, by renderer, driver and kernels.
    /// </summary>
    /// <param name="device">The device; every network on it that is made from then on has this family.</param>
    /// <exception cref="ArgumentException">The environment variable names no family.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public static KernelFamily Of(NeuralDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (Chosen.TryGetValue(device, out KernelFamily? family)) return family;
        KernelFamily? named = Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } name ? Named(name) : null;
        family = named?.RunsOn(device.Limits) ?? false
            ? named : KernelFamilyProbe.Choose(device, [.. All.Where(candidate => candidate.RunsOn(device.Limits))], KernelFamilyProbe.DefaultCacheFile);
        Chosen.AddOrUpdate(device, family);
        return family;
    }

    /// <summary>Decides for a device; networks that are there already keep theirs.</summary>
    /// <exception cref="ArgumentException">The device cannot run the family: its kernels are shaders, and the device is the processor, or the other way round.</exception>
    public static void Force(NeuralDevice device, KernelFamily family)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(family);
        if (!family.RunsOn(device.Limits))
            throw new ArgumentException($"The kernel family {family.Name} does not run on {device.Renderer}. Choose one that does, or none.", nameof(family));
        Chosen.AddOrUpdate(device, family);
    }

    /// <summary>The family of a name.</summary>
    /// <exception cref="ArgumentException">There is none of this name; the message says which there are.</exception>
    public static KernelFamily Named(string name)
    {
        return All.FirstOrDefault(family => family.Name == name) ?? throw new ArgumentException(
            $"There is no kernel family '{name}'. These are there: {string.Join(", ", All.Select(family => family.Name))}.", nameof(name));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether a device of these limits can run its kernels.</summary>
    internal virtual bool RunsOn(DeviceLimits limits) => !limits.RunsMethods;

    /// <summary>
    /// Makes a family of another assembly, whose shaders <see cref="ShaderLibrary.AddAssembly"/> finds, one of <see cref="All"/>: names find it and
    /// probes try it. Before there is a device.
    /// </summary>
    /// <exception cref="ArgumentException">There is one of its name already.</exception>
    internal static void Add(KernelFamily family)
    {
        if (All.Any(other => other.Name == family.Name)) throw new ArgumentException($"There is a kernel family '{family.Name}' already.", nameof(family));
        All = [.. All, family];
    }

    /// <summary>Its kernels on a device of these limits.</summary>
    internal abstract FamilyKernels For(DeviceLimits limits);
}
