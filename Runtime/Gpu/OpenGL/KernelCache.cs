using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// The compiled kernels of a context and those that its driver is compiling, one for each variant of a source. Kernels in use live as long as
/// the dispatches that hold them; of the others, the most recently requested are kept, so that kernels compiled for one shape (those of a
/// population) do not pile up.
/// </summary>
internal sealed class KernelCache(OpenGLContext context, DeviceLimits limits, DeviceSettings settings)
{
    /// <summary>The number of kernels kept whether in use or not: many times those of a game.</summary>
    public const int Kept = 256;

    private static readonly (string Name, int Value)[] WideStores = [("WIDE_STORES", 1)];

    private readonly GL gl = context.Gl;
    private readonly ProgramCompiler compiler = new(context.Gl, context.Extensions, new ProgramBinaries(context.Gl, settings));
    private readonly Dictionary<string, WeakReference<OpenGLKernel>> kernels = [];
    private readonly LinkedList<OpenGLKernel> recent = [];   // the most recently requested comes first
    private readonly Dictionary<string, (PendingProgram Program, GpuResource Resource)> compiling = [];

    /// <summary>The compiled kernel, compiled at the first request of this variant.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it.</exception>
    public OpenGLKernel Get(KernelSource source)
    {
        string key = source.Key;
        if (Find(key) is not { } kernel)
        {
            kernel = Compile(source, key);
            foreach (string gone in kernels.Keys.Where(known => Find(known) is null).ToArray()) kernels.Remove(gone);
            kernels.Add(key, new WeakReference<OpenGLKernel>(kernel));
        }

        Keep(kernel);
        return kernel;
    }

    /// <summary>Hands a kernel to the driver's compiler, unless this was done before; false if the driver compiled it inside the call.</summary>
    public bool StartCompiling(KernelSource source)
    {
        string key = source.Key;
        if (Find(key) is not null || compiling.ContainsKey(key)) return true;
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
        if (Find(key) is not null) return true;
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        return compiling.TryGetValue(key, out (PendingProgram Program, GpuResource Resource) started) && compiler.IsDone(started.Program);
    }

    /// <summary>Call when the context has ended, and the programs with it.</summary>
    public void Forget()
    {
        kernels.Clear();
        recent.Clear();
        compiling.Clear();
    }

    private OpenGLKernel? Find(string key) => kernels.TryGetValue(key, out WeakReference<OpenGLKernel>? known) && known.TryGetTarget(out OpenGLKernel? kernel) ? kernel : null;

    private OpenGLKernel Compile(KernelSource source, string key)
    {
        using OpenGLContext.Scope scope = context.Enter(HostStateParts.None);
        _ = StartCompiling(source);
        (PendingProgram pending, GpuResource resource) = compiling[key];
        compiling.Remove(key);
        try
        {
            compiler.Finish(pending);
        }
        catch (DeviceNotSupportedException)
        {
            context.Resources.Unregister(resource);
            throw;
        }

        return new OpenGLKernel(gl, resource);
    }

    private void Keep(OpenGLKernel kernel)
    {
        recent.Remove(kernel);
        recent.AddFirst(kernel);
        if (recent.Count > Kept) recent.RemoveLast();
    }
}
