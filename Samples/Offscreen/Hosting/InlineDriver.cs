namespace NeuralPlugin.Samples;

/// <summary>The software driver, its dispatches inside their calls, in place of the same driver with worker threads.</summary>
internal static class InlineDriver
{
    /// <summary>
    /// A device, now current, of the driver that another device has, with <see cref="HeadlessPlatform.SoftwareInline"/>; null where that is
    /// another driver, and so where there is a GPU.
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
