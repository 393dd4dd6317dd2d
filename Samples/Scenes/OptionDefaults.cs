using System.CommandLine;

namespace NeuralPlugin.Samples;

internal static class OptionDefaults
{
    public static Option<T> WithDefault<T>(this Option<T> option, T value)
    {
        option.DefaultValueFactory = _ => value;
        return option;
    }
}
