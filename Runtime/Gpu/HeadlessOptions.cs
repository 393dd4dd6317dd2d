using Silk.NET.Core.Contexts;

namespace NeuralPlugin;

/// <summary>Which driver <see cref="NeuralDevice.CreateHeadless"/> asks for.</summary>
public enum HeadlessPlatform
{
    /// <summary>A hardware device first, else the software driver. On Windows the driver of the main graphics card, through WGL; the other values are of EGL, where it is installed.</summary>
    Automatic,

    /// <summary>A hardware device that EGL enumerates (<c>EGL_EXT_device_enumeration</c>), nothing else.</summary>
    Hardware,

    /// <summary>Mesa's surfaceless platform: its default driver, which is software where there is no GPU.</summary>
    Surfaceless,

    /// <summary>
    /// Mesa's software driver (llvmpipe), started so that a dispatch runs inside its call, on the calling thread: no worker is woken
    /// for it, which takes 15 to 60 µs, and only one core works. For programs without a GPU whose networks are so small that a dispatch takes
    /// less than that, or whose frames must be even, since workers wake late now and then. Linux only; where the process has started that
    /// driver before, on the device that EGL enumerates, it stays as it is.
    /// </summary>
    SoftwareInline,
}

/// <summary>How <see cref="NeuralDevice.CreateHeadless"/> makes its context. Every property has a usable default.</summary>
public sealed record HeadlessOptions
{
    /// <summary>
    /// The environment variable that chooses the platform where <see cref="Platform"/> is left at
    /// <see cref="HeadlessPlatform.Automatic"/>: <c>hardware</c>, <c>hardware:N</c> (the N-th enumerated device),
    /// <c>surfaceless</c>, <c>software-inline</c> or <c>automatic</c>.
    /// </summary>
    public const string PlatformVariable = "NEURALPLUGIN_PLATFORM";

    /// <summary>Which driver to ask for. The environment variable is read only when this is Automatic.</summary>
    public HeadlessPlatform Platform { get; init; } = HeadlessPlatform.Automatic;

    /// <summary>The number of the enumerated hardware device, from 0; null takes the first that works.</summary>
    public int? HardwareDevice { get; init; }

    /// <summary>
    /// Holds each worker of a software driver (Mesa's llvmpipe) to a processor of its own, on Linux and where there are as many workers as
    /// processors. Else two of them often share one, and a dispatch takes twice as long. False leaves them where the system puts them: for
    /// processes that share their processors with others at all times. It matters to the first such device of a process, which starts the workers.
    /// </summary>
    public bool HoldWorkers { get; init; } = true;

    /// <summary>Asks for a debug context, whose messages go to <see cref="DebugMessage"/>.</summary>
    public bool Debug { get; init; }

    /// <summary>Receives the driver's debug messages, on the thread of the call that caused them.</summary>
    public Action<string>? DebugMessage { get; init; }

    /// <summary>Another limit than the driver's own of what a dispatch may bind (<see cref="DeviceLimits.MostBindings"/>), for tests.</summary>
    internal int? MostBindings { get; init; }

    /// <summary>Whether kernels store two numbers of 64 bits a texel instead of four of 32; null where the driver decides. The bits are the same.</summary>
    internal bool? StoresWideTexels { get; init; }

    /// <summary>What stands between the device and the driver's functions, for tests; null for nothing.</summary>
    internal Func<INativeContext, INativeContext>? Functions { get; init; }

    /// <summary>The EGL library to load; another name tests what is said where there is none.</summary>
    internal string? EglLibrary { get; init; }
}
