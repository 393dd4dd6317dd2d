using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// The compiled kernels of a context and those that its driver is compiling, one for each variant of a source. Kernels in use live as long as
/// the dispatches that hold them; of the others, the most recently requested are kept, so that kernels compiled for one shape (those of a
/// population) do not pile up.
/// </summary>
/// <remarks>
/// A dispatch is in use until one of its matrices is disposed, which is known at once, while a finalizer of an old object may run much later. If a compilation exceeds the bound, unused kernels
/// are therefore deleted in the next call.
/// </remarks>
internal sealed class KernelCache(OpenGLContext context, DeviceLimits limits, DeviceSettings settings)
{
    /// <summary>The number of kernels kept whether in use or not: many times those of a game.</summary>
    public const int Kept = 256;

    private static readonly (string Name, int Value)[] WideStores = [("WIDE_STORES", 1)];

    private readonly GL gl = context.Gl;
    private readonly ProgramCompiler compiler = new(context.Gl, context.Extensions, new ProgramBinaries(context.Gl, settings));
    private readonly Dictionary<string, LinkedListNode<Entry>> kernels = [];
    private readonly LinkedList<Entry> recent = [];   // the most recently requested comes first
    private readonly Dictionary<string, (PendingProgram Program, GpuResource Resource)> compiling = [];

    /// <summary>The compiled kernel, compiled at the first request of this variant.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it.</exception>
    public OpenGLKernel Get(Dispatch dispatch)
    {
        string key = dispatch.Program.Key;
        if (kernels.TryGetValue(key, out LinkedListNode<Entry>? node))
        {
            recent.Remove(node);
            recent.AddFirst(node);
        }
        else
        {
            node = recent.AddFirst(new Entry(key, Compile(dispatch.Program, key)));
            kernels.Add(key, node);
            RetireUnused();
        }

        node.Value.AddHolder(dispatch);
        return node.Value.Kernel;
    }

    /// <summary>Hands a kernel to the driver's compiler, unless this was done before; false if the driver compiled it inside the call.</summary>
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

    /// <summary>Call when the context has ended, and the programs with it.</summary>
    public void Forget()
    {
        kernels.Clear();
        recent.Clear();
        compiling.Clear();
    }

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

    /// <summary>Of the kernels beyond the bound, deletes those that no dispatch uses.</summary>
    private void RetireUnused()
    {
        LinkedListNode<Entry>? node = recent.Last;
        for (int beyond = recent.Count - Kept; beyond > 0; beyond--)
        {
            LinkedListNode<Entry> examined = node!;
            node = examined.Previous;
            if (examined.Value.IsInUse) continue;
            recent.Remove(examined);
            kernels.Remove(examined.Value.Key);
            examined.Value.Kernel.Retire();
        }
    }

    /// <summary>A kernel and the dispatches that hold it, which it does not keep alive.</summary>
    private sealed class Entry(string key, OpenGLKernel kernel)
    {
        private readonly List<WeakReference<Dispatch>> holders = [];

        public string Key => key;

        public OpenGLKernel Kernel => kernel;

        public bool IsInUse => holders.Exists(IsUsable);

        public void AddHolder(Dispatch dispatch)
        {
            holders.RemoveAll(holder => !IsUsable(holder));
            holders.Add(new WeakReference<Dispatch>(dispatch));
        }

        private static bool IsUsable(WeakReference<Dispatch> holder) => holder.TryGetTarget(out Dispatch? dispatch) && dispatch.IsUsable;
    }
}
