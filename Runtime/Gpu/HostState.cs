using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// The part of a host's OpenGL state that this package changes: saved when a call enters an attached context, set to what
/// our uploads and readbacks need, and given back when the call leaves. It is allocated once a device.
/// </summary>
internal sealed class HostState(GL gl)
{
    private static readonly PixelStoreParameter[] PixelStores =
    [
        PixelStoreParameter.UnpackSwapBytes, PixelStoreParameter.UnpackLsbFirst, PixelStoreParameter.UnpackRowLength,
        PixelStoreParameter.UnpackImageHeight, PixelStoreParameter.UnpackSkipRows, PixelStoreParameter.UnpackSkipPixels,
        PixelStoreParameter.UnpackSkipImages, PixelStoreParameter.UnpackAlignment,
        PixelStoreParameter.PackSwapBytes, PixelStoreParameter.PackLsbFirst, PixelStoreParameter.PackRowLength,
        PixelStoreParameter.PackImageHeight, PixelStoreParameter.PackSkipRows, PixelStoreParameter.PackSkipPixels,
        PixelStoreParameter.PackSkipImages, PixelStoreParameter.PackAlignment,
    ];

    private readonly int[] pixelStores = new int[PixelStores.Length];
    private readonly ImageUnit[] imageUnits = new ImageUnit[Dispatch.MaximumImages];
    private int program;
    private int texture;
    private int unpackBuffer;
    private int packBuffer;
    private int readFramebuffer;
    private int clampReadColor;

    public void SaveAndPrepare()
    {
        program = gl.GetInteger(GetPName.CurrentProgram);
        texture = gl.GetInteger(GetPName.TextureBinding2D);
        unpackBuffer = gl.GetInteger(GetPName.PixelUnpackBufferBinding);
        packBuffer = gl.GetInteger(GetPName.PixelPackBufferBinding);
        readFramebuffer = gl.GetInteger(GetPName.ReadFramebufferBinding);
        clampReadColor = gl.GetInteger((GetPName)GLEnum.ClampReadColor);
        gl.ClampColor(ClampColorTargetARB.ReadColorArb, ClampColorModeARB.False);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i] = ImageUnit.Read(gl, (uint)i);
        for (int i = 0; i < PixelStores.Length; i++)
        {
            pixelStores[i] = gl.GetInteger((GetPName)PixelStores[i]);
            int needed = Needed(PixelStores[i]);
            if (pixelStores[i] != needed) gl.PixelStore(PixelStores[i], needed);
        }

        if (unpackBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelUnpackBuffer, 0);
        if (packBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelPackBuffer, 0);
    }

    public void Restore()
    {
        gl.UseProgram((uint)program);
        gl.BindTexture(TextureTarget.Texture2D, (uint)texture);
        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, (uint)readFramebuffer);
        gl.ClampColor(ClampColorTargetARB.ReadColorArb, (ClampColorModeARB)clampReadColor);
        for (int i = 0; i < imageUnits.Length; i++) imageUnits[i].Bind(gl, (uint)i);
        for (int i = 0; i < PixelStores.Length; i++)
        {
            if (pixelStores[i] != Needed(PixelStores[i])) gl.PixelStore(PixelStores[i], pixelStores[i]);
        }

        if (unpackBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelUnpackBuffer, (uint)unpackBuffer);
        if (packBuffer != 0) gl.BindBuffer(BufferTargetARB.PixelPackBuffer, (uint)packBuffer);
    }

    private static int Needed(PixelStoreParameter parameter)
    {
        return parameter is PixelStoreParameter.UnpackAlignment or PixelStoreParameter.PackAlignment ? 4 : 0;
    }

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
