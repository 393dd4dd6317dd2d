using Silk.NET.Core.Contexts;

namespace NeuralPlugin;

/// <summary>The driver that <see cref="NeuralDevice.CreateHeadless"/> requests.</summary>
public enum HeadlessPlatform
{
    /// <summary>A hardware device first, otherwise the software driver. On Windows the driver of the main graphics card, through WGL; the other values need EGL.</summary>
    Automatic,

    /// <summary>A hardware device that EGL enumerates (<c>EGL_EXT_device_enumeration</c>), nothing else.</summary>
    Hardware,

    /// <summary>Mesa's surfaceless platform: its default driver, which is software if there is no GPU.</summary>
    Surfaceless,

    /// <summary>
    /// Mesa's software driver (llvmpipe), started so that a dispatch runs inside its call, on the calling thread. No worker is woken
    /// for it, which takes 15 to 60 µs, and only one core works. For programs without a GPU whose networks are so small that a dispatch takes
    /// less than that, or whose frame times must be even, since workers sometimes wake late. Linux only; if the process has already started that
    /// driver, on the device that EGL enumerates, it stays as it is.
    /// </summary>
    SoftwareInline,
}

/// <summary>The context options of <see cref="NeuralDevice.CreateHeadless"/>. Every property has a usable default.</summary>
public sealed record HeadlessOptions
{
    /// <summary>
    /// The environment variable that chooses the platform if <see cref="Platform"/> is left at
    /// <see cref="HeadlessPlatform.Automatic"/>: <c>hardware</c>, <c>hardware:N</c> (the N-th enumerated device),
    /// <c>surfaceless</c>, <c>software-inline</c> or <c>automatic</c>.
    /// </summary>
    public const string PlatformVariable = "NEURALPLUGIN_PLATFORM";

    /// <summary>The driver to request. The environment variable is read only if this is Automatic.</summary>
    public HeadlessPlatform Platform { get; init; } = HeadlessPlatform.Automatic;

    /// <summary>The number of the enumerated hardware device, from 0; null takes the first that works.</summary>
    public int? HardwareDevice { get; init; }

    /// <summary>
    /// Pins each worker of a software driver (Mesa's llvmpipe) to its own processor, on Linux, if there are as many workers as
    /// processors. Otherwise two of them often share one, and a dispatch takes twice as long. False leaves placement to the system: for
    /// processes that always share their processors with others. It matters to the first such device of a process, which starts the workers.
    /// </summary>
    public bool HoldWorkers { get; init; } = true;

    /// <summary>Requests a debug context, whose messages go to <see cref="DebugMessage"/>.</summary>
    public bool Debug { get; init; }

    /// <summary>Receives the driver's debug messages, on the thread of the triggering call.</summary>
    public Action<string>? DebugMessage { get; init; }

    /// <summary>Overrides the driver's limit on the bindings of a dispatch (<see cref="DeviceLimits.MostBindings"/>), for tests.</summary>
    internal int? MostBindings { get; init; }

    /// <summary>Overrides the driver's shared memory (<see cref="DeviceLimits.SharedMemoryBytes"/>), for tests.</summary>
    internal int? SharedMemoryBytes { get; init; }

    /// <summary>Whether kernels store two 64-bit numbers per texel instead of four 32-bit ones; null for the driver's choice. The bits are the same.</summary>
    internal bool? StoresWideTexels { get; init; }

    /// <summary>Wraps the driver's functions, for tests; null for none.</summary>
    internal Func<INativeContext, INativeContext>? Functions { get; init; }

    /// <summary>The EGL library to load; tests set another name to check the error when it is missing.</summary>
    internal string? EglLibrary { get; init; }
}
