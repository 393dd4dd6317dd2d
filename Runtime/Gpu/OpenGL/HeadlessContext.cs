using System.Globalization;
using System.Runtime.InteropServices;
using Silk.NET.Core.Contexts;

namespace NeuralPlugin;

/// <summary>
/// An OpenGL core context made through EGL with no window and no display. Displays are never terminated: every context
/// of the process shares them, the host's included.
/// </summary>
internal sealed class HeadlessContext : INativeContext
{
    private const string WhereToGetIt =
        "On Debian and Ubuntu install the packages libegl1 and libgl1-mesa-dri (the software driver), " +
        "or your GPU's own driver; on Fedora mesa-libEGL and mesa-dri-drivers; macOS stops at OpenGL 4.1 and cannot run this.";

    private readonly Egl egl;
    private readonly nint display;
    private nint context;

    private HeadlessContext(Egl egl, nint display, nint context)
    {
        this.egl = egl;
        this.display = display;
        this.context = context;
    }

    public static HeadlessContext Create(HeadlessOptions options)
    {
        Egl egl = Egl.TryLoad(options.EglLibrary) ?? throw new DeviceNotSupportedException(
            $"No EGL library was found (looked for {options.EglLibrary ?? "libEGL.so.1"}); " +
            $"OpenGL 4.3 without a window needs one. {WhereToGetIt}");

        (HeadlessPlatform platform, int? wantedDevice) = Choose(options);
        Egl.CurrentContext current = egl.Current;
        List<string> failures = [];
        nint[] devices = platform == HeadlessPlatform.Surfaceless ? [] : egl.Devices();
        if (platform == HeadlessPlatform.SoftwareInline)
        {
            if (TryCreateInline(egl, devices, options.Debug, failures) is { } inline) return inline;
        }
        else if (platform != HeadlessPlatform.Surfaceless)
        {
            for (int i = 0; i < devices.Length; i++)
            {
                if (wantedDevice is not null ? wantedDevice != i : IsSoftware(egl, devices[i])) continue;
                if (TryCreate(egl, Egl.PlatformDevice, devices[i], $"device {i}", options.Debug, failures) is { } hardware) return hardware;
            }

            if (failures.Count == 0) failures.Add(NoDevice(devices.Length, wantedDevice));
        }

        if (platform is HeadlessPlatform.Automatic or HeadlessPlatform.Surfaceless && TryCreateSurfaceless(egl, options, failures) is { } surfaceless)
            return surfaceless;

        egl.Restore(current);
        throw new DeviceNotSupportedException(
            $"No driver gave an OpenGL 4.3 core context without a window. Tried: {string.Join("; ", failures)}. {WhereToGetIt}");
    }

    public void MakeCurrent()
    {
        if (!egl.MakeCurrent(display, context))
        {
            throw new WrongContextException(
                $"The device's context could not be made current on this thread ({egl.LastError()}). " +
                "It is probably current on another thread: release it there first.");
        }
    }

    /// <summary>Makes the context current until the result is disposed; what was current before then is again, unless it was this.</summary>
    public Previous MakeCurrentForNow()
    {
        Previous previous = new(egl, egl.Current, context);
        MakeCurrent();
        return previous;
    }

    public nint GetProcAddress(string proc, int? slot = null)
    {
        return TryGetProcAddress(proc, out nint address, slot) ? address : throw new DeviceNotSupportedException(
            $"The driver has no function {proc}; OpenGL 4.3 is needed.");
    }

