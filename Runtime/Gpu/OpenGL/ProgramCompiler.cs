using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A program that was handed to the driver, which may still be at work on it.</summary>
internal readonly record struct PendingProgram(string Key, uint Shader, uint Program);

/// <summary>
/// Compiles programs. Where the driver can, it does so on threads of its own and tells when it is done; elsewhere a program is
/// done when the call returns. Source: KHR_parallel_shader_compile and ARB_parallel_shader_compile, which share their one token.
/// </summary>
internal sealed class ProgramCompiler(GL gl, DriverExtensions extensions)
{
    private const ProgramPropertyARB CompletionStatus = (ProgramPropertyARB)0x91B1;

    private readonly bool tellsCompletion = extensions.Has("GL_KHR_parallel_shader_compile") || extensions.Has("GL_ARB_parallel_shader_compile");

    /// <summary>Hands a program over; asks nothing about it, since any question but that for completion waits.</summary>
    public PendingProgram Start(string key, string text)
    {
        uint shader = gl.CreateShader(ShaderType.ComputeShader);
        gl.ShaderSource(shader, text);
        gl.CompileShader(shader);
        uint program = gl.CreateProgram();
        gl.AttachShader(program, shader);
        gl.LinkProgram(program);
        gl.DeleteShader(shader);   // it goes when it is detached, or with the program
        return new PendingProgram(key, shader, program);
    }

    public bool IsDone(PendingProgram pending)
    {
        if (!tellsCompletion) return true;
        gl.GetProgram(pending.Program, CompletionStatus, out int done);
        return done != 0;
    }

    /// <summary>From here on the program is linked; waits for it where it is not done.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it, and it was deleted.</exception>
    public void Finish(PendingProgram pending)
    {
        (string key, uint shader, uint program) = pending;
        gl.GetProgram(program, ProgramPropertyARB.LinkStatus, out int linked);
        if (linked != 0)
        {
            gl.DetachShader(program, shader);
            return;
        }

        string log = gl.GetShaderInfoLog(shader) + gl.GetProgramInfoLog(program);
        gl.DeleteProgram(program);
        throw new DeviceNotSupportedException($"The driver {gl.GetStringS(StringName.Renderer)} rejected the kernel {key}: {log}");
    }
}
