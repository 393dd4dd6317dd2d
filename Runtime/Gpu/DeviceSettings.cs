namespace NeuralPlugin;

/// <summary>What the user of a device may change at any time. A backend reads it where an outermost call begins.</summary>
internal sealed class DeviceSettings
{
    /// <summary>See <see cref="NeuralDevice.HostStatePolicy"/>; a backend that has no host ignores it.</summary>
    public HostStatePolicy HostStatePolicy { get; set; }

    /// <summary>See <see cref="NeuralDevice.Validation"/>.</summary>
    public bool Validation { get; set; }
}
