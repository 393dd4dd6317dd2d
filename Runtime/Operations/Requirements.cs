using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>The checks of public arguments, each with a message that helps the caller.</summary>
internal static class Requirements
{
    /// <summary>Larger sizes fit no device, and adding one to a smaller size cannot overflow.</summary>
    private const int MaximumSize = 1 << 30;

    /// <summary>The least float that is not denormal: drivers may flush smaller ones to zero.</summary>
    public const float LeastNormal = 1.17549435e-38f;

    /// <summary>All of these bits are set in NaN and the infinities, and in nothing else.</summary>
    private const uint Exponent = 0x7F800000;

    public static int Size(int value, string what, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (value <= 0) throw new ArgumentOutOfRangeException(name, value, $"The number of {what} must be at least 1.");
        return value <= MaximumSize ? value
            : throw new DeviceLimitException($"The number of {what} is {value}, but no device has room for more than {MaximumSize}.", name);
    }

    /// <summary>A share, from 0 to 1.</summary>
    public static float Share(float value, string what, string name)
    {
        return value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"The {what} must be from 0 to 1.");
    }

    /// <summary>A finite number of at least <paramref name="least"/> and, if given, below <paramref name="limit"/>.</summary>
    public static float Number(
        float value, string what, float least = 0, float limit = float.PositiveInfinity, [CallerArgumentExpression(nameof(value))] string? name = null)
    {
        if (float.IsFinite(value) && value >= least && value < limit) return value;
        string range = float.IsPositiveInfinity(limit) ? $"a finite number of at least {least}" : $"at least {least} and below {limit}";
        throw new ArgumentOutOfRangeException(name, value, $"The {what} must be {range}.");
    }

    public static void Length(int actual, long expected, string meaning, string name)
    {
        if (actual != expected)
            throw new ArgumentException($"Expected {expected} values ({meaning}), but got {actual}.", name);
    }

    /// <summary>As the other overload; the text of the meaning is built only when it is needed.</summary>
    public static void Length(
        int actual, long expected, [InterpolatedStringHandlerArgument(nameof(actual), nameof(expected))] ref LengthMeaning meaning, string name)
    {
        if (actual != expected) Length(actual, expected, meaning.ToText(), name);
    }

    public static void Finite(ReadOnlySpan<float> values, string what, string name)
    {
        int i = IndexOfNonFinite(values);
        if (i >= 0) throw new NonFiniteValueException($"All {what} must be finite, but value {i} is {values[i]}.", name);
    }

    /// <summary>The index of the first value that is NaN or infinite; -1 if there is none.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        int i = 0;
#if NET
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<float> zero = Vector<float>.Zero;
        int width = Vector<float>.Count;
        for (; i <= values.Length - (2 * width); i += 2 * width)
        {
            Vector<float> v = Vector.LoadUnsafe(ref first, (nuint)i), w = Vector.LoadUnsafe(ref first, (nuint)(i + width));
            if (!Vector.EqualsAll((v - v) + (w - w), zero)) break;   // NaN and the infinities minus themselves are NaN
        }
#endif

        // By the bits: where there are no vectors, two thirds of the time of a test of the number.
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & Exponent) == Exponent) return i;
        }

        return -1;
    }
}

/// <summary>The meaning of a number of values, as text that is built only when that number is wrong.</summary>
[InterpolatedStringHandler]
internal ref struct LengthMeaning
{
    private DefaultInterpolatedStringHandler text;

    public LengthMeaning(int literalLength, int formattedCount, int actual, long expected, out bool isWrong)
    {
        isWrong = actual != expected;
        if (isWrong) text = new DefaultInterpolatedStringHandler(literalLength, formattedCount);
    }

    public void AppendLiteral(string value) => text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => text.AppendFormatted(value);

    public string ToText() => text.ToStringAndClear();
}
