using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>The argument checks that .NET has added to its exceptions since .NET Standard.</summary>
internal static class Checks
{
    extension(ArgumentNullException)
    {
        public static void ThrowIfNull([NotNull] object? argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
        {
            if (argument is null) throw new ArgumentNullException(name);
        }

        public static unsafe void ThrowIfNull(void* argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
        {
            if (argument == null) throw new ArgumentNullException(name);
        }
    }

    extension(ArgumentException)
    {
        public static void ThrowIfNullOrEmpty([NotNull] string? argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
        {
            if (argument is null) throw new ArgumentNullException(name);
            if (argument.Length == 0) throw new ArgumentException("The value cannot be an empty string.", name);
        }

        public static void ThrowIfNullOrWhiteSpace([NotNull] string? argument, [CallerArgumentExpression(nameof(argument))] string? name = null)
        {
            if (argument is null) throw new ArgumentNullException(name);
            if (string.IsNullOrWhiteSpace(argument)) throw new ArgumentException("The value cannot be an empty string or composed entirely of whitespace.", name);
        }
    }

    extension(ArgumentOutOfRangeException)
    {
        public static void ThrowIfNegative<T>(T value, [CallerArgumentExpression(nameof(value))] string? name = null) where T : struct, IComparable<T>
        {
            if (value.CompareTo(default) < 0) throw new ArgumentOutOfRangeException(name, value, $"{name} ('{value}') must be a non-negative value.");
        }

        public static void ThrowIfNegativeOrZero<T>(T value, [CallerArgumentExpression(nameof(value))] string? name = null) where T : struct, IComparable<T>
        {
            if (value.CompareTo(default) <= 0) throw new ArgumentOutOfRangeException(name, value, $"{name} ('{value}') must be a non-negative and non-zero value.");
        }

        public static void ThrowIfGreaterThan<T>(T value, T most, [CallerArgumentExpression(nameof(value))] string? name = null) where T : struct, IComparable<T>
        {
            if (value.CompareTo(most) > 0) throw new ArgumentOutOfRangeException(name, value, $"{name} ('{value}') must be less than or equal to '{most}'.");
        }

        public static void ThrowIfLessThan<T>(T value, T least, [CallerArgumentExpression(nameof(value))] string? name = null) where T : struct, IComparable<T>
        {
            if (value.CompareTo(least) < 0) throw new ArgumentOutOfRangeException(name, value, $"{name} ('{value}') must be greater than or equal to '{least}'.");
        }
    }

    extension(ObjectDisposedException)
    {
        public static void ThrowIf([DoesNotReturnIf(true)] bool isDisposed, object instance)
        {
            if (isDisposed) throw new ObjectDisposedException(instance.GetType().FullName);
        }

        public static void ThrowIf([DoesNotReturnIf(true)] bool isDisposed, Type type)
        {
            if (isDisposed) throw new ObjectDisposedException(type.FullName);
        }
    }
}
