using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>The command line of the boundary scene.</summary>
internal sealed class BoundaryCommand : SceneCommand
{
    private readonly Option<int> hidden = NumberOption.Create("--hidden", "Hidden units of the two-layer classifier", 1, 1024).WithDefault(32);

    private readonly Option<PlaneRule?> points = new("--points")
    {
        Description = "The points to learn: sum, product, rings or spiral [default: all four]",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            foreach (var rule in Enum.GetValues<PlaneRule>())
            {
                if (text.Equals(rule.ToString(), StringComparison.OrdinalIgnoreCase)) return rule;
            }

            result.AddError($"--points must be sum, product, rings or spiral, but got '{text}'.");
            return null;
        },
    };

    public static readonly TrainingBudget DefaultBudget = TrainingBudget.OfMilliseconds(4);

    public BoundaryCommand(ISceneHost host)
        : base(
            host, "boundary", "The limits of a linear classifier beside one with a hidden layer, on points of the plane.",
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
