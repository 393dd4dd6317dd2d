using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// From which threads each public member may be called stands in Documentation~/background-device.md. A new member without a statement fails here, and so does a
/// statement that does not hold.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class ThreadSafetyTests
{
    /// <summary>Mutable, and of no device: the page says so in words.</summary>
    private static readonly Type[] LikeCollections =
    [
        typeof(BrainState), typeof(Demonstration), typeof(SeededRandom), typeof(VectorSensor), typeof(TextureSensor), typeof(ActionMask), typeof(ActionBuffers),
    ];

    /// <summary>Called by a population, on the thread of its Update: the page says so in words.</summary>
    private static readonly string[] Scripts =
        ["CollectObservations", "CollectTexture", "OnActionReceived", "Heuristic", "OnEpisodeBegin", "WriteDiscreteActionMask"];

    /// <summary>In turn, and not among the calls: they are tested elsewhere, or differ in an argument alone.</summary>
    private static readonly string[] NotCalled = ["DeviceVerification.Verify", "BatchTrainer.new", "InFrameTrainer.new", "TrainingSet.ForValues"];

    private readonly Dictionary<string, Statement> statements = [];

    [OneTimeSetUp]
    public void ReadThePage()
    {
        Repository.RequireSources();
        foreach (Match row in Row().Matches(File.ReadAllText(Repository.PathOf("Documentation~/background-device.md"))))
            statements.Add(row.Groups["type"].Value, new Statement(Names(row, "checked"), Names(row, "unchecked"), Names(row, "free")));
        Assert.That(statements, Has.Count.GreaterThan(20));

        static string[] Names(Match row, string column) => [.. Code().Matches(row.Groups[column].Value).Select(name => name.Groups["name"].Value)];
    }

    [Test]
    public void EachPublicMemberHasAStatement()
    {
        Type[] types = [.. typeof(NeuralDevice).Assembly.GetExportedTypes().Where(type => !IsValue(type) && !LikeCollections.Contains(type))];
        string[] members = [.. types.SelectMany(type => MembersOf(type).Select(member => $"{type.Name}.{member}"))];
        string[] stated = [.. Members(statement => [.. statement.All])];
        Assert.That(members.Except(stated), Is.Empty, "they have no statement");
        Assert.That(stated.Except(members), Is.Empty, "no such members are there");
        Assert.That(stated, Is.Unique);
    }

    /// <summary>Each public call that reaches a device, while another thread has a frame open.</summary>
    [Test]
    public void WhatIsInTurnIsRefusedBesideAnotherThreadsFrame()
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true, Threads = 1 });
        using PublicCalls calls = new(device);
        HashSet<string> refused = [];
        using (device.BeginFrame())
        {
            BesideThis(() =>
            {
                foreach ((string name, Action call) in calls.All())
                {
                    Assert.That(call, Throws.TypeOf<InvalidOperationException>().With.Message.Contains("one at a time"), name);
                    refused.Add(MemberOf(name));
                }
            });
        }

        Assert.That(refused.Except(Members(statement => statement.Checked)), Is.Empty, "it is in turn");
        Assert.That(Members(statement => statement.Checked).Except(refused).Except(NotCalled), Is.Empty, "it was not called");
        foreach ((string name, Action call) in calls.All(withFiles: false).Where(call => !call.Name.Contains("Texture", StringComparison.Ordinal)))
            Assert.That(call, Throws.Nothing, $"{name}: a call that was refused has done nothing");
    }

    /// <summary>Properties, while another thread has a frame open; and Dispose.</summary>
    [Test]
    public void WhatIsForAnyTimeWorksBesideAnotherThreadsFrame()
    {
        using NeuralDevice device = NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = true, Threads = 1 });
        PublicCalls calls = new(device);
        object[] objects = [device, .. typeof(PublicCalls).GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Select(field => field.GetValue(calls)!).Where(value => value is not null)];
        HashSet<string> read = [];
        using (device.BeginFrame())
        {
            BesideThis(() =>
            {
                foreach (object target in objects)
                {
                    for (Type? type = target.GetType(); type is not null; type = type.BaseType)
                    {
                        if (!statements.TryGetValue(type.Name, out Statement? statement)) continue;
                        foreach (string name in statement.Free)
                        {
                            if (type.GetProperty(name, Declared) is not { } property) continue;
                            Assert.That(() => property.GetValue(property.GetMethod!.IsStatic ? null : target), Throws.Nothing, name);
                            read.Add($"{type.Name}.{name}");
                        }
                    }
                }

                foreach (IDisposable target in objects.OfType<IDisposable>().Where(target => target != device)) target.Dispose();
                device.Dispose();
            });
        }

        Assert.That(read, Does.Contain("TrainingSet.Capacity").And.Contain("NetworkModel.Network").And.Contain("NeuralDevice.Memory"));
    }

    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static void BesideThis(Action work) => Task.Run(work).GetAwaiter().GetResult();

    private static string MemberOf(string call)
    {
        string[] words = call.Split(' ');
        return words[0] == "new" ? $"{words[1]}.new" : words[0];
    }

    private IEnumerable<string> Members(Func<Statement, string[]> column) =>
        statements.SelectMany(statement => column(statement.Value).Select(member => $"{statement.Key}.{member}"));

    /// <summary>What does not change, or, like a layer, has nothing that changes.</summary>
    private static bool IsValue(Type type)
    {
        bool isRecord = type.GetMethod("<Clone>$") is not null || type.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance) is not null;
        bool isUsed = type == typeof(PredictionRequest) || type == typeof(FrameScope);   // structures that stand for something else
        return !isUsed && (isRecord || type.IsValueType || typeof(Exception).IsAssignableFrom(type) || typeof(Layer).IsAssignableFrom(type) || type == typeof(KernelSet) || type == typeof(ActionSpec));
    }

    private static string[] MembersOf(Type type)
    {
        return [.. type.GetMembers(Declared)
            .Where(member => member is not FieldInfo && member.GetCustomAttribute<CompilerGeneratedAttribute>() is null)
            .Where(member => member is not MethodInfo { IsSpecialName: true } && !(type == typeof(Agent) && (member is ConstructorInfo || Scripts.Contains(member.Name))))
            .Where(member => !(type.IsValueType && member.Name is "Equals" or "GetHashCode" or "ToString"))
            .Select(member => member is ConstructorInfo ? "new" : member.Name)
            .Distinct()];
    }

    [GeneratedRegex(@"^[|] `(?<type>\w+)` [|](?<checked>[^|]*)[|](?<unchecked>[^|]*)[|](?<free>[^|]*)[|]$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`(?<name>\\w+)`")]
    private static partial Regex Code();

    private sealed record Statement(string[] Checked, string[] Unchecked, string[] Free)
    {
        public IEnumerable<string> All => [.. Checked, .. Unchecked, .. Free];
    }
}
