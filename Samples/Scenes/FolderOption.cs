using System.CommandLine;
using System.CommandLine.Parsing;

namespace NeuralPlugin.Samples;

/// <summary>An option whose value names a folder.</summary>
internal static class FolderOption
{
    public static Option<string?> Create(string name, string description)
    {
        return new Option<string?>(name) { Description = description, HelpName = "DIR", CustomParser = Parse };
    }

    private static string? Parse(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (text.Trim().Length > 0 && !text.Contains('\0', StringComparison.Ordinal)) return text;
        result.AddError($"{((OptionResult)result.Parent!).Option.Name} needs the name of a folder, but got an empty one.");
        return null;
    }
}
