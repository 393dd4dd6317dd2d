using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The parts of a host's OpenGL state that our calls change, each saved when a call first needs it.</summary>
[Flags]
internal enum HostStateParts
{
    /// <summary>Compiling, deleting, fences and queries change none of it.</summary>
    None = 0,

    /// <summary>The active texture unit; for units 0 and 1, the 2D texture, the buffer texture and the sampler.</summary>
    Textures = 1,

    /// <summary>The buffers bound for copying.</summary>
    Copying = 2,

    /// <summary>The program, the image units, the storage buffers and the draw framebuffer.</summary>
    Computing = 4,

    /// <summary>The buffer textures of the units from 2 on, at which kernels of some families fetch matrices.</summary>
    Fetching = 8,

    /// <summary>The storage buffers past those that every driver has, which few dispatches need.</summary>
    ManyBuffers = 16,

    Dispatches = Textures | Computing,
    All = Copying | Dispatches,
}

/// <summary>
/// The part of a host's OpenGL state that this package changes: saved in the outermost call on an attached context, one part at
/// a time when first needed, set to the needs of our calls, and restored when that call ends. Allocated
/// once per device.
/// </summary>
/// <remarks>
/// An object that another context of the share group has deleted stays bound here, but once unbound it cannot be bound again (OpenGL 4.5, 5.1.3). In its
/// place the host finds nothing bound: binding a name that no longer exists would be an error, and would leave our object bound.
/// </remarks>
internal sealed class SavedHostState(GL gl, ResourceTable resources)
{
    private readonly HostProgram program = new(gl, resources);
    private readonly ImageUnit[] imageUnits = new ImageUnit[Dispatch.MostBindingsOfAKind];
    private readonly StorageBuffer[] storageBuffers = new StorageBuffer[Dispatch.MostStorageBuffers];
    private readonly (int Texture, int BufferTexture, int Sampler)[] textureUnits = new (int, int, int)[Dispatch.MaximumTextures];
    private readonly int[] fetchUnits = new int[Dispatch.MaximumFetches];
    private HostStateParts taken;
    private bool preserve;
    private int activeTexture;
    private int storageBuffer;
    private int copyReadBuffer;
    private int copyWriteBuffer;
    private int drawFramebuffer;

    /// <summary>Begins an outermost call.</summary>
    public void Begin(HostStatePolicy policy)
    {
        preserve = policy == HostStatePolicy.Preserve;
        taken = HostStateParts.None;
    }

    /// <summary>Saves these parts, unless they are saved already, and sets them to the needs of our calls.</summary>
    public void Take(HostStateParts parts)
    {
        parts &= ~taken;
        if (parts == HostStateParts.None) return;
        taken |= parts;
        if (Has(parts, HostStateParts.Textures)) TakeTextures();
        if (!preserve) return;
        if (Has(parts, HostStateParts.Copying)) SaveCopying();
        if (Has(parts, HostStateParts.Computing)) SaveComputing();
        if (Has(parts, HostStateParts.ManyBuffers)) SaveBuffers(Dispatch.MostBindingsOfAKind, Dispatch.MostStorageBuffers);
        if (Has(parts, HostStateParts.Fetching)) SaveFetching();
    }

    /// <summary>Ends the call: restores the saved parts.</summary>
    public void GiveBack()
    {
        if (!preserve) return;
        if (Has(taken, HostStateParts.ManyBuffers)) GiveBackBuffers(Dispatch.MostBindingsOfAKind, Dispatch.MostStorageBuffers);
        if (Has(taken, HostStateParts.Computing)) GiveBackComputing();
        if (Has(taken, HostStateParts.Fetching)) GiveBackFetching();
        if (Has(taken, HostStateParts.Textures)) GiveBackTextures();
        if (Has(taken, HostStateParts.Copying)) GiveBackCopying();
    }

    /// <summary>Enum.HasFlag allocates until the method is optimized.</summary>
    private static bool Has(HostStateParts parts, HostStateParts one) => (parts & one) != 0;

    private static TextureUnit UnitOf(int i) => TextureUnit.Texture0 + i;

    /// <summary>A unit's bindings can be queried only while it is the active one.</summary>
    private void TakeTextures()
    {
        if (preserve) activeTexture = gl.GetInteger(GetPName.ActiveTexture);
        for (int i = textureUnits.Length - 1; i >= 0; i--)   // the first one stays active
        {
            gl.ActiveTexture(UnitOf(i));
            if (preserve)
            {
                textureUnits[i] = (
                    gl.GetInteger(GetPName.TextureBinding2D), gl.GetInteger((GetPName)GLEnum.TextureBindingBuffer), gl.GetInteger(GetPName.SamplerBinding));
            }

            if (!preserve || textureUnits[i].Sampler != 0) gl.BindSampler((uint)i, 0);
        }
    }

