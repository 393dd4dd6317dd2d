using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// While a host compiles a display list (glNewList, only in a compatibility context), the driver keeps some of our commands for the list and runs
/// others at once. It keeps glUseProgram: a dispatch would run the host's program on our matrices.
/// </summary>
internal sealed class DisplayLists(GL gl)
{
    private const GetPName ListIndex = (GetPName)0x0B33;   // GL_LIST_INDEX

    private readonly bool areKnown = ((ContextProfileMask)gl.GetInteger(GetPName.ContextProfileMask) & ContextProfileMask.CompatibilityProfileBit) != 0;

    /// <exception cref="InvalidOperationException">A list is being compiled.</exception>
    public void RequireNoneOpen()
    {
        if (!areKnown || gl.GetInteger(ListIndex) is not (not 0 and var list)) return;
        throw new InvalidOperationException(
            $"The host is compiling display list {list} (glNewList), which would record some of this call's commands instead of running them. This call " +
            "did nothing. Call before glNewList or after glEndList.");
    }
}
