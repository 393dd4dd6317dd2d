using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// The host's program while ours are in use, and the host's state that would block another program: active transform
/// feedback, and a program that was deleted while current.
/// </summary>
/// <remarks>
/// While transform feedback is active, glUseProgram is an error unless the feedback is paused, and it may be resumed once its program is
/// current again (OpenGL 4.5, 7.3 and 13.2.2). A deleted program lives on, under its name, as long as it is current or is the active program of a
/// pipeline object (7.3), so it is made the active one of a pipeline object that is never bound.
/// </remarks>
internal sealed class HostProgram(GL gl, ResourceTable resources)
{
    private GpuResource? keeper;
    private uint program;
    private bool isDeleted;
    private bool hasFeedback;

    /// <summary>Call before our first program is used. <see cref="GiveBack"/> undoes its changes.</summary>
    public void Save()
    {
        hasFeedback = gl.GetInteger((GetPName)GLEnum.TransformFeedbackActive) != 0 && gl.GetInteger((GetPName)GLEnum.TransformFeedbackPaused) == 0;
        if (hasFeedback) gl.PauseTransformFeedback();
        program = (uint)gl.GetInteger(GetPName.CurrentProgram);
        isDeleted = program != 0 && IsDeleted();
        if (isDeleted) gl.ActiveShaderProgram(Keeper(), program);
    }

    public void GiveBack()
    {
        gl.UseProgram(program);
        if (isDeleted) gl.ActiveShaderProgram(Keeper(), 0);   // the host's next program ends the deleted one, as it would have
        if (hasFeedback) gl.ResumeTransformFeedback();
    }

    private bool IsDeleted()
    {
        gl.GetProgram(program, ProgramPropertyARB.DeleteStatus, out int deleted);
        return deleted != 0;
    }

    private uint Keeper() => (keeper ??= resources.Register(GpuResourceKind.ProgramPipeline, gl.GenProgramPipeline(), 0)).Name;
}
