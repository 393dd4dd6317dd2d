using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The example of Documentation~/agents.md, which runs with its page, is short, and is repeated here, where the compiler checks it first.</summary>
[TestFixture]
internal sealed partial class AgentDocumentationTests
{
    [Test]
    public void TheExampleIsTheOneThatIsCompiledAndShort()
    {
        Repository.RequireSources();
        string sample = File.ReadAllText(Repository.PathOf("Tests/Agents/CorridorSample.cs"));
        Assert.That(File.ReadAllText(Repository.PathOf("Documentation~/agents.md")), Does.Contain($"```csharp\n{sample}```"));
        Assert.That(sample.TrimEnd().Split('\n'), Has.Length.LessThan(40));
    }

    [Test]
    public void TheExampleLearns()
    {
        Assert.That(Corridor.Play(TestDevice.Plain, 60), Is.LessThan(2.5f));
        Assert.That(Corridor.Play(TestDevice.Plain, 2000), Is.GreaterThan(4f));
    }

    private static IEnumerable<object> Settings =>
    [
        new AgentPopulationOptions(), new ActorCritic(), new PolicyGradient(), new BehaviorCloning(), new CloningTerm(), new SelfPlay(), new ProbeAgent(),
    ];

    /// <summary>Every option is in a table of the page, with the default that it has, and the table lists nothing else.</summary>
    [TestCaseSource(nameof(Settings))]
    public void EveryOptionIsNamedWithItsDefault(object options)
    {
        Repository.RequireSources();
        Type type = options is Agent ? typeof(Agent) : options.GetType();
        Dictionary<string, string> rows = RowsOf(type.Name);
        PropertyInfo[] settable = [.. type.GetProperties().Where(property => property.SetMethod is { IsPublic: true })];
        Assert.That(rows.Keys, Is.EquivalentTo(settable.Select(property => property.Name)));
        foreach (PropertyInfo property in settable)
        {
            string row = rows[property.Name];
            if (!row.StartsWith('`')) continue;   // in words
            Assert.That(row, Is.EqualTo($"`{InWords(property.GetValue(options))}`"), property.Name);
        }
    }

    [Test]
    public void TheQuickSettingsAreNamed()
    {
        Repository.RequireSources();
        foreach (Match match in QuickRows().Matches(Page))
        {
            string name = match.Groups["name"].Value;
            if (name != nameof(ActorCritic.Optimizer)) Assert.That(match.Groups["quick"].Value, Is.EqualTo($"`{InWords(typeof(ActorCritic).GetProperty(name)!.GetValue(ActorCritic.Quick))}`"), name);
        }
    }

    private static string Page => File.ReadAllText(Repository.PathOf("Documentation~/agents.md"));

    /// <summary>The default of each option in the table of a type; a row may name two.</summary>
    private static Dictionary<string, string> RowsOf(string type)
    {
        Match table = Regex.Match(Page, $@"^\| (option|setting) of `{type}` \|.*\n\|[ -|]+\n(?<rows>(\|.*\n)+)", RegexOptions.Multiline);
        Assert.That(table.Success, $"the table of {type}");
        return table.Groups["rows"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(row => row.Split('|'))
            .SelectMany(cells => Regex.Matches(cells[1], "`(\\w+)`").Select(name => (Name: name.Groups[1].Value, Default: cells[2].Trim()))).ToDictionary(row => row.Name, row => row.Default);
    }

    private static string InWords(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        ActorCritic learning when learning == new ActorCritic() => "new ActorCritic()",
        FrameBudget budget => $"FrameBudget.Steps({budget.StepsPerFrame})",
        float number => number.ToString("0.########", CultureInfo.InvariantCulture),
        IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    [GeneratedRegex(@"^\| `(?<name>\w+)` \| [^|]+ \| (?<quick>`[^|]+`) \| [^|]*\|$", RegexOptions.Multiline)]
    private static partial Regex QuickRows();
}
