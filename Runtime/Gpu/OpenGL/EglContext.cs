using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>
/// An OpenGL core context created through EGL without a window or a display server. Displays are never terminated: all contexts
/// of the process share them, including the host's.
/// </summary>
internal sealed class EglContext : HeadlessContext
{
    private readonly Egl egl;
    private readonly nint display;
    private nint context;

    private EglContext(Egl egl, nint display, nint context)
    {
        this.egl = egl;
        this.display = display;
        this.context = context;
    }

    /// <summary>Creates a context and makes it current on this thread; null if none is available, with the failed attempts.</summary>
    public static EglContext? TryCreate(HeadlessOptions options, HeadlessPlatform platform, int? wantedDevice, List<string> failures)
    {
        if (Egl.TryLoad(options.EglLibrary) is not { } egl)
        {
            failures.Add($"EGL: no library ({Egl.NamesOf(options.EglLibrary)})");
            return null;
        }

        Egl.CurrentContext current = egl.Current;
        int failuresBefore = failures.Count;
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

            if (failures.Count == failuresBefore) failures.Add(NoDevice(devices.Length, wantedDevice));
        }

        if (platform is HeadlessPlatform.Automatic or HeadlessPlatform.Surfaceless && TryCreateSurfaceless(egl, options, failures) is { } surfaceless)
            return surfaceless;

        egl.Restore(current);
        return null;
    }

    public override void MakeCurrent()
    {
        if (!egl.MakeCurrent(display, context)) throw NotMadeCurrent(egl.LastError());
    }

    public override IDisposable MakeCurrentForNow()
    {
        Previous previous = new(egl, egl.Current, context);
        MakeCurrent();
        return previous;
    }

    public override bool TryGetProcAddress(string proc, out nint addr, int? slot = null)
    {
        addr = egl.GetProcAddress(proc);
        return addr != 0;
    }

    public override void Dispose()
    {
        if (context == 0) return;
        if (egl.IsCurrent(context)) egl.MakeCurrent(display, 0);
        egl.DestroyContext(display, context);
        context = 0;
    }

    private static string NoDevice(int devices, int? wanted)
    {
        return wanted is null
            ? $"hardware: none of the {devices} devices that EGL enumerates is a hardware device"
            : $"hardware device {wanted}: EGL enumerates {devices} devices, numbered from 0";
    }

    private static bool IsSoftware(Egl egl, nint device) => egl.DeviceExtensions(device).Contains("EGL_MESA_device_software");

    /// <summary>The driver reads its number of workers when its display is initialized, so this uses a separate display: that of the enumerated device.</summary>
    private static EglContext? TryCreateInline(Egl egl, nint[] devices, bool debug, List<string> failures)
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

    private static EglContext? TryCreateSurfaceless(Egl egl, HeadlessOptions options, List<string> failures)
    {
        using DriverWorkers.Scope held = options.HoldWorkers ? DriverWorkers.HoldThoseStarted() : default;
        return TryCreate(egl, Egl.PlatformSurfaceless, 0, "surfaceless", options.Debug, failures);
    }

    private static EglContext? TryCreate(Egl egl, int platform, nint nativeDisplay, string name, bool debug, List<string> failures)
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
            if (egl.MakeCurrent(display, context)) return new EglContext(egl, display, context);
            egl.DestroyContext(display, context);
        }

        string error = egl.LastError();
        failures.Add($"{name}: no OpenGL 4.5 or 4.3 core context ({error}); found {VersionOfAnyContext(egl, display, config)}");
        return null;
    }

    /// <summary>The driver's version if none is requested.</summary>
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

    /// <summary>Restores on Dispose what was current before.</summary>
    private sealed class Previous(Egl egl, Egl.CurrentContext current, nint own) : IDisposable
    {
        public void Dispose()
        {
            if (current.Context != own) egl.Restore(current);
        }
    }
}
