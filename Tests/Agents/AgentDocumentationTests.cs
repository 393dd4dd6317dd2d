using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The example of Documentation~/agents.md, which runs with its page, is short, and is repeated here, where the compiler checks it first.</summary>
[TestFixture]
internal sealed class AgentDocumentationTests
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
}
