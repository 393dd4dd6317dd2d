using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The option that names an optimizer, case-insensitive; null if not given.</summary>
internal static class OptimizerOption
{
    public static Option<OptimizerKind?> Create(string description) => new("--optimizer")
    {
        Description = description,
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            var kind = Enum.GetValues<OptimizerKind>().Cast<OptimizerKind?>()
                .FirstOrDefault(kind => text.Equals(kind.ToString(), StringComparison.OrdinalIgnoreCase));
            if (kind is null) result.AddError($"--optimizer must be sgd or adam, but got '{text}'.");
            return kind;
        },
    };
}
