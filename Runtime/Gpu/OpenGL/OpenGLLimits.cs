using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>Queries a driver for the limits of its device.</summary>
internal static class OpenGLLimits
{
    /// <summary>Words in the names of drivers that compute on the processor.</summary>
    private static readonly string[] SoftwareNames =
        ["llvmpipe", "softpipe", "swrast", "SwiftShader", "Software Rasterizer", "Software Renderer", "Microsoft Basic Render", "GDI Generic"];

    /// <param name="gl">The current context.</param>
    /// <param name="renderer">The driver's name of its device.</param>
    /// <param name="options">Limits that are set rather than queried.</param>
    public static DeviceLimits Read(GL gl, string renderer, HeadlessOptions options)
    {
        bool isLlvmpipe = renderer.StartsWith("llvmpipe", StringComparison.Ordinal);
        return new DeviceLimits
        {
            MostBindings = options.MostBindings ?? InInt(gl, GLEnum.MaxCombinedShaderOutputResources),
            MostStorageBuffers = StorageBuffers(gl),
            MostTexels = Limit(gl, GLEnum.MaxTextureBufferSize),
            MostStorageBytes = Limit(gl, GLEnum.MaxShaderStorageBlockSize),
            MostWorkgroups = Workgroups(gl),
            MostInvocations = InInt(gl, GLEnum.MaxComputeWorkGroupInvocations),
            SharedMemoryBytes = options.SharedMemoryBytes ?? InInt(gl, GLEnum.MaxComputeSharedMemorySize),
            IsSoftware = SoftwareNames.Any(name => renderer.Contains(name, StringComparison.OrdinalIgnoreCase)),
            StoresWideTexels = options.StoresWideTexels ?? isLlvmpipe,
            HasClock = HasTimestamps(gl),
        };
    }

    /// <summary>Timestamps are part of OpenGL 3.3, but their counter may have no bits.</summary>
    private static bool HasTimestamps(GL gl)
    {
        gl.GetQuery(GLEnum.Timestamp, GLEnum.QueryCounterBits, out int bits);
        return bits > 0;
    }

    /// <summary>Dispatches have two dimensions; some drivers allow more workgroups along the first than along the second.</summary>
    private static int Workgroups(GL gl)
    {
        gl.GetInteger(GLEnum.MaxComputeWorkGroupCount, 0, out int along);
        gl.GetInteger(GLEnum.MaxComputeWorkGroupCount, 1, out int across);
        return Math.Min(along, across);
    }

    /// <summary>As many as a dispatch may have or, on a driver with fewer, those that every driver has: the host's state is saved for either number.</summary>
    private static int StorageBuffers(GL gl)
    {
        int most = Math.Min(InInt(gl, GLEnum.MaxComputeShaderStorageBlocks), InInt(gl, GLEnum.MaxShaderStorageBufferBindings));
        return most < Dispatch.MostStorageBuffers ? Dispatch.MostBindingsOfAKind : Dispatch.MostStorageBuffers;
    }

    private static int InInt(GL gl, GLEnum name) => (int)Math.Min(Limit(gl, name), int.MaxValue);

    /// <summary>One of the driver's limits, some of which exceed an int; a driver without a limit may return an invalid number for it.</summary>
    private static long Limit(GL gl, GLEnum name)
    {
        gl.GetInteger64((GetPName)name, out long value);
        return value > 0 ? value : long.MaxValue;
    }
}
