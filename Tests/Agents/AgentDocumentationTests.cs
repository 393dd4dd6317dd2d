using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What Documentation~/agents.md shows is compiled here, and does what it says.</summary>
[TestFixture]
internal sealed class AgentDocumentationTests
{
    [Test]
    public void TheExampleIsTheOneThatIsCompiledAndShort()
    {
        Repository.RequireSources();
        string sample = File.ReadAllText(Repository.PathOf("Tests/Agents/CorridorSample.cs"));
        Assert.That(File.ReadAllText(Repository.PathOf("Documentation~/agents.md")), Does.Contain($"```csharp\n{sample}```"));
        Assert.That(sample.Split('\n'), Has.Length.LessThanOrEqualTo(40));
    }

    [Test]
    public void TheExampleLearns()
    {
        float early = Corridor.Play(TestDevice.Plain, 60), late = Corridor.Play(TestDevice.Plain, 2000);
        Assert.That(early, Is.LessThan(2.5f));
        Assert.That(late, Is.GreaterThan(4f), "of at most 4.5: five steps to the goal, less a tenth each");
    }
}
