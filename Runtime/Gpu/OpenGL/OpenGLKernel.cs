using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>
/// A compiled compute program. Uniforms have explicit locations, which are constants of the shaders: the rows in use, the part of
/// the dispatch that runs, and then the sizes and scalars of the dispatch. Values are kept here, so that only changed ones reach the
/// driver. They are set on this program whichever is current: if it could not be made current, the host's program keeps its own.
/// A location that the program does not use is skipped, since the linker may have given it to an image.
/// </summary>
internal sealed class OpenGLKernel : CompiledKernel
{
    public const int RowsLocation = 0;
    public const int FirstGroupXLocation = 1;
    public const int FirstGroupYLocation = 2;

    /// <summary>The location of the first size of a dispatch; the others follow in order, then its scalars.</summary>
    public const int FirstArgument = Dispatch.FirstArgument;

    private readonly GpuResource program;
    private readonly bool[] inUse;
    private readonly int[] integers;
    private readonly float[] scalars;

    /// <summary>The constants of every shader: the locations that all of them share (GLSL 4.3 allows no expression there).</summary>
    public static IReadOnlyList<(string Name, int Value)> SharedConstants { get; } =
    [
        ("rows_LOCATION", RowsLocation), ("firstGroupX_LOCATION", FirstGroupXLocation), ("firstGroupY_LOCATION", FirstGroupYLocation),
    ];

    /// <param name="gl">The current context.</param>
    /// <param name="program">A linked program.</param>
    public OpenGLKernel(GL gl, GpuResource program)
    {
        this.program = program;
        gl.GetProgram(Program, ProgramPropertyARB.ActiveUniforms, out int count);
        List<int> found = [];
        for (uint i = 0; i < count; i++)
        {
            string name = gl.GetActiveUniform(Program, i, out _, out UniformType type);
            if (type is UniformType.Int or UniformType.Float) found.Add(gl.GetUniformLocation(Program, name));
        }

        int locations = found.Append(FirstArgument).Max() + 1;
        inUse = new bool[locations];
        integers = [.. Enumerable.Repeat(int.MinValue, locations)];   // never the value of a dispatch
        scalars = [.. Enumerable.Repeat(float.NaN, locations)];
        foreach (int location in found) inUse[location] = true;
    }

    public uint Program => program.Name;

    /// <summary>Whether the cache has deleted it: whoever still holds it asks for another.</summary>
    public bool IsRetired => program.IsRetired;

    /// <summary>The program is deleted in the next call.</summary>
    public void Retire() => program.Retire();

    public void SetInteger(GL gl, int location, int value)
    {
        if (location >= inUse.Length || !inUse[location] || integers[location] == value) return;
        integers[location] = value;
        gl.ProgramUniform1(Program, location, value);
    }

    public void SetScalar(GL gl, int location, float value)
    {
        if (location >= inUse.Length || !inUse[location] || scalars[location].Equals(value)) return;
        scalars[location] = value;
        gl.ProgramUniform1(Program, location, value);
    }
}
