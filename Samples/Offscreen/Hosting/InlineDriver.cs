namespace NeuralPlugin.Samples;

/// <summary>The software driver with its dispatches inside their calls, in place of the same driver with worker threads.</summary>
internal static class InlineDriver
{
    /// <summary>
    /// Creates a device with the same driver as another device, using <see cref="HeadlessPlatform.SoftwareInline"/>, and makes it current; null if that
    /// is another driver, as with a GPU.
    /// </summary>
    public static NeuralDevice? TryCreate(NeuralDevice device)
    {
        NeuralDevice inline;
        try
        {
            inline = NeuralDevice.CreateHeadless(new HeadlessOptions { Platform = HeadlessPlatform.SoftwareInline });
        }
        catch (DeviceNotSupportedException)
        {
            return null;   // no software driver of this kind
        }

        if (inline.Renderer == device.Renderer) return inline;
        inline.Dispose();
        device.MakeCurrent();
        return null;
    }
}
