using System.Globalization;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>A kernel to compile: a file of Shaders/ and the constants of this variant of it.</summary>
internal sealed record KernelSource(string FileName, params (string Name, int Value)[] Constants)
{
    public bool Has(string constant) => Constants.Any(c => c.Name == constant);

    public KernelSource With(params (string Name, int Value)[] more) => new(FileName, [.. Constants, .. more]);

    /// <summary>Tells variants apart: the file and its constants.</summary>
    public string Key => string.Join(' ', Constants.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Name}={c.Value}")).Prepend(FileName));
}

/// <summary>
/// A compiled compute program. Uniforms have explicit locations, shared with the shaders as constants: the rows in use, the
/// sizes, the scalars that may change each step, the part of the dispatch that runs, and which step on which samples it is. Values are kept here, so that only changed ones reach the driver; a
/// location that the program does not use is left alone, since the linker may have given it to an image.
/// </summary>
internal sealed class Kernel : CompiledKernel
{
    public const int RowsLocation = 0;
    public const int SizesLocation = 1;
    public const int MaximumSizes = 8;
    public const int ScalarsLocation = SizesLocation + MaximumSizes;
    public const int MaximumScalars = 8;
    public const int FirstGroupXLocation = ScalarsLocation + MaximumScalars;
    public const int FirstGroupYLocation = FirstGroupXLocation + 1;
    public const int FirstSampleLocation = FirstGroupYLocation + 1;
    public const int StepLocation = FirstSampleLocation + 1;
    private const int Locations = StepLocation + 1;

    private readonly bool[] inUse = new bool[Locations];
    private readonly int[] integers = Enumerable.Repeat(int.MinValue, Locations).ToArray();
    private readonly float[] scalars = Enumerable.Repeat(float.NaN, MaximumScalars).ToArray();   // never a value of a step

    /// <summary>What every shader is told: the locations by name (GLSL 4.3 takes no expression there).</summary>
    public static IReadOnlyList<(string Name, int Value)> SharedConstants { get; } =
    [
        ("ROWS_LOCATION", RowsLocation),
        .. Enumerable.Range(0, MaximumSizes).Select(i => ($"SIZE_{i}", SizesLocation + i)),
        .. Enumerable.Range(0, MaximumScalars).Select(i => ($"SCALAR_{i}", ScalarsLocation + i)),
        ("FIRST_GROUP_X", FirstGroupXLocation), ("FIRST_GROUP_Y", FirstGroupYLocation),
        ("FIRST_SAMPLE", FirstSampleLocation), ("STEP", StepLocation),
    ];

    public Kernel(GL gl, uint program)
    {
        Program = program;
        gl.GetProgram(program, ProgramPropertyARB.ActiveUniforms, out int count);
        for (uint i = 0; i < count; i++)
        {
            string name = gl.GetActiveUniform(program, i, out _, out UniformType type);
            if (type is UniformType.Int or UniformType.Float) inUse[gl.GetUniformLocation(program, name)] = true;
        }
    }

    public uint Program { get; }

    public void SetInteger(GL gl, int location, int value)
    {
        if (!inUse[location] || integers[location] == value) return;
        integers[location] = value;
        gl.Uniform1(location, value);
    }

    public void SetScalar(GL gl, int index, float value)
    {
        if (!inUse[ScalarsLocation + index] || scalars[index].Equals(value)) return;
        scalars[index] = value;
        gl.Uniform1(ScalarsLocation + index, value);
    }
}
