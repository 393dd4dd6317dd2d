using Silk.NET.OpenGL;
using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>
/// The surface of a scene, drawn with OpenGL: textures and discs, and above them a sheet for text and plots, which Skia draws on the
/// CPU and which is uploaded once per frame. Positions are in pixels of 1280 × 720 from the top left; the host's viewport scales them.
/// </summary>
internal sealed class Screen : IDisposable
{
    public const int Width = 1280;
    public const int Height = 720;

    private const string VertexShader = """
        layout(location = 0) uniform vec4 target;    // left, top, right, bottom: 0 to 1, from the top left
        out vec2 place;
        void main()
        {
            place = vec2(gl_VertexID & 1, gl_VertexID >> 1);
            vec2 corner = mix(target.xy, target.zw, place);
            gl_Position = vec4(corner.x * 2.0 - 1.0, 1.0 - corner.y * 2.0, 0.0, 1.0);
        }
        """;

    private const string FragmentShader = """
        layout(binding = 0) uniform sampler2D image;
        in vec2 place;
        out vec4 result;
        void main()
        {
            result = texture(image, place);
        }
        """;

    private readonly GL gl;
    private readonly ShaderProgram program;
    private readonly uint vertexArray;
    private readonly PixelTexture sheetTexture;

    public Screen(GL gl)
    {
        this.gl = gl;
        program = new ShaderProgram(gl, VertexShader, FragmentShader);
        vertexArray = gl.GenVertexArray();
        sheetTexture = new PixelTexture(gl, Width, Height, smooth: false);
        Sheet = new SceneSheet(Width, Height);
    }

    /// <summary>Text and plots; transparent where nothing is drawn.</summary>
    public SceneSheet Sheet { get; }

    /// <summary>Clears the frame to the color of paper, and the sheet; sets the state that drawing needs.</summary>
    public void Begin()
    {
        gl.Disable(EnableCap.DepthTest);
        gl.Disable(EnableCap.CullFace);
        gl.Disable(EnableCap.ScissorTest);
        gl.Enable(EnableCap.Blend);
        gl.BlendFunc(BlendingFactor.One, BlendingFactor.OneMinusSrcAlpha);
        gl.ClearColor(1, 1, 1, 1);
        gl.Clear(ClearBufferMask.ColorBufferBit);
        Sheet.Clear();
    }

    public void Draw(PixelTexture texture, SKRect target)
    {
        gl.UseProgram(program.Name);
        gl.ActiveTexture(TextureUnit.Texture0);
        gl.BindTexture(TextureTarget.Texture2D, texture.Name);
        gl.BindSampler(0, 0);
        gl.Uniform4(0, target.Left / Width, target.Top / Height, target.Right / Width, target.Bottom / Height);
        gl.BindVertexArray(vertexArray);
        gl.DrawArrays(PrimitiveType.TriangleStrip, 0, 4);
        gl.BindVertexArray(0);
        gl.BindTexture(TextureTarget.Texture2D, 0);
    }

    /// <summary>Draws the sheet on top of everything else.</summary>
    public void End()
    {
        sheetTexture.Upload(Sheet.Pixels);
        Draw(sheetTexture, new SKRect(0, 0, Width, Height));
    }

    public void Dispose()
    {
        program.Dispose();
        gl.DeleteVertexArray(vertexArray);
        sheetTexture.Dispose();
        Sheet.Dispose();
    }
}
