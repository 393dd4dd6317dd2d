using System.Text;

namespace NeuralPlugin;

/// <summary>Builds an interpolated string, as far as used here.</summary>
internal readonly struct DefaultInterpolatedStringHandler(int literalLength, int formattedCount)
{
    private const int GuessedLength = 11;   // per formatted value

    private readonly StringBuilder text = new(literalLength + (formattedCount * GuessedLength));

    public void AppendLiteral(string value) => text.Append(value);

    public void AppendFormatted<T>(T value) => text.Append(value);

    public string ToStringAndClear() => text.ToString();
}

/// <summary>The options of a method, with the one of .NET Core; a framework that does not know it ignores it.</summary>
internal static class MethodImplOptions
{
    public const System.Runtime.CompilerServices.MethodImplOptions AggressiveInlining = System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining;

    public const System.Runtime.CompilerServices.MethodImplOptions NoInlining = System.Runtime.CompilerServices.MethodImplOptions.NoInlining;

    public const System.Runtime.CompilerServices.MethodImplOptions AggressiveOptimization = (System.Runtime.CompilerServices.MethodImplOptions)512;
}
