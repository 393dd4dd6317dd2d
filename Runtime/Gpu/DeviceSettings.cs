namespace NeuralPlugin;

/// <summary>The settings that a device's user may change at any time. A backend reads them where an outermost call begins.</summary>
internal sealed class DeviceSettings
{
    /// <summary>See <see cref="NeuralDevice.HostStatePolicy"/>; a backend without a host ignores it.</summary>
    public HostStatePolicy HostStatePolicy { get; set; }

    /// <summary>See <see cref="NeuralDevice.Validation"/>.</summary>
    public bool Validation { get; set; }
}
