using System.Collections.Concurrent;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// All OpenGL objects of a device, by name: registered ones are counted until deleted. An owner may retire its objects from any
/// thread; they are deleted on the device's own thread, in its next call.
/// </summary>
internal sealed class ResourceTable(GL gl)
{
    private readonly HashSet<GpuResource> live = [];
    private readonly ConcurrentQueue<GpuResource> retired = new();
    private volatile bool isForgotten;

    /// <summary>The memory of all objects, including those retired but not yet deleted.</summary>
    public DeviceMemory Memory { get; private set; }

    public GpuResource Register(GpuResourceKind kind, uint name, long bytes)
    {
        GpuResource resource = new(this, kind, name, bytes);
        live.Add(resource);
        Count(resource, 1);
        return resource;
    }

    /// <summary>For an object that was already deleted.</summary>
    public void Unregister(GpuResource resource)
    {
        live.Remove(resource);
        Count(resource, -1);
    }

    /// <summary>From any thread, once per object.</summary>
    public void Retire(GpuResource resource)
    {
        if (!isForgotten) retired.Enqueue(resource);
    }

    public void DeleteRetired()
    {
        while (retired.TryDequeue(out GpuResource? resource))
        {
            if (!live.Contains(resource)) continue;
            Unregister(resource);
            Delete(resource);
        }
    }

    public void DeleteAll()
    {
        foreach (GpuResource resource in live) Delete(resource);
    }

    /// <summary>The context is gone or about to go, and all names with it: none is deleted from now on.</summary>
    public void Forget()
    {
        isForgotten = true;
        live.Clear();
        retired.Clear();
        Memory = default;
    }

    private void Count(GpuResource resource, int sign)
    {
        Memory = new DeviceMemory(
            Memory.Textures + (resource.Kind == GpuResourceKind.Texture ? sign : 0),
            Memory.Buffers + (resource.Kind == GpuResourceKind.Buffer ? sign : 0),
            Memory.Programs + (resource.Kind == GpuResourceKind.Program ? sign : 0),
            Memory.Bytes + (sign * resource.Bytes));
    }

    private void Delete(GpuResource resource)
    {
        switch (resource.Kind)
        {
            case GpuResourceKind.Texture: gl.DeleteTexture(resource.Name); break;
            case GpuResourceKind.Buffer: gl.DeleteBuffer(resource.Name); break;
            case GpuResourceKind.Framebuffer: gl.DeleteFramebuffer(resource.Name); break;
            case GpuResourceKind.Program: gl.DeleteProgram(resource.Name); break;
            case GpuResourceKind.Query: gl.DeleteQuery(resource.Name); break;
            case GpuResourceKind.Sampler: gl.DeleteSampler(resource.Name); break;
            case GpuResourceKind.ProgramPipeline: gl.DeleteProgramPipeline(resource.Name); break;
        }
    }
}
