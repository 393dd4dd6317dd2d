using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The compiled kernels of a context and those that its driver is at work on, one for each variant of a source.</summary>
internal sealed class KernelCache(OpenGLContext context, DeviceLimits limits)
{
    private static readonly (string Name, int Value)[] WideStores = [("WIDE_STORES", 1)];

    private readonly GL gl = context.Gl;
    private readonly ProgramCompiler compiler = new(context.Gl, context.Extensions);
    private readonly Dictionary<string, OpenGLKernel> kernels = [];
    private readonly Dictionary<string, (PendingProgram Program, GpuResource Resource)> compiling = [];

    /// <summary>The compiled kernel, compiled at the first request of this variant.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it.</exception>
    public OpenGLKernel Get(KernelSource source)
    {
        string key = source.Key;
        if (kernels.TryGetValue(key, out OpenGLKernel? kernel)) return kernel;
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        _ = StartCompiling(source);
        (PendingProgram pending, GpuResource resource) = compiling[key];
        compiling.Remove(key);
        try
        {
            kernel = new OpenGLKernel(gl, compiler.Finish(pending));
        }
        catch (DeviceNotSupportedException)
        {
            context.Resources.Unregister(resource);
            throw;
        }

        kernels.Add(key, kernel);
        return kernel;
    }

    /// <summary>Hands a kernel to the driver's compiler, if it has not been; false if that compiled it inside the call.</summary>
    public bool StartCompiling(KernelSource source)
    {
        string key = source.Key;
        if (kernels.ContainsKey(key) || compiling.ContainsKey(key)) return true;
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        string text = ShaderLibrary.Assemble(source, [.. OpenGLKernel.SharedConstants, .. limits.StoresWideTexels ? WideStores : []]);
        PendingProgram pending = compiler.Start(key, text);
        compiling.Add(key, (pending, context.Resources.Register(GpuResourceKind.Program, pending.Program, 0)));
        return !compiler.IsDone(pending);
    }

    /// <summary>Whether <see cref="Get"/> would not wait for the driver's compiler.</summary>
    public bool IsCompiled(KernelSource source)
    {
        string key = source.Key;
        if (kernels.ContainsKey(key)) return true;
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        return compiling.TryGetValue(key, out (PendingProgram Program, GpuResource Resource) started) && compiler.IsDone(started.Program);
    }

    /// <summary>The context has ended, and the programs with it.</summary>
    public void Forget()
    {
        kernels.Clear();
        compiling.Clear();
    }
}
