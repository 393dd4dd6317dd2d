using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>An option or argument whose value is a number in a range; anything else is reported in one sentence.</summary>
internal static class NumberOption
{
    public static Option<T> Create<T>(string name, string description, T min, T max)
        where T : struct, INumber<T>
    {
        return new Option<T>(name) { Description = description, HelpName = "N", CustomParser = Parser(name, min, max) };
    }

    /// <summary>The same as an argument, which is optional.</summary>
    public static Argument<T> CreateArgument<T>(string name, string description, T min, T max, T defaultValue)
        where T : struct, INumber<T>
    {
        return new Argument<T>(name) { Description = description, CustomParser = Parser(name, min, max), DefaultValueFactory = _ => defaultValue };
    }

    private static Func<ArgumentResult, T> Parser<T>(string name, T min, T max)
        where T : struct, INumber<T>
    {
        var kind = T.IsInteger(T.One / (T.One + T.One)) ? "a whole number" : "a number";
        return result =>
        {
            var text = result.Tokens[0].Value;
            if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            {
                return value;
            }

            result.AddError(Invariant($"{name} needs {kind} from {min} to {max}, but got '{text}'."));
            return default;
        };
    }
}
