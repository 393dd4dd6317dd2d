using System.Text;

namespace NeuralPlugin;

/// <summary>What puts an interpolated string together, as far as it is used here.</summary>
internal struct DefaultInterpolatedStringHandler
{
    private StringBuilder? text;

    public DefaultInterpolatedStringHandler(int literalLength, int formattedCount)
    {
        const int GuessedLength = 11;   // of what is formatted
        text = new StringBuilder(literalLength + (formattedCount * GuessedLength));
    }

    public void AppendLiteral(string value) => (text ??= new StringBuilder()).Append(value);

    public void AppendFormatted<T>(T value) => (text ??= new StringBuilder()).Append(value);

    public string ToStringAndClear()
    {
        string whole = $"{text}";
        text = null;
        return whole;
    }
}

/// <summary>The options of a method, with the one of .NET Core; a framework that does not know it ignores it.</summary>
internal static class MethodImplOptions
{
    public const System.Runtime.CompilerServices.MethodImplOptions AggressiveInlining = System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining;

    public const System.Runtime.CompilerServices.MethodImplOptions NoInlining = System.Runtime.CompilerServices.MethodImplOptions.NoInlining;

    public const System.Runtime.CompilerServices.MethodImplOptions AggressiveOptimization = (System.Runtime.CompilerServices.MethodImplOptions)512;
}
