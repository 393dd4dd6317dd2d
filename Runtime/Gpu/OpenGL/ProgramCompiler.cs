using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A program handed to the driver, which may still be compiling it; one without a shader and text was loaded linked from a file.</summary>
internal readonly record struct PendingProgram(string Key, uint Shader, uint Program, string? Text);

/// <summary>
/// Compiles programs, or loads those that an earlier start compiled. If the driver can, it compiles on threads of its own and reports completion; otherwise a
/// program is done when the call returns. Source: KHR_parallel_shader_compile and ARB_parallel_shader_compile, which share their one token.
/// </summary>
internal sealed class ProgramCompiler(GL gl, DriverExtensions extensions, ProgramBinaries binaries)
{
    private const ProgramPropertyARB CompletionStatus = (ProgramPropertyARB)0x91B1;

    private readonly bool tellsCompletion = extensions.Has("GL_KHR_parallel_shader_compile") || extensions.Has("GL_ARB_parallel_shader_compile");

    /// <summary>Hands a program over; makes no query about it, since any but the one for completion waits.</summary>
    public PendingProgram Start(string key, string text)
    {
        uint program = gl.CreateProgram();
        if (binaries.TryLoad(text, program)) return new PendingProgram(key, 0, program, null);
        uint shader = gl.CreateShader(ShaderType.ComputeShader);
        gl.ShaderSource(shader, text);
        gl.CompileShader(shader);
        gl.AttachShader(program, shader);
        binaries.Announce(program);
        gl.LinkProgram(program);
        gl.DeleteShader(shader);   // deleted when it is detached, or with the program
        return new PendingProgram(key, shader, program, text);
    }

    public bool IsDone(PendingProgram pending)
    {
        if (!tellsCompletion || pending.Text is null) return true;
        gl.GetProgram(pending.Program, CompletionStatus, out int done);
        return done != 0;
    }

    /// <summary>After this, the program is linked; waits if it is not done.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it, and it was deleted.</exception>
    public void Finish(PendingProgram pending)
    {
        (string key, uint shader, uint program, string? text) = pending;
        if (text is null) return;
        gl.GetProgram(program, ProgramPropertyARB.LinkStatus, out int linked);
        if (linked != 0)
        {
            gl.DetachShader(program, shader);
            binaries.Save(text, program);
            return;
        }

        string log = gl.GetShaderInfoLog(shader) + gl.GetProgramInfoLog(program);
        gl.DeleteProgram(program);
        throw new DeviceNotSupportedException($"The driver {gl.GetStringS(StringName.Renderer)} rejected the kernel {key}: {log}");
    }
}
