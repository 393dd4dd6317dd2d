using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What Documentation~/agents.md shows is compiled and run here, and does what it says.</summary>
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

    /// <summary>Every block of code stands in one of two files of tests, line for line, whatever its indentation.</summary>
    [Test]
    public void EveryBlockOfCodeIsCompiledAndRun()
    {
        Repository.RequireSources();
        string[] files = ["Tests/Agents/CorridorSample.cs", "Tests/Agents/AgentDocumentationTests.cs"];
        string[] sources = [.. files.Select(file => Outdent(File.ReadAllText(Repository.PathOf(file))))];
        string[] blocks = [.. File.ReadAllText(Repository.PathOf("Documentation~/agents.md")).Split("```csharp\n")[1..].Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])];
        Assert.That(blocks, Has.Length.GreaterThanOrEqualTo(4));
        foreach (string block in blocks) Assert.That(sources.Any(source => source.Contains(Outdent(block), StringComparison.Ordinal)), block);

        static string Outdent(string text) => string.Join('\n', text.Split('\n').Select(line => line.TrimStart()));
    }

    [Test]
    public void TheExampleLearnsInAGame()
    {
        using TestGl context = TestGls.Create();
        Silk.NET.OpenGL.GL gl = context.Api;
        using NeuralDevice device = NeuralDevice.Attach(gl);   // the game's Silk.NET.OpenGL.GL; CreateHeadless() on a server
        float early = Corridor.Play(device, frames: 60);       // below 2.5
        float late = Corridor.Play(device, frames: 2000);      // above 4 of at most 4.5: five steps to the goal, less a tenth each
        Assert.That(early, Is.LessThan(2.5f));
        Assert.That(late, Is.GreaterThan(4f));
    }

    [Test]
    public void ThePlayerIsRecordedAndLearnedFrom()
    {
        string folder = Directory.CreateTempSubdirectory().FullName, before = Environment.CurrentDirectory;
        try
        {
            Environment.CurrentDirectory = folder;
            Demonstration more = new(2, 3);
            more.Add([1, 2], 2);
            more.Save("more.safetensors");
            using AgentPopulation agents = new(TestDevice.Plain, new() { Observations = 2, Actions = 3, Learning = null });
            ProbeAgent player = new() { Observations = _ => [3, 4], Demonstration = self => self.StepCount % 2 == 0 ? 1 : 0 };
            agents.Add(player);
            agents.Recording = new Demonstration(observationCount: 2, actionCount: 3);   // kept raw, with the masks
            player.ActsByHeuristic = player.Demonstrates = true;                         // its Heuristic() returns the key that is down
            for (int frame = 0; frame < 10; frame++) agents.Update();
            agents.Recording.Save("play.safetensors");
            Demonstration shown = Demonstration.Load("play.safetensors");
            shown.Merge(Demonstration.Load("more.safetensors"));
            BehaviorCloning learning = new() { Demonstration = shown, BalanceActions = true };   // rare actions count as much as common ones
            Assert.That(shown.CountActions(), Is.EqualTo(new[] { 5, 5, 1 }));
            using AgentPopulation next = new(TestDevice.Plain, new() { Observations = 2, Actions = 3, Learning = learning });
            for (int frame = 0; frame < 5; frame++) next.Update();
            Assert.That(next.Progress.TrainingSteps, Is.EqualTo(5));
        }
        finally
        {
            Environment.CurrentDirectory = before;
            Directory.Delete(folder, recursive: true);
        }
    }
}
