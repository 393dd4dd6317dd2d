using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A program handed to the driver, which may still be at work on it.</summary>
/// <param name="key">The name of its variant of a kernel.</param>
/// <param name="text">Its text.</param>
/// <param name="program">Its OpenGL name.</param>
internal sealed class PendingProgram(string key, string text, uint program)
{
    public string Key => key;

    public string Text => text;

    public uint Program => program;

    /// <summary>Its shader while it is compiled; 0 if it is loaded from a file.</summary>
    public uint Shader { get; set; }

    /// <summary>Whether the driver has accepted what was loaded from a file.</summary>
    public bool IsLoaded { get; set; }
}

/// <summary>
/// Compiles programs, or loads those that an earlier start compiled. If the driver can, it works on threads of its own and reports completion, which is then the first that it is asked; otherwise a
/// program is done when the call returns. Source: KHR_parallel_shader_compile and ARB_parallel_shader_compile, which share their one token.
/// </summary>
internal sealed class ProgramCompiler(GL gl, DriverExtensions extensions, ProgramBinaries binaries)
{
    private const ProgramPropertyARB CompletionStatus = (ProgramPropertyARB)0x91B1;

    private readonly bool tellsCompletion = extensions.HasParallelCompilation;

    /// <summary>Hands a program over; makes no query about it, since any but the one for completion waits.</summary>
    public PendingProgram Start(string key, string text)
    {
        PendingProgram pending = new(key, text, gl.CreateProgram());
        if (!binaries.TryLoad(text, pending.Program)) Compile(pending);
        return pending;
    }

    /// <summary>Whether <see cref="Finish"/> would not wait. Starts to compile what the driver refuses to load.</summary>
    public bool IsDone(PendingProgram pending)
    {
        if (pending.IsLoaded) return true;
        if (!IsComplete(pending)) return false;
        if (pending.Shader != 0) return true;
        pending.IsLoaded = IsLinked(pending);
        if (pending.IsLoaded) return true;
        Compile(pending);
        return IsComplete(pending);
    }

    /// <summary>After this, the program is linked; waits if it is not done, since it is needed now.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it, and it was deleted.</exception>
    public void Finish(PendingProgram pending)
    {
        if (pending.IsLoaded) return;
        bool isLinked = IsLinked(pending);
        if (pending.Shader == 0)
        {
            if (isLinked) return;
            Compile(pending);
            isLinked = IsLinked(pending);
        }

        if (isLinked)
        {
            gl.DetachShader(pending.Program, pending.Shader);
            binaries.Save(pending.Text, pending.Program);
            return;
        }

        string log = gl.GetShaderInfoLog(pending.Shader) + gl.GetProgramInfoLog(pending.Program);
        gl.DeleteProgram(pending.Program);
        throw new DeviceNotSupportedException($"The driver {gl.GetStringS(StringName.Renderer)} rejected the kernel {pending.Key}: {log}");
    }

    private void Compile(PendingProgram pending)
    {
        uint program = pending.Program, shader = gl.CreateShader(ShaderType.ComputeShader);
        gl.ShaderSource(shader, pending.Text);
        gl.CompileShader(shader);
        gl.AttachShader(program, shader);
        binaries.Announce(program);
        gl.LinkProgram(program);
        gl.DeleteShader(shader);   // deleted when it is detached, or with the program
        pending.Shader = shader;
    }

    private bool IsComplete(PendingProgram pending)
    {
        if (!tellsCompletion) return true;
        gl.GetProgram(pending.Program, CompletionStatus, out int done);
        return done != 0;
    }

    private bool IsLinked(PendingProgram pending)
    {
        gl.GetProgram(pending.Program, ProgramPropertyARB.LinkStatus, out int linked);
        return linked != 0;
    }
}
