using System.Globalization;
using Silk.NET.Core.Contexts;

namespace NeuralPlugin;

/// <summary>An OpenGL core context of the device's own, without a visible window.</summary>
internal abstract class HeadlessContext : INativeContext
{
    private static string WhereToGetIt => OperatingSystem.IsWindows()
        ? "Install the driver of your graphics card from its maker, because the one built into Windows has no OpenGL 4.3; or use the processor (NeuralDevice.CreateOnProcessor)."
        : "On Debian and Ubuntu install the packages libegl1 and libgl1-mesa-dri (the software driver), " +
          "or your GPU's own driver; on Fedora mesa-libEGL and mesa-dri-drivers; macOS supports only OpenGL 4.1 and cannot run this.";

    /// <summary>
    /// Creates a context and makes it current on this thread: on Windows, unless an EGL platform is requested, that of a hidden window
    /// (<see cref="WglContext"/>); otherwise one of EGL.
    /// </summary>
    /// <exception cref="DeviceNotSupportedException">None is available: what was tried, and where to get it.</exception>
    public static HeadlessContext Create(HeadlessOptions options)
    {
        (HeadlessPlatform platform, int? device) = Choose(options);
        List<string> failures = [];
        bool hasWindows = OperatingSystem.IsWindows() && platform == HeadlessPlatform.Automatic && options.EglLibrary is null;
        if (hasWindows && WglContext.TryCreate(options.Debug, failures) is { } hidden) return hidden;
        return (HeadlessContext?)EglContext.TryCreate(options, platform, device, failures) ?? throw new DeviceNotSupportedException(
            $"No driver provides an OpenGL 4.3 core context without a window. Tried: {string.Join("; ", failures)}. {WhereToGetIt}");
    }

    /// <exception cref="WrongContextException">It is current on another thread.</exception>
    public abstract void MakeCurrent();

    /// <summary>Makes the context current until the result is disposed, which restores the previous one, unless it was this one.</summary>
    public abstract IDisposable MakeCurrentForNow();

    public nint GetProcAddress(string proc, int? slot = null)
    {
        return TryGetProcAddress(proc, out nint address, slot) ? address : throw new DeviceNotSupportedException(
            $"The driver lacks the function {proc}, but OpenGL 4.3 is required.");
    }

    public abstract bool TryGetProcAddress(string proc, out nint addr, int? slot = null);

    public abstract void Dispose();

    protected static WrongContextException NotMadeCurrent(string error) => new(
        $"The device's context could not be made current on this thread ({error}). It is probably current on another thread: release it there first.");

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
                "it must be automatic, hardware, hardware:N (a device number from 0), surfaceless or software-inline."),
        };
    }
}
