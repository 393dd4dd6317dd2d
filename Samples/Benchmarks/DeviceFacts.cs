namespace NeuralPlugin.Benchmarks;

internal static class DeviceFacts
{
    /// <summary>The driver's settings that change what its workers do, if they are set.</summary>
    private static readonly string[] DriverVariables = ["LP_NUM_THREADS", "GALLIUM_DRIVER", "MESA_GL_VERSION_OVERRIDE"];

    /// <summary>The facts that a figure depends on, in one line.</summary>
    public static string Describe(NeuralDevice device)
    {
        string[] set = [.. DriverVariables.Where(name => Environment.GetEnvironmentVariable(name) is not null)
            .Select(name => $", {name}={Environment.GetEnvironmentVariable(name)}")];
        return $"{device.Renderer}, {device.Version}, {Environment.ProcessorCount} threads, {KernelFamily.Of(device).Name} kernels{string.Concat(set)}";
    }
}
