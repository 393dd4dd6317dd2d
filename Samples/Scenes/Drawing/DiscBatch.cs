using System.Runtime.InteropServices;
using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>Discs drawn in one call, each with a position, a radius, a color and, if it moves, a direction.</summary>
internal sealed unsafe class DiscBatch : IDisposable
{
    /// <summary>The direction of a disc without one: it is drawn without a nose.</summary>
    public const float NoDirection = -100;

    private const string VertexShader = """
        layout(location = 0) in vec4 place;      // x, y, radius, direction
        layout(location = 1) in vec4 color;
        layout(location = 0) uniform vec2 screen;
        out vec2 corner;
        out vec4 fill;
        flat out vec2 size;                      // radius, direction
        void main()
        {
            vec2 unit = vec2((gl_VertexID & 1) * 2 - 1, (gl_VertexID & 2) - 1);
            float reach = place.w > -50.0 ? 1.8 : 1.2;    // room for the nose, and for the edge
            corner = unit * reach;
            fill = color;
            size = place.zw;
            vec2 pixel = place.xy + corner * place.z;
            gl_Position = vec4(pixel.x / screen.x * 2.0 - 1.0, 1.0 - pixel.y / screen.y * 2.0, 0.0, 1.0);
        }
        """;

    private const string FragmentShader = """
        in vec2 corner;
        in vec4 fill;
        flat in vec2 size;
        layout(location = 1) uniform float outline;    // in pixels, white
        out vec4 result;
        void main()
        {
            float edge = 1.0 / size.x;           // a pixel, in radii
            float far = length(corner);
            float inside = 1.0 - smoothstep(1.0 - edge, 1.0 + edge, far);
            if (size.y > -50.0)
            {
                vec2 ahead = vec2(cos(size.y), sin(size.y));
                float along = dot(corner, ahead);
                float across = abs(dot(corner, vec2(-ahead.y, ahead.x)));
                float nose = 1.0 - smoothstep(0.0, 2.0 * edge, across - 0.62 * (1.7 - along));
                inside = max(inside, along > 0.55 ? nose : 0.0);
            }
            float white = outline > 0.0 ? smoothstep(1.0 - (outline + 1.0) * edge, 1.0 - outline * edge, far) : 0.0;
            result = vec4(mix(fill.rgb, vec3(1.0), white), 1.0) * (fill.a * inside);
        }
        """;

    private readonly GL gl;
    private readonly ShaderProgram program;
    private readonly uint vertexArray;
    private readonly uint buffer;
    private Disc[] discs = new Disc[64];
    private bool changed;
    private int reserved;

    public DiscBatch(GL gl)
    {
        this.gl = gl;
        program = new ShaderProgram(gl, VertexShader, FragmentShader);
        vertexArray = gl.GenVertexArray();
        buffer = gl.GenBuffer();
        gl.BindVertexArray(vertexArray);
        gl.BindBuffer(BufferTargetARB.ArrayBuffer, buffer);
        gl.EnableVertexAttribArray(0);
        gl.VertexAttribPointer(0, 4, VertexAttribPointerType.Float, false, (uint)sizeof(Disc), (void*)0);
        gl.VertexAttribDivisor(0, 1);
        gl.EnableVertexAttribArray(1);
        gl.VertexAttribPointer(1, 4, VertexAttribPointerType.UnsignedByte, true, (uint)sizeof(Disc), (void*)(4 * sizeof(float)));
        gl.VertexAttribDivisor(1, 1);
        gl.BindVertexArray(0);
        gl.BindBuffer(BufferTargetARB.ArrayBuffer, 0);
    }

    /// <summary>The width in pixels of a white edge inside the radius, for discs without a nose.</summary>
    public float Outline { get; init; }

    public int Count { get; private set; }

    public void Clear()
    {
        Count = 0;
        changed = true;
    }

    /// <param name="x">Pixels from the left.</param>
    /// <param name="y">Pixels from the top.</param>
    /// <param name="radius">In pixels.</param>
    /// <param name="color">The color of the disc.</param>
    /// <param name="direction">The direction of its nose, in radians clockwise from the right.</param>
    public void Add(float x, float y, float radius, SKColor color, float direction = NoDirection)
    {
        if (Count == discs.Length) Array.Resize(ref discs, 2 * Count);
        var packed = color.Red | (uint)color.Green << 8 | (uint)color.Blue << 16 | (uint)color.Alpha << 24;
        discs[Count++] = new Disc(x, y, radius, direction, packed);
        changed = true;
    }

    /// <summary>Draws all discs onto the screen, in the order in which they were added.</summary>
    public void Draw()
    {
        if (Count == 0) return;
        gl.BindVertexArray(vertexArray);
        if (changed) Upload();
        gl.UseProgram(program.Name);
        gl.Uniform1(1, Outline);
        gl.Uniform2(0, (float)Screen.Width, Screen.Height);
        gl.DrawArraysInstanced(PrimitiveType.TriangleStrip, 0, 4, (uint)Count);
        gl.BindVertexArray(0);
    }

    public void Dispose()
    {
        gl.DeleteVertexArray(vertexArray);
        gl.DeleteBuffer(buffer);
        program.Dispose();
    }

    private void Upload()
    {
        gl.BindBuffer(BufferTargetARB.ArrayBuffer, buffer);
        if (reserved < discs.Length)
        {
            gl.BufferData(BufferTargetARB.ArrayBuffer, (nuint)(discs.Length * sizeof(Disc)), null, BufferUsageARB.DynamicDraw);
            reserved = discs.Length;
        }

        gl.BufferSubData<Disc>(BufferTargetARB.ArrayBuffer, 0, discs.AsSpan(0, Count));
        gl.BindBuffer(BufferTargetARB.ArrayBuffer, 0);
        changed = false;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Disc(float X, float Y, float Radius, float Direction, uint Color);
}
