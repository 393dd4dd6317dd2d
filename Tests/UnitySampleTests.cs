using System.Reflection;
using Microsoft.CodeAnalysis.CSharp;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Samples/Unity compiles in Unity's version of C#, against our public API and a stand-in for the few types of Unity's that it uses (Tests/Unity), and its
/// agents act and learn. Nothing here is Unity: Documentation~/unity.md lists what remains unchecked.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class UnitySampleTests
{
    private const int Agents = 8;

    [Test]
    public void TheSampleCompilesAsUnityCompilesAndItsAgentsLearn()
    {
        Repository.RequireSources();
        Assembly sample = Compile();
        dynamic brain = Make(sample, "NeuralBrain");
        brain.Send("Awake");
        dynamic[] agents = [.. Enumerable.Range(0, Agents).Select(_ => Make(sample, "Seeker"))];
        foreach (dynamic agent in agents)
        {
            agent.Parent = brain;
            agent.Send("OnEnable");
        }

        AgentPopulation population = brain.Population;
        Assert.That(population.Count, Is.EqualTo(Agents));
        SampleAgents.RequireThatTheyLearn(population, () => brain.Send("Update"));
        agents[0].Send("OnDisable");
        Assert.That(population.Count, Is.EqualTo(Agents - 1));
        brain.Send("OnDestroy");
        agents[1].Send("OnDisable");   // in the order in which a scene happens to end
    }

    private static object Make(Assembly sample, string type) => Activator.CreateInstance(sample.GetType($"NeuralPlugin.Samples.{type}", throwOnError: true)!)!;

    private static Assembly Compile() => CompiledSources.Load(
        "NeuralPlugin.Samples.Unity", [.. Repository.FilesBelow("Samples/Unity/NeuralAgent", "*.cs"), Repository.PathOf("Tests/Unity/UnityEngine.cs")], LanguageVersion.CSharp9, UnassignedField);

    /// <summary>For a field that is only read: the engine writes fields with [SerializeField], and suppresses this warning.</summary>
    private const string UnassignedField = "CS0649";
}
