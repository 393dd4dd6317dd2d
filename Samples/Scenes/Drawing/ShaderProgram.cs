using Silk.NET.OpenGL;

namespace NeuralPlugin.Samples;

/// <summary>A vertex and a fragment shader of a scene, compiled and linked.</summary>
internal sealed class ShaderProgram : IDisposable
{
    private const string Version = "#version 430 core\n";

    private readonly GL gl;

    /// <exception cref="InvalidOperationException">The driver cannot compile or link it; the message is the driver's.</exception>
    public ShaderProgram(GL gl, string vertex, string fragment)
    {
        this.gl = gl;
        Name = gl.CreateProgram();
        var shaders = new[] { Compile(ShaderType.VertexShader, vertex), Compile(ShaderType.FragmentShader, fragment) };
        foreach (var shader in shaders) gl.AttachShader(Name, shader);
        gl.LinkProgram(Name);
        foreach (var shader in shaders) gl.DeleteShader(shader);
        if (gl.GetProgram(Name, ProgramPropertyARB.LinkStatus) == 0) throw new InvalidOperationException(gl.GetProgramInfoLog(Name));
    }

    public uint Name { get; }

    public void Dispose() => gl.DeleteProgram(Name);

    private uint Compile(ShaderType type, string text)
    {
        var shader = gl.CreateShader(type);
        gl.ShaderSource(shader, Version + text);
        gl.CompileShader(shader);
        if (gl.GetShader(shader, ShaderParameterName.CompileStatus) == 0) throw new InvalidOperationException(gl.GetShaderInfoLog(shader));
        return shader;
    }
}
