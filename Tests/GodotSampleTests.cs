using System.Reflection;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Samples/Godot compiles in the C# of .NET 8 against our public API and a stand-in for the few Godot types that it uses (Tests/Godot), and its agents act and
/// learn. Nothing here is Godot.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class GodotSampleTests
{
    private const int Agents = 8;

    [Test]
    public void TheSampleCompilesAndItsAgentsLearn()
    {
        Repository.RequireSources();
        Assembly sample = Compile();
        dynamic brain = Make(sample, "NeuralBrain");
        for (int i = 0; i < Agents; i++) brain.AddChild((dynamic)Make(sample, "Seeker"));
        brain.Enter();
        AgentPopulation population = brain.Population;
        Assert.That(population.Count, Is.EqualTo(Agents));
        SampleAgents.RequireThatTheyLearn(population, () => brain.Process());
        brain.Exit();
        Assert.That((object?)brain.Population, Is.Null);
        dynamic alone = Make(sample, "Seeker");
        alone.Enter();   // reports that there is no brain
        alone.Exit();
    }

    private static object Make(Assembly sample, string type) => Activator.CreateInstance(sample.GetType($"NeuralPlugin.Samples.{type}", throwOnError: true)!)!;

    private static Assembly Compile() => CompiledSources.Load(
        "NeuralPlugin.Samples.Godot", [.. Repository.FilesBelow("Samples/Godot", "*.cs"), Repository.PathOf("Tests/Godot/Godot.cs")], LanguageVersion.CSharp12);
}
