using System.Diagnostics;

namespace NeuralPlugin.Samples;

/// <summary>
/// Three equal worlds: in one the creatures learn, each with its own brain, from reward alone; in one they move at random, which is the
/// floor; in one they follow a hand-written policy, which is the ceiling.
/// </summary>
internal sealed class ArenaTrial : IDisposable
{
    public const int Hidden = 32;

    /// <summary>The number of creatures shown.</summary>
    public const int Creatures = 300;

    /// <summary>The number of frames that the means cover.</summary>
    public const int Window = 300;

    /// <summary>Creatures whose decisions are inspected for the entropy.</summary>
    private const int Inspected = 16;

    /// <summary>A decision that is older is not of a creature's current brain: another inspection of it has begun.</summary>
    private const int FramesOfADecision = 10;

    private const ulong WorldStream = 1;
    private const ulong RandomStream = 2;

    private readonly AgentPopulation population;
    private readonly ArenaCreature[] creatures;
    private readonly AgentInspector[] inspectors;
    private readonly SeededRandom random;
    private readonly float[] seen = new float[ArenaWorld.Observations];
    private readonly ScriptTime scripts = new();
    private readonly int[] scripted;   // decided for all before any moves, as the learning creatures decide

    /// <param name="device">The device of the brains.</param>
    /// <param name="creatureCount">Creatures per world.</param>
    /// <param name="seed">Draws worlds, weights and actions.</param>
    /// <param name="budget">How much they learn per frame.</param>
    public ArenaTrial(NeuralDevice device, int creatureCount, int seed, TrainingBudget budget)
    {
        (Learning, Random, Script) = (World(), World(), World());
        random = new SeededRandom((ulong)seed, RandomStream);
        AgentPopulationOptions options = new()
        {
            Observations = ArenaWorld.Observations,
            Actions = ArenaWorld.Actions,
            Capacity = creatureCount,
            HiddenUnits = Hidden,
            Learning = ActorCritic.Quick,
            FrameBudget = budget.Time is { } time ? time : FrameBudget.Steps(Math.Max(1, budget.Steps)),
            Latency = 1,
            Seed = seed,
        };
        WarmUpProgress warmUp = device.WarmUp(AgentPopulation.KernelsFor(device, options));
        while (!warmUp.IsDone) device.Update();   // a game's loading screen
        population = new AgentPopulation(device, options) { Learns = !budget.IsOff };
        scripted = new int[creatureCount];
        creatures = [.. Enumerable.Range(0, creatureCount).Select(i => new ArenaCreature(Learning, i, scripts) { Name = $"creature {i}" })];
        foreach (var creature in creatures) population.Add(creature);
        inspectors = [.. creatures.Take(Inspected).Select(population.Inspect)];

        ArenaWorld World() => new(creatureCount, seed, WorldStream);
    }

    public ArenaWorld Learning { get; }

    public ArenaWorld Random { get; }

    public ArenaWorld Script { get; }

    public AgentProgress Progress => population.Progress;

    public AgentPopulation Population => population;

    /// <summary>The mean entropy of the policies of some creatures, in nats, in their last decisions; NaN before the first.</summary>
    public double Entropy
    {
        get
        {
            var (sum, count) = (0.0, 0);
            foreach (var inspector in inspectors)
            {
                if (inspector.Decisions == 0 || population.Frame - inspector.Frame > FramesOfADecision) continue;
                foreach (var p in inspector.Probabilities) sum -= p > 0 ? p * Math.Log(p) : 0;
                count++;
            }

            return sum / count;
        }
    }

    /// <summary>The agents, by the numbers of the creatures that learn.</summary>
    public IReadOnlyList<Agent> Agents => creatures;

    /// <summary>Frames so far.</summary>
    public int Frames { get; private set; }

    /// <summary>Reward per creature and hundred frames, over the last frames; for the learning creatures.</summary>
    public MovingMean Learned { get; } = new(Window);

    /// <summary>The same for those that move at random.</summary>
    public MovingMean Floor { get; } = new(Window);

    /// <summary>The same for those that follow the hand-written policy.</summary>
    public MovingMean Ceiling { get; } = new(Window);

    /// <summary>The cost of the learning creatures per frame, over the last frames.</summary>
    public AgentTimes Times { get; } = new(Window);

    /// <summary>The share of the gap from floor to ceiling that learning has closed, over the last frames.</summary>
    public double GapClosed => (Learned.Value - Floor.Value) / (Ceiling.Value - Floor.Value);

    /// <summary>One frame of all three worlds.</summary>
    public void Step()
    {
        for (var i = 0; i < creatures.Length; i++)
        {
            Script.Observe(i, seen);
            scripted[i] = ArenaWorld.Script(seen);
        }

        for (var i = 0; i < creatures.Length; i++)
        {
            Random.Move(i, random.NextInt32(ArenaWorld.Actions));
            Script.Move(i, scripted[i]);
        }

        var (start, bytes) = (Stopwatch.GetTimestamp(), GC.GetAllocatedBytesForCurrentThread());
        population.Update();
        var (all, ofScripts, allocated) = (Stopwatch.GetElapsedTime(start), scripts.Take(), GC.GetAllocatedBytesForCurrentThread() - bytes);
        var progress = population.Progress;   // its GPU time is that of the frame before
        Times.Add(new AgentFrameTime(ofScripts.TotalMilliseconds, (all - ofScripts).TotalMilliseconds, progress.TrainingTime > TimeSpan.Zero, allocated), progress.GpuTime);
        foreach (var world in (ReadOnlySpan<ArenaWorld>)[Learning, Random, Script]) world.Step();
        foreach (var creature in creatures) creature.TakeOutcome();
        Frames++;
        Learned.Add(MeanReward(Learning));
        Floor.Add(MeanReward(Random));
        Ceiling.Add(MeanReward(Script));
    }

    public void Dispose() => population.Dispose();

    private static double MeanReward(ArenaWorld world)
    {
        const int Frames = 100;
        var sum = 0.0;
        foreach (var reward in world.Rewards) sum += reward;
        return Frames * sum / world.Rewards.Length;
    }
}