    private void GiveBackTextures()
    {
        for (int i = 0; i < textureUnits.Length; i++)
        {
            (int texture, int bufferTexture, int sampler) = textureUnits[i];
            gl.ActiveTexture(UnitOf(i));
            gl.BindTexture(TextureTarget.Texture2D, Texture(gl, texture));
            gl.BindTexture(TextureTarget.TextureBuffer, Texture(gl, bufferTexture));
            if (sampler != 0) gl.BindSampler((uint)i, gl.IsSampler((uint)sampler) ? (uint)sampler : 0);
        }

        gl.ActiveTexture((TextureUnit)activeTexture);
    }

    /// <summary>Textures were taken before, and with them the active unit. No sampler has an effect on a buffer texture.</summary>
    private void SaveFetching()
    {
        for (int i = 0; i < fetchUnits.Length; i++)
        {
            gl.ActiveTexture(UnitOf(textureUnits.Length + i));
            fetchUnits[i] = gl.GetInteger((GetPName)GLEnum.TextureBindingBuffer);
        }

        gl.ActiveTexture(TextureUnit.Texture0);
    }

    private void GiveBackFetching()
    {
        for (int i = 0; i < fetchUnits.Length; i++)
        {
            gl.ActiveTexture(UnitOf(textureUnits.Length + i));
            gl.BindTexture(TextureTarget.TextureBuffer, Texture(gl, fetchUnits[i]));
        }
    }

    private void SaveCopying()
    {
        copyReadBuffer = gl.GetInteger((GetPName)GLEnum.CopyReadBufferBinding);
        copyWriteBuffer = gl.GetInteger((GetPName)GLEnum.CopyWriteBufferBinding);
    }

    private void GiveBackCopying()
    {
        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, Buffer(gl, copyReadBuffer));
        gl.BindBuffer(BufferTargetARB.CopyWriteBuffer, Buffer(gl, copyWriteBuffer));
    }

    private void SaveComputing()
    {
        program.Save();
        drawFramebuffer = gl.GetInteger(GetPName.DrawFramebufferBinding);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i] = ImageUnit.Read(gl, (uint)i);
        storageBuffer = gl.GetInteger((GetPName)GLEnum.ShaderStorageBufferBinding);
        SaveBuffers(0, Dispatch.MostBindingsOfAKind);
    }

    private void GiveBackComputing()
    {
        program.GiveBack();
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, (uint)drawFramebuffer);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i].Bind(gl, (uint)i);
        GiveBackBuffers(0, Dispatch.MostBindingsOfAKind);
        gl.BindBuffer(BufferTargetARB.ShaderStorageBuffer, Buffer(gl, storageBuffer));   // each of those has set it, too
    }

    private void SaveBuffers(int first, int end)
    {
        for (int i = first; i < end; i++) storageBuffers[i] = StorageBuffer.Read(gl, (uint)i);
    }

    /// <summary>Also sets the general binding, which is given back after all of them.</summary>
    private void GiveBackBuffers(int first, int end)
    {
        for (int i = first; i < end; i++) storageBuffers[i].Bind(gl, (uint)i);
    }

    /// <summary>A texture if its name still exists; otherwise none.</summary>
    private static uint Texture(GL gl, int name) => name != 0 && gl.IsTexture((uint)name) ? (uint)name : 0;

    private static uint Buffer(GL gl, int name) => name != 0 && gl.IsBuffer((uint)name) ? (uint)name : 0;

    private static int Get(GL gl, GLEnum name, uint index)
    {
        gl.GetInteger(name, index, out int value);
        return value;
    }

    private readonly record struct ImageUnit(int Name, int Level, int Layered, int LayerIndex, int Access, int Format)
    {
        public static ImageUnit Read(GL gl, uint unit)
        {
            return new ImageUnit(
                Get(gl, GLEnum.ImageBindingName, unit), Get(gl, GLEnum.ImageBindingLevel, unit), Get(gl, GLEnum.ImageBindingLayered, unit),
                Get(gl, GLEnum.ImageBindingLayer, unit), Get(gl, GLEnum.ImageBindingAccess, unit), Get(gl, GLEnum.ImageBindingFormat, unit));
        }

        public void Bind(GL gl, uint unit)
        {
            gl.BindImageTexture(unit, Texture(gl, Name), Level, Layered != 0, LayerIndex, (BufferAccessARB)Access, (InternalFormat)Format);
        }
    }

    /// <summary>A buffer or a range of one; a size of zero stands for all of it.</summary>
    private readonly record struct StorageBuffer(int Name, long Start, long Size)
    {
        public static StorageBuffer Read(GL gl, uint binding)
        {
            int name = Get(gl, GLEnum.ShaderStorageBufferBinding, binding);
            if (name == 0) return default;
            gl.GetInteger64(GLEnum.ShaderStorageBufferStart, binding, out long start);
            gl.GetInteger64(GLEnum.ShaderStorageBufferSize, binding, out long size);
            return new StorageBuffer(name, start, size);
        }

        public void Bind(GL gl, uint binding)
        {
            uint buffer = Buffer(gl, Name);
            if (Size == 0 || buffer == 0) gl.BindBufferBase(BufferTargetARB.ShaderStorageBuffer, binding, buffer);
            else gl.BindBufferRange(BufferTargetARB.ShaderStorageBuffer, binding, buffer, (nint)Start, (nuint)Size);
        }
    }
}
