using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Advantages and returns of a rollout against plain sums over each agent's own decisions.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class RolloutTests
{
    private const int Agents = 3, Observations = 2, Actions = 2;
    private const double Discount = 0.9, Lambda = 0.8;

    private static readonly AgentPopulationOptions Options =
        new() { Observations = Observations, Actions = Actions, Capacity = Agents, Brains = BrainSharing.Shared, Latency = 3 };

    /// <summary>The rows of a batch are those of the decisions, one by one.</summary>
    [Test]
    public void RowsOfABatchAreItsDecisions([Values(1, 2, 16, 37)] int observations)
    {
        const int Decisions = 40, Rows = 25;
        AgentPopulationOptions population = Options with { Observations = observations };
        Rollout rollout = new(population, new ActorCritic { RolloutSize = Decisions, LeastRolloutPerAgent = 1 }, null);
        SeededRandom random = new(3);
        float[] observed = new float[observations];
        for (int i = 0; i < Decisions; i++)
        {
            foreach (ref float number in observed.AsSpan()) number = random.NextSingle();
            rollout.Add(i % Agents, new Decision(observed, -1, i % 2, [i % 2 == 0 || i % 3 == 0, i % 2 == 1 || i % 5 == 0]) { LogProbability = -i });
        }

        int[] chosen = [.. Enumerable.Range(0, Rows).Select(_ => random.NextInt32(Decisions))];
        (float[] features, bool[] allowed) = (new float[Rows * observations], new bool[Rows * Actions]);
        (int[] looks, int[] actions, float[] logs, float[] taken) = (new int[Rows], new int[Rows], new float[Rows], new float[Rows]);
        rollout.CopyTo(chosen, new RolloutRows { Features = features, Allowed = allowed, Looks = looks, Actions = actions, LogProbabilities = logs, Taken = taken });
        for (int i = 0; i < Rows; i++)
        {
            Decision decision = rollout[chosen[i]];
            Assert.That(features.AsSpan(i * observations, observations).SequenceEqual(decision.Observed), $"row {i}");
            Assert.That(allowed.AsSpan(i * Actions, Actions).SequenceEqual(decision.Allowed), $"row {i}");
            Assert.That((looks[i], actions[i], taken[i], logs[i]), Is.EqualTo((-1, decision.Action, (float)decision.Action, (float)-chosen[i])), $"row {i}");
        }
    }

    /// <summary>Agents decide in random order; episodes end, are interrupted and cut off; and decisions whose outcome is unknown at the end of a rollout go into the next.</summary>
    [Test]
    public void AdvantagesAreDiscountedSumsOfErrors([Range(1, 20)] int seed)
    {
        SeededRandom random = new((ulong)seed);
        ActorCritic settings = new() { RolloutSize = 200, LeastRolloutPerAgent = 1 };
        (Rollout now, Rollout last) = (new(Options, settings, null), new(Options, settings, null));
        List<Made> made = [];
        Queue<(int Agent, long Question, Made Decision)> asked = [];
        int learned = 0;
        for (int happening = 0; happening < 400; happening++)
        {
            int agent = random.NextInt32(Agents);
            if (!now.IsOpen(agent) || random.NextInt32(3) > 0)
            {
                Made next = new(made.Count, agent, random.NextSingle(), random.NextSingle());
                made.Add(next);
                now.Add(agent, new Decision([next.Number, 0], -1, next.Number % 2, [true, next.Number % 3 > 0 || next.Number % 2 == 1]) { LogProbability = -next.Value, Value = next.Value });
                now.RewardOf(agent) += next.Reward;
            }
            else
            {
                Made ended = made.FindLast(one => one.Agent == agent)!;
                ended.Kind = random.NextInt32(3);
                switch (ended.Kind)
                {
                    case 0: now.End(agent, 0); break;
                    case 1: ended.Behind = ended.Value; now.End(agent, null); break;
                    default:
                        ended.IsAwaited = true;
                        now.Await(agent, happening);
                        asked.Enqueue((agent, happening, ended));
                        break;
                }
            }

            if (asked.Count > 0 && random.NextInt32(4) == 0)
            {
                (int owner, long question, Made decision) = asked.Dequeue();
                bool isLost = random.NextInt32(5) == 0;
                float value = random.NextSingle();
                now.TakeValue(owner, question, isLost ? null : value);
                (decision.IsAwaited, decision.Behind) = (false, isLost ? decision.Value : value);
            }

            if (random.NextInt32(30) > 0) continue;
            learned += CloseAndCompare(now, made);
            last.Continue(now);
            (now, last) = (last, now);
        }

        learned += CloseAndCompare(now, made);
        int awaited = made.Count(one => one.IsAwaited), open = Enumerable.Range(0, Agents).Count(now.IsOpen);
        Assert.That(learned, Is.EqualTo(made.Count - awaited - open), "each decision is learned from once");
        Assert.That(learned, Is.GreaterThan(200));
    }

    /// <summary>A reward beyond the range of a float is not learned from, and earlier decisions get the expected value.</summary>
    [Test]
    public void ARewardThatIsTooLargeIsLeftOut()
    {
        Rollout rollout = new(Options, new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 1 }, null);
        bool[] all = [true, true];
        foreach ((double reward, float value) in new[] { (1.0, 0.5f), (double.PositiveInfinity, 0.25f), (2.0, 0.75f) })
        {
            rollout.Add(0, new Decision([0, 0], -1, 0, all) { Value = value });
            rollout.RewardOf(0) += reward;
        }

        rollout.End(0, 0);
        rollout.Close(Discount, Lambda);
        Assert.That(rollout.Complete.ToArray(), Is.EqualTo(new[] { 0, 2 }));
        Assert.That(rollout.LostCount, Is.EqualTo(1));
        Assert.That(rollout.Advantages[0], Is.EqualTo(1 + (0.9 * 0.25) - 0.5).Within(1e-6));
        Assert.That(rollout.Returns[2], Is.EqualTo(2).Within(1e-6));
    }

    /// <summary>However it is cut, the closing of a rollout gives the same advantages, and the same order as a stable sort by agent.</summary>
    [Test]
    public void ClosingBitByBitGivesTheSame([Values(1, 3, 7, 500)] int piece)
    {
        SeededRandom random = new(5);
        ActorCritic settings = new() { RolloutSize = 200, LeastRolloutPerAgent = 1 };
        Rollout whole = new(Options, settings, null), cut = new(Options, settings, null, whole);
        Rollout[] both = [whole, cut];
        for (int i = 0; i < 300; i++)
        {
            int agent = random.NextInt32(Agents), ending = random.NextInt32(10);
            (float value, float reward) = (random.NextSingle(), i == 150 ? float.PositiveInfinity : random.NextSingle());
            foreach (Rollout rollout in both)
            {
                rollout.Add(agent, new Decision([i, 0], -1, 0, [true, true]) { Value = value });
                rollout.RewardOf(agent) += reward;
                if (ending == 0) rollout.End(agent, 0);
                else if (ending == 1) rollout.Await(agent, i);
                if (i % 3 == 0) rollout.TakeValue(agent, i - 3, 0.5f);
            }
        }

        whole.Close(Discount, Lambda);
        (int Owner, int At, float Advantage, float Return)[] expected =
            [.. whole.Complete.ToArray().Select(at => (whole.Owners[at], at, whole.Advantages[at], whole.Returns[at])).OrderBy(decision => decision.Item1)];
        int lost = whole.LostCount;
        cut.BeginClosing();
        int visited = 0;
        while (!cut.IsClosed) visited += cut.CloseSome(Discount, Lambda, piece);
        List<int> seen = [];
        while (!cut.IsSorted) seen.AddRange(cut.SortSome(piece));
        Assert.That(visited, Is.EqualTo(300));
        Assert.That(seen, Is.Ordered.And.Count.EqualTo(expected.Length), "each decision once, in the order in which they came");
        Assert.That(cut.Complete.ToArray().Select(at => (cut.Owners[at], at, cut.Advantages[at], cut.Returns[at])), Is.EqualTo(expected));
        Assert.That((cut.LostCount, lost), Is.EqualTo((1, 1)));
        int known = cut.KnownCount;
        cut.BeginClosingAgain();
        Assert.That(cut.KnownCount, Is.EqualTo(known), "found again from the outcomes alone");
    }

    private static int CloseAndCompare(Rollout rollout, List<Made> made)
    {
        rollout.Close(Discount, Lambda);
        HashSet<int> within = [.. Enumerable.Range(0, rollout.Count).Select(at => (int)rollout[at].Observed[0])];
        foreach (int at in rollout.Complete)
        {
            Made decision = made[(int)rollout[at].Observed[0]];
            Assert.That(rollout[at].Action, Is.EqualTo(decision.Number % 2));
            Assert.That(rollout.LogProbabilities[at], Is.EqualTo(-decision.Value));
            double expected = Advantage(decision, made, within);
            Assert.That(rollout.Advantages[at], Is.EqualTo(expected).Within(1e-5), $"decision {decision.Number}");
            Assert.That(rollout.Returns[at], Is.EqualTo(expected + decision.Value).Within(1e-5));
        }

        return rollout.Complete.Length;
    }

    /// <summary>Σ (Discount·Lambda)ᵏ δₜ₊ₖ to the end of the episode, or as far as the rollout reaches.</summary>
    private static double Advantage(Made decision, List<Made> made, HashSet<int> within)
    {
        double sum = 0, factor = 1;
        for (Made? at = decision; at is not null;)
        {
            Made? next = at.Kind < 0 ? made.Find(one => one.Agent == decision.Agent && one.Number > at.Number) : null;
            if (next is null && (at.Kind < 0 || at.IsAwaited)) break;   // its outcome is not known
            sum += factor * (at.Reward + (Discount * (next?.Value ?? at.Behind)) - at.Value);
            factor *= Discount * Lambda;
            at = next is not null && within.Contains(next.Number) ? next : null;
        }

        return sum;
    }

    private sealed class Made(int number, int agent, float reward, float value)
    {
        public int Number => number;

        public int Agent => agent;

        public float Reward => reward;

        public float Value => value;

        /// <summary>How its episode ended with it; -1 if it continued.</summary>
        public int Kind { get; set; } = -1;

        public float Behind { get; set; }

        public bool IsAwaited { get; set; }
    }
}