    public bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        addr = egl.GetProcAddress(proc);
        return addr != 0;
    }

    public void Dispose()
    {
        if (context == 0) return;
        if (egl.IsCurrent(context)) egl.MakeCurrent(display, 0);
        egl.DestroyContext(display, context);
        context = 0;
    }

    private static (HeadlessPlatform Platform, int? Device) Choose(HeadlessOptions options)
    {
        string? text = Environment.GetEnvironmentVariable(HeadlessOptions.PlatformVariable);
        if (options.Platform != HeadlessPlatform.Automatic || string.IsNullOrEmpty(text)) return (options.Platform, options.HardwareDevice);

        string[] parts = text.ToLowerInvariant().Split(':', 2);
        int device = 0;
        bool numbered = parts.Length == 2;
        bool valid = !numbered || (parts[0] == "hardware" && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out device));
        return (valid, parts[0]) switch
        {
            (true, "automatic") => (HeadlessPlatform.Automatic, options.HardwareDevice),
            (true, "hardware") => (HeadlessPlatform.Hardware, numbered ? device : options.HardwareDevice),
            (true, "surfaceless") => (HeadlessPlatform.Surfaceless, null),
            (true, "software-inline") => (HeadlessPlatform.SoftwareInline, null),
            _ => throw new DeviceNotSupportedException(
                $"The environment variable {HeadlessOptions.PlatformVariable} is '{text}'; " +
                "it can be automatic, hardware, hardware:N (a device number from 0), surfaceless or software-inline."),
        };
    }

    private static string NoDevice(int devices, int? wanted)
    {
        return wanted is null
            ? $"hardware: none of the {devices} devices that EGL enumerates is a hardware device"
            : $"hardware device {wanted}: EGL enumerates {devices} devices, numbered from 0";
    }

    private static bool IsSoftware(Egl egl, nint device) => egl.DeviceExtensions(device).Contains("EGL_MESA_device_software");

    /// <summary>The driver reads how many workers it starts when its display is initialized: a display of its own, that of the enumerated device.</summary>
    private static HeadlessContext? TryCreateInline(Egl egl, nint[] devices, bool debug, List<string> failures)
    {
        int software = Array.FindIndex(devices, device => IsSoftware(egl, device));
        if (software < 0 || OperatingSystem.IsWindows())
        {
            failures.Add("software-inline: EGL enumerates no software device of Mesa, on Linux");
            return null;
        }

        using (NativeEnvironment.Set("LP_NUM_THREADS", "0"))
        {
            return TryCreate(egl, Egl.PlatformDevice, devices[software], "software-inline", debug, failures);
        }
    }

    private static HeadlessContext? TryCreateSurfaceless(Egl egl, HeadlessOptions options, List<string> failures)
    {
        using DriverWorkers.Scope held = options.HoldWorkers ? DriverWorkers.HoldThoseStarted() : default;
        return TryCreate(egl, Egl.PlatformSurfaceless, 0, "surfaceless", options.Debug, failures);
    }

    private static HeadlessContext? TryCreate(Egl egl, int platform, nint nativeDisplay, string name, bool debug, List<string> failures)
    {
        nint display = egl.Display(platform, nativeDisplay);
        if (display == 0 || !egl.Initialize(display))
        {
            failures.Add($"{name}: no display ({egl.LastError()})");
            return null;
        }

        nint config = egl.ChooseConfig(display);
        string extensions = egl.DisplayExtensions(display);
        bool robust = extensions.Contains("EGL_EXT_create_context_robustness");
        ReadOnlySpan<(int Minor, bool Robust)> attempts = [(5, true), (5, false), (3, true), (3, false)];
        foreach ((int minor, bool wantsRobust) in attempts)
        {
            if (wantsRobust && !robust) continue;
            nint context = egl.CreateContext(display, config, Attributes(minor, wantsRobust, debug));
            if (context == 0) continue;
            if (egl.MakeCurrent(display, context)) return new HeadlessContext(egl, display, context);
            egl.DestroyContext(display, context);
        }

        string error = egl.LastError();
        failures.Add($"{name}: no OpenGL 4.5 or 4.3 core context ({error}); found {VersionOfAnyContext(egl, display, config)}");
        return null;
    }

    /// <summary>What the driver offers when no version is asked for.</summary>
    private static unsafe string VersionOfAnyContext(Egl egl, nint display, nint config)
    {
        const int Version = 0x1F02;
        nint context = egl.CreateContext(display, config, [Egl.None]);
        if (context == 0) return "no OpenGL at all";
        nint getString = egl.GetProcAddress("glGetString");
        bool current = egl.MakeCurrent(display, context) && getString != 0;
        string? version = current ? Marshal.PtrToStringUTF8(((delegate* unmanaged[Cdecl]<int, nint>)getString)(Version)) : null;
        egl.MakeCurrent(display, 0);
        egl.DestroyContext(display, context);
        return version is null ? "an OpenGL that does not start" : $"OpenGL {version}";
    }

    private static int[] Attributes(int minor, bool robust, bool debug)
    {
        List<int> attributes =
        [
            Egl.ContextMajorVersion, 4, Egl.ContextMinorVersion, minor,
            Egl.ContextProfileMask, Egl.ContextCoreProfileBit,
        ];
        if (robust) attributes.AddRange([Egl.ContextRobustAccess, 1, Egl.ContextResetStrategy, Egl.LoseContextOnReset]);
        if (debug) attributes.AddRange([Egl.ContextDebug, 1]);
        attributes.Add(Egl.None);
        return [.. attributes];
    }

    /// <summary>Gives back on Dispose what was current before.</summary>
    public readonly ref struct Previous(Egl egl, Egl.CurrentContext current, nint own)
    {
        public void Dispose()
        {
            if (current.Context != own) egl.Restore(current);
        }
    }
}
