using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the boundary scene.</summary>
internal sealed class BoundaryCommand : SceneCommand
{
    private readonly Option<int> hidden = NumberOption.Create("--hidden", "Hidden units of the two-layer classifier", 1, 1024).WithDefault(32);

    private readonly Option<PlaneRule?> points = new("--points")
    {
        Description = "Which points are learned: sum, product, rings or spiral [default: all four]",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            foreach (var rule in Enum.GetValues<PlaneRule>())
            {
                if (text.Equals(rule.ToString(), StringComparison.OrdinalIgnoreCase)) return rule;
            }

            result.AddError($"--points is sum, product, rings or spiral, but it is '{text}'.");
            return null;
        },
    };

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfMilliseconds(4);

    public BoundaryCommand(ISceneHost host)
        : base(
            host, "boundary", "What a linear classifier cannot learn and one with a hidden layer can, on points of the plane.",
            defaultFrames: 600, DefaultBudget)
    {
        Options.Add(hidden);
        Options.Add(points);
    }

    protected override IScene CreateScene(ParseResult arguments)
    {
        IReadOnlyList<PlaneRule> rules = arguments.GetValue(points) is { } rule ? [rule] : Enum.GetValues<PlaneRule>();
        return new BoundaryScene(rules, arguments.GetValue(hidden));
    }
}
