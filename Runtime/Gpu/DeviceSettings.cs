namespace NeuralPlugin;

/// <summary>The settings that a device's user may change at any time. A backend reads them where an outermost call begins.</summary>
internal sealed class DeviceSettings
{
    /// <summary>See <see cref="NeuralDevice.HostStatePolicy"/>; a backend without a host ignores it.</summary>
    public HostStatePolicy HostStatePolicy { get; set; }

    /// <summary>See <see cref="NeuralDevice.Validation"/>.</summary>
    public bool Validation { get; set; }

    /// <summary>See <see cref="NeuralDevice.KernelCacheFolder"/>; a backend that compiles nothing ignores it.</summary>
    public string? KernelCacheFolder { get; set; } = DefaultKernelCacheFolder();

    // Where the system keeps what may be deleted at any time; a process without such a folder, as a service may be, caches nothing.
    private static string? DefaultKernelCacheFolder()
    {
        if (Environment.GetEnvironmentVariable(NeuralDevice.KernelCacheVariable) is { Length: > 0 } chosen) return chosen == "off" ? null : chosen;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg ? xdg
            : home.Length == 0 ? ""
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches") : Path.Combine(home, ".cache");
        return caches.Length == 0 ? null : Path.Combine(caches, "NeuralPlugin", "kernels");
    }
}
