using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The parts of a host's OpenGL state that our calls change, each saved when a call first needs it.</summary>
[Flags]
internal enum HostStateParts
{
    /// <summary>Compiling, deleting, fences and queries change none of it.</summary>
    None = 0,

    /// <summary>The active texture unit; of units 0 and 1 the 2D texture and the sampler.</summary>
    Textures = 1,

    /// <summary>The pixel-unpack buffer and how pixels are unpacked.</summary>
    Unpacking = 2,

    /// <summary>The program, the image units and the draw framebuffer.</summary>
    Computing = 4,

    /// <summary>The read framebuffer, the pixel-pack buffer, how pixels are packed and whether colors are clamped.</summary>
    Packing = 8,

    Uploads = Textures | Unpacking,
    Dispatches = Textures | Computing,
    Readbacks = Packing,
    All = Uploads | Dispatches | Readbacks,
}

/// <summary>
/// The part of a host's OpenGL state that this package changes: saved in the outermost call on an attached context, a part at
/// a time when something first needs it, set to what our calls need, and given back when that call ends. It is allocated
/// once a device.
/// </summary>
internal sealed class SavedHostState(GL gl)
{
    private static readonly PixelStore[] UnpackStores =
    [
        new(PixelStoreParameter.UnpackSwapBytes), new(PixelStoreParameter.UnpackLsbFirst), new(PixelStoreParameter.UnpackRowLength),
        new(PixelStoreParameter.UnpackImageHeight), new(PixelStoreParameter.UnpackSkipRows), new(PixelStoreParameter.UnpackSkipPixels),
        new(PixelStoreParameter.UnpackSkipImages), new(PixelStoreParameter.UnpackAlignment, 4),
    ];

    private static readonly PixelStore[] PackStores =
    [
        new(PixelStoreParameter.PackSwapBytes), new(PixelStoreParameter.PackLsbFirst), new(PixelStoreParameter.PackRowLength),
        new(PixelStoreParameter.PackImageHeight), new(PixelStoreParameter.PackSkipRows), new(PixelStoreParameter.PackSkipPixels),
        new(PixelStoreParameter.PackSkipImages), new(PixelStoreParameter.PackAlignment, 4),
    ];

    private readonly int[] unpackStores = new int[UnpackStores.Length];
    private readonly int[] packStores = new int[PackStores.Length];
    private readonly ImageUnit[] imageUnits = new ImageUnit[Dispatch.MaximumImages];
    private readonly (int Texture, int Sampler)[] textureUnits = new (int, int)[Dispatch.MaximumTextures];
    private HostStateParts taken;
    private bool preserve;
    private int activeTexture;
    private int program;
    private int unpackBuffer;
    private int packBuffer;
    private int readFramebuffer;
    private int drawFramebuffer;
    private int clampReadColor;

    /// <summary>Begins an outermost call.</summary>
    public void Begin(HostState mode)
    {
        preserve = mode == HostState.Preserve;
        taken = HostStateParts.None;
    }

    /// <summary>Saves these parts, if they are not saved yet, and sets them to what our calls need.</summary>
    public void Take(HostStateParts parts)
    {
        parts &= ~taken;
        if (parts == HostStateParts.None) return;
        taken |= parts;
        if (Has(parts, HostStateParts.Textures)) TakeTextures();
        if (Has(parts, HostStateParts.Unpacking)) TakeUnpacking();
        if (Has(parts, HostStateParts.Packing)) TakePacking();
        if (Has(parts, HostStateParts.Computing) && preserve) SaveComputing();
    }

    /// <summary>Ends it: the host has back what was saved.</summary>
    public void GiveBack()
    {
        if (!preserve) return;
        if (Has(taken, HostStateParts.Computing)) GiveBackComputing();
        if (Has(taken, HostStateParts.Textures)) GiveBackTextures();
        if (Has(taken, HostStateParts.Unpacking)) GiveBackUnpacking();
        if (Has(taken, HostStateParts.Packing)) GiveBackPacking();
    }

    /// <summary>Enum.HasFlag allocates until the method is optimized.</summary>
    private static bool Has(HostStateParts parts, HostStateParts one) => (parts & one) != 0;

    private static TextureUnit UnitOf(int i) => TextureUnit.Texture0 + i;

