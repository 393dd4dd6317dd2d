using System.Globalization;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A macro that writes a piece of source out so many times, since drivers do not unroll loops of that length.</summary>
/// <param name="Signature">As it is defined: <c>EACH_ROW(F)</c>.</param>
/// <param name="Repeated">What is repeated, with the number in place of the hash: <c>F(#)</c>.</param>
/// <param name="Count">How often, from 0 on.</param>
internal sealed record UnrolledMacro(string Signature, string Repeated, int Count)
{
    public string Text => string.Join(' ', Enumerable.Range(0, Count).Select(i => Repeated.Replace("#", i.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)));
}

/// <summary>
/// A kernel to compile: a file of Shaders/, the constants of this variant of it, the includes that stand where it says
/// <c>#include &lt;SLOT&gt;</c> (an activation, a loss, an optimizer), and its unrolled macros.
/// </summary>
internal sealed record KernelSource(string FileName, params (string Name, int Value)[] Constants)
{
    /// <summary>What is included in which slot. A slot that is filled is defined as a macro, too; one that is not includes nothing.</summary>
    public IReadOnlyList<(string Slot, string FileName)> Includes { get; init; } = [];

    public IReadOnlyList<UnrolledMacro> Macros { get; init; } = [];

    public KernelSource With(params (string Name, int Value)[] more) => more.Length == 0 ? this : this with { Constants = [.. Constants, .. more] };

    /// <summary>Tells variants apart: the file with its includes, constants and macros.</summary>
    public string Key => string.Join(
        ' ', [
            FileName, .. Includes.Select(include => $"{include.Slot}={include.FileName}"),
            .. Constants.Select(constant => string.Create(CultureInfo.InvariantCulture, $"{constant.Name}={constant.Value}")),
            .. Macros.Select(macro => string.Create(CultureInfo.InvariantCulture, $"{macro.Signature}*{macro.Count}")),
        ]);
}

/// <summary>
/// A compiled compute program. Uniforms have explicit locations, which the shaders are told as constants: the rows in use, the part of
/// the dispatch that runs, and then the sizes and scalars of the dispatch. Values are kept here, so that only changed ones reach the
/// driver; a location that the program does not use is left alone, since the linker may have given it to an image.
/// </summary>
internal sealed class Kernel
{
    public const int RowsLocation = 0;
    public const int FirstGroupXLocation = 1;
    public const int FirstGroupYLocation = 2;

    /// <summary>Where the sizes of a dispatch begin, in order; its scalars follow.</summary>
    public const int FirstArgument = 3;

    private readonly bool[] inUse;
    private readonly int[] integers;
    private readonly float[] scalars;

    /// <summary>What every shader is told: the locations that all of them share (GLSL 4.3 takes no expression there).</summary>
    public static IReadOnlyList<(string Name, int Value)> SharedConstants { get; } =
    [
        ("rows_LOCATION", RowsLocation), ("firstGroupX_LOCATION", FirstGroupXLocation), ("firstGroupY_LOCATION", FirstGroupYLocation),
    ];

    public Kernel(GL gl, uint program)
    {
        Program = program;
        gl.GetProgram(program, ProgramPropertyARB.ActiveUniforms, out int count);
        List<int> found = [];
        for (uint i = 0; i < count; i++)
        {
            string name = gl.GetActiveUniform(program, i, out _, out UniformType type);
            if (type is UniformType.Int or UniformType.Float) found.Add(gl.GetUniformLocation(program, name));
        }

        int locations = found.Append(FirstArgument).Max() + 1;
        inUse = new bool[locations];
        integers = [.. Enumerable.Repeat(int.MinValue, locations)];   // never a value of a dispatch
        scalars = [.. Enumerable.Repeat(float.NaN, locations)];
        foreach (int location in found) inUse[location] = true;
    }

    public uint Program { get; }

    public void SetInteger(GL gl, int location, int value)
    {
        if (location >= inUse.Length || !inUse[location] || integers[location] == value) return;
        integers[location] = value;
        gl.Uniform1(location, value);
    }

    public void SetScalar(GL gl, int location, float value)
    {
        if (location >= inUse.Length || !inUse[location] || scalars[location].Equals(value)) return;
        scalars[location] = value;
        gl.Uniform1(location, value);
    }
}
