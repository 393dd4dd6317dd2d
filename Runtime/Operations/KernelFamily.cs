using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// The kernels of networks for one kind of device: all kernels that compute sums. All families compute the same on the same layout of matrices
/// and must pass the same tests; they differ in where they are fast and in the order of their sums. The same bits are therefore
/// promised only within a family, and a checkpoint names the family that made it.
/// </summary>
public abstract class KernelFamily
{
    /// <summary>An environment variable naming the family to choose on every device that can run it.</summary>
    public const string EnvironmentVariable = "NEURALPLUGIN_KERNEL_FAMILY";

    private static readonly ConditionalWeakTable<NeuralDevice, KernelFamily> Chosen = [];

    internal KernelFamily(string name) => Name = name;

    /// <summary>Each invocation keeps tiles of the result in registers, without shared memory: for software drivers, and correct everywhere.</summary>
    public static KernelFamily RegisterTiled { get; } = new RegisterTiledFamily();

    /// <summary>
    /// Workgroups stage tiles of products in shared memory: for graphics cards. Correct everywhere, but slow on software drivers, so it is not chosen there unless it
    /// is forced or named.
    /// </summary>
    public static KernelFamily WorkgroupTiled { get; } = new WorkgroupTiledFamily();

    /// <summary>Methods in place of shaders: for a device on the processor, which can run no other family.</summary>
    public static KernelFamily Processor { get; } = new ProcessorFamily();

    /// <summary>All families.</summary>
    public static IReadOnlyList<KernelFamily> All { get; private set; } = [RegisterTiled, WorkgroupTiled, Processor];

    /// <summary>Its name in checkpoints: <c>register-tiled</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// The family of a device's networks: the forced one, else the one that <see cref="EnvironmentVariable"/> names, if the device can run
    /// it, else the fastest. If there are several, the first call on a machine times them and
    /// stores the winner in a file in the user's local application data, by renderer, driver and kernels. This waits: some milliseconds for the GPU, and for the driver to compile
    /// seven kernels, which may take seconds. So make it, or the first network, behind a loading screen. A family of which the driver rejects one of these kernels is not chosen.
    /// </summary>
    /// <param name="device">The device; every network created on it from then on has this family.</param>
    /// <exception cref="ArgumentException">The environment variable names no family.</exception>
    /// <exception cref="DeviceNotSupportedException">The driver rejects kernels of all families.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public static KernelFamily Of(NeuralDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (Chosen.TryGetValue(device, out KernelFamily? family)) return family;
        KernelFamily? named = Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } name ? Named(name) : null;
        family = named?.RunsOn(device.Limits) ?? false
            ? named : KernelFamilyProbe.Choose(device, [.. All.Where(candidate => candidate.IsCandidateOn(device.Limits))], KernelFamilyProbe.DefaultCacheFile);
        Chosen.AddOrUpdate(device, family);
        return family;
    }

    /// <summary>Forces a family on a device; existing networks keep theirs.</summary>
    /// <exception cref="ArgumentException">The device cannot run the family: its kernels are shaders and the device is the processor, or vice versa.</exception>
    public static void Force(NeuralDevice device, KernelFamily family)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(family);
        if (!family.RunsOn(device.Limits))
            throw new ArgumentException($"The kernel family {family.Name} does not run on {device.Renderer}. Choose one that does, or none.", nameof(family));
        Chosen.AddOrUpdate(device, family);
    }

    /// <summary>The family with a name.</summary>
    /// <exception cref="ArgumentException">No family has this name; the message lists the families.</exception>
    public static KernelFamily Named(string name)
    {
        return All.FirstOrDefault(family => family.Name == name) ?? throw new ArgumentException(
            $"There is no kernel family '{name}'. The families are: {string.Join(", ", All.Select(family => family.Name))}.", nameof(name));
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether a device with these limits can run its kernels.</summary>
    internal virtual bool RunsOn(DeviceLimits limits) => !limits.RunsMethods;

    /// <summary>Whether it may be the fastest on a device with these limits, so that it is worth timing there.</summary>
    internal virtual bool IsCandidateOn(DeviceLimits limits) => RunsOn(limits);

    /// <summary>
    /// Adds another assembly's family, whose shaders <see cref="ShaderLibrary.AddAssembly"/> finds, to <see cref="All"/>, so that it can be
    /// named and probed. Call it before a device exists.
    /// </summary>
    /// <exception cref="ArgumentException">A family with its name exists already.</exception>
    internal static void Add(KernelFamily family)
    {
        if (All.Any(other => other.Name == family.Name)) throw new ArgumentException($"There is a kernel family '{family.Name}' already.", nameof(family));
        All = [.. All, family];
    }

    /// <summary>The kernels of a device's networks: those of its family, in the configurations of its tuning.</summary>
    internal static FamilyKernels KernelsOf(NeuralDevice device) => Of(device).For(device.Limits).With(KernelTuning.Of(device));

    /// <summary>Its kernels on a device with these limits.</summary>
    internal abstract FamilyKernels For(DeviceLimits limits);
}
