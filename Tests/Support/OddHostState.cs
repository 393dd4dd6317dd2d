using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>A host whose every piece of state that we touch is set to something unusual, with objects of its own bound.</summary>
internal sealed class OddHostState
{
    private const int BufferBytes = 4_096;
    private const byte Pattern = 0xA5;
    private const int ImageUnits = 8;

    private static readonly (PixelStoreParameter Name, int Value)[] PixelStores =
    [
        (PixelStoreParameter.UnpackSwapBytes, 1), (PixelStoreParameter.UnpackLsbFirst, 1), (PixelStoreParameter.UnpackRowLength, 7),
        (PixelStoreParameter.UnpackImageHeight, 5), (PixelStoreParameter.UnpackSkipRows, 3), (PixelStoreParameter.UnpackSkipPixels, 2),
        (PixelStoreParameter.UnpackSkipImages, 1), (PixelStoreParameter.UnpackAlignment, 8),
        (PixelStoreParameter.PackSwapBytes, 1), (PixelStoreParameter.PackLsbFirst, 1), (PixelStoreParameter.PackRowLength, 9),
        (PixelStoreParameter.PackImageHeight, 4), (PixelStoreParameter.PackSkipRows, 2), (PixelStoreParameter.PackSkipPixels, 3),
        (PixelStoreParameter.PackSkipImages, 2), (PixelStoreParameter.PackAlignment, 1),
    ];

    private static readonly GetPName[] Integers =
    [
        GetPName.CurrentProgram, GetPName.ActiveTexture, GetPName.PixelUnpackBufferBinding, GetPName.PixelPackBufferBinding,
        GetPName.ReadFramebufferBinding, GetPName.DrawFramebufferBinding, GetPName.RenderbufferBinding, GetPName.VertexArrayBinding,
        GetPName.ArrayBufferBinding, GetPName.UniformBufferBinding, (GetPName)GLEnum.CopyWriteBufferBinding, (GetPName)GLEnum.ShaderStorageBufferBinding,
    ];

    private static readonly GLEnum[] ImageFields =
    [
        GLEnum.ImageBindingName, GLEnum.ImageBindingLevel, GLEnum.ImageBindingLayered, GLEnum.ImageBindingLayer,
        GLEnum.ImageBindingAccess, GLEnum.ImageBindingFormat,
    ];

    private readonly GL gl;
    private readonly uint[] buffers = new uint[4];

    public OddHostState(GL gl)
    {
        this.gl = gl;
        gl.UseProgram(Program());
        uint flat = Texture(TextureTarget.Texture2D), array = Texture(TextureTarget.Texture2DArray);
        gl.ActiveTexture(TextureUnit.Texture0);
        gl.BindTexture(TextureTarget.Texture2D, Texture(TextureTarget.Texture2D));
        gl.ActiveTexture(TextureUnit.Texture5);
        gl.BindTexture(TextureTarget.Texture2D, flat);
        gl.BindTexture(TextureTarget.Texture2DArray, array);
        (BufferAccessARB Access, InternalFormat Format)[] kinds =
        [
            (BufferAccessARB.ReadWrite, InternalFormat.Rgba32f), (BufferAccessARB.WriteOnly, InternalFormat.Rgba32ui),
            (BufferAccessARB.ReadOnly, InternalFormat.Rgba32i),
        ];
        for (int unit = 0; unit < ImageUnits - 1; unit++)
        {
            (BufferAccessARB access, InternalFormat format) = kinds[unit % kinds.Length];
            bool layered = unit % 2 == 1;
            gl.BindImageTexture((uint)unit, unit % 3 == 0 ? flat : array, unit % 2, layered, layered || unit % 3 == 0 ? 0 : 2, access, format);
        }

        foreach ((PixelStoreParameter name, int value) in PixelStores) gl.PixelStore(name, value);
        BufferTargetARB[] targets = [BufferTargetARB.PixelUnpackBuffer, BufferTargetARB.PixelPackBuffer, BufferTargetARB.CopyWriteBuffer, BufferTargetARB.ShaderStorageBuffer];
        byte[] pattern = [.. Enumerable.Repeat(Pattern, BufferBytes)];
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i] = gl.GenBuffer();
            gl.BindBuffer(targets[i], buffers[i]);
            gl.BufferData<byte>(targets[i], pattern, BufferUsageARB.StaticDraw);
        }

        gl.BindFramebuffer(FramebufferTarget.ReadFramebuffer, gl.GenFramebuffer());
        gl.BindFramebuffer(FramebufferTarget.DrawFramebuffer, gl.GenFramebuffer());
        gl.BindVertexArray(gl.GenVertexArray());
        Assert.That(gl.GetError(), Is.EqualTo(GLEnum.NoError), "the odd state is one that the driver takes");
    }

    /// <summary>All of it, read back from the driver.</summary>
    public Dictionary<string, string> Read()
    {
        Dictionary<string, string> state = [];
        foreach (GetPName name in Integers) state[$"{name}"] = $"{gl.GetInteger(name)}";
        foreach ((PixelStoreParameter name, _) in PixelStores) state[$"{name}"] = $"{gl.GetInteger((GetPName)name)}";
        int active = gl.GetInteger(GetPName.ActiveTexture);
        foreach (TextureUnit unit in new[] { TextureUnit.Texture0, TextureUnit.Texture1, TextureUnit.Texture5 })
        {
            gl.ActiveTexture(unit);
            state[$"{unit} 2D"] = $"{gl.GetInteger(GetPName.TextureBinding2D)}";
            state[$"{unit} 2D array"] = $"{gl.GetInteger(GetPName.TextureBinding2DArray)}";
        }

        gl.ActiveTexture((TextureUnit)active);
        for (uint unit = 0; unit < ImageUnits; unit++)
        {
            foreach (GLEnum field in ImageFields)
            {
                gl.GetInteger(field, unit, out int value);
                state[$"{field} of unit {unit}"] = $"{value}";
            }
        }

        foreach (uint buffer in buffers)
        {
            byte[] content = new byte[BufferBytes];
            gl.BindBuffer(BufferTargetARB.CopyReadBuffer, buffer);
            gl.GetBufferSubData<byte>(BufferTargetARB.CopyReadBuffer, 0, content);
            state[$"content of buffer {buffer}"] = Convert.ToHexString(content);
        }

        gl.BindBuffer(BufferTargetARB.CopyReadBuffer, 0);
        return state;
    }

    private uint Program()
    {
        uint shader = gl.CreateShader(ShaderType.ComputeShader), program = gl.CreateProgram();
        gl.ShaderSource(shader, "#version 430 core\nlayout(local_size_x = 1) in;\nvoid main() {}\n");
        gl.CompileShader(shader);
        gl.AttachShader(program, shader);
        gl.LinkProgram(program);
        return program;
    }

    private uint Texture(TextureTarget target)
    {
        const uint Levels = 2, Size = 4, Layers = 3;
        uint name = gl.GenTexture();
        gl.BindTexture(target, name);
        if (target == TextureTarget.Texture2D) gl.TexStorage2D(target, Levels, SizedInternalFormat.Rgba32f, Size, Size);
        else gl.TexStorage3D(target, Levels, SizedInternalFormat.Rgba32f, Size, Size, Layers);
        return name;
    }
}