    /// <summary>The lookup of one unit's bindings has no other way than to make it the active one.</summary>
    private void TakeTextures()
    {
        if (preserve) activeTexture = gl.GetInteger(GetPName.ActiveTexture);
        for (int i = textureUnits.Length - 1; i >= 0; i--)   // the first one stays active
        {
            gl.ActiveTexture(UnitOf(i));
            if (preserve) textureUnits[i] = (gl.GetInteger(GetPName.TextureBinding2D), gl.GetInteger(GetPName.SamplerBinding));
            if (!preserve || textureUnits[i].Sampler != 0) gl.BindSampler((uint)i, 0);
        }
    }

    private void GiveBackTextures()
    {
        for (int i = 0; i < textureUnits.Length; i++)
        {
            (int texture, int sampler) = textureUnits[i];
            gl.ActiveTexture(UnitOf(i));
            gl.BindTexture(TextureTarget.Texture2D, (uint)texture);
            if (sampler != 0) gl.BindSampler((uint)i, (uint)sampler);
        }

        gl.ActiveTexture((TextureUnit)activeTexture);
    }

    private void TakeUnpacking()
    {
        if (preserve) unpackBuffer = gl.GetInteger(GetPName.PixelUnpackBufferBinding);
        if (!preserve || unpackBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelUnpackBuffer, 0);
        Take(UnpackStores, unpackStores);
    }

    private void GiveBackUnpacking()
    {
        if (unpackBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelUnpackBuffer, (uint)unpackBuffer);
        GiveBack(UnpackStores, unpackStores);
    }

    private void TakePacking()
    {
        if (preserve)
        {
            packBuffer = gl.GetInteger(GetPName.PixelPackBufferBinding);
            readFramebuffer = gl.GetInteger(GetPName.ReadFramebufferBinding);
            clampReadColor = gl.GetInteger((GetPName)GLEnum.ClampReadColor);
        }

        if (!preserve || packBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelPackBuffer, 0);
        if (!preserve || clampReadColor != (int)ClampColorModeARB.False) gl.ClampColor(ClampColorTargetARB.ReadColorArb, ClampColorModeARB.False);
        Take(PackStores, packStores);
    }

    private void GiveBackPacking()
    {
        if (packBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelPackBuffer, (uint)packBuffer);
        if (clampReadColor != (int)ClampColorModeARB.False) gl.ClampColor(ClampColorTargetARB.ReadColorArb, (ClampColorModeARB)clampReadColor);
        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, (uint)readFramebuffer);
        GiveBack(PackStores, packStores);
    }

    private void SaveComputing()
    {
        program = gl.GetInteger(GetPName.CurrentProgram);
        drawFramebuffer = gl.GetInteger(GetPName.DrawFramebufferBinding);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i] = ImageUnit.Read(gl, (uint)i);
    }

    private void GiveBackComputing()
    {
        gl.UseProgram((uint)program);
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, (uint)drawFramebuffer);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i].Bind(gl, (uint)i);
    }

    private void Take(PixelStore[] stores, int[] values)
    {
        for (int i = 0; i < stores.Length; i++)
        {
            if (preserve) values[i] = gl.GetInteger((GetPName)stores[i].Name);
            if (!preserve || values[i] != stores[i].Needed) gl.PixelStore(stores[i].Name, stores[i].Needed);
        }
    }

    private void GiveBack(PixelStore[] stores, int[] values)
    {
        for (int i = 0; i < stores.Length; i++)
        {
            if (values[i] != stores[i].Needed) gl.PixelStore(stores[i].Name, values[i]);
        }
    }

    /// <summary>One value of how pixels are packed or unpacked, and what our uploads and readbacks need it to be.</summary>
    private readonly record struct PixelStore(PixelStoreParameter Name, int Needed = 0);

    private readonly record struct ImageUnit(int Name, int Level, int Layered, int Layer, int Access, int Format)
    {
        public static ImageUnit Read(GL gl, uint unit)
        {
            return new ImageUnit(
                Get(gl, GLEnum.ImageBindingName, unit), Get(gl, GLEnum.ImageBindingLevel, unit), Get(gl, GLEnum.ImageBindingLayered, unit),
                Get(gl, GLEnum.ImageBindingLayer, unit), Get(gl, GLEnum.ImageBindingAccess, unit), Get(gl, GLEnum.ImageBindingFormat, unit));
        }

        public void Bind(GL gl, uint unit)
        {
            gl.BindImageTexture(unit, (uint)Name, Level, Layered != 0, Layer, (BufferAccessARB)Access, (InternalFormat)Format);
        }

        private static int Get(GL gl, GLEnum name, uint unit)
        {
            gl.GetInteger(name, unit, out int value);
            return value;
        }
    }
}
