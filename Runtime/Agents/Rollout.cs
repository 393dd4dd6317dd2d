namespace NeuralPlugin;

/// <summary>
/// The decisions of agents since the previous rollout, in the order in which they came, with their outcomes. Those whose outcome is not known yet
/// when it closes begin the next one. Once made, it allocates nothing.
/// </summary>
internal sealed partial class Rollout
{
    private readonly SeenTextures? seen;
    private readonly int observations;
    private readonly int actionCount;
    private readonly float[] features;          // [capacity × observations]
    private readonly bool[] allowed;            // [capacity × actions]
    private readonly int[] looks;
    private readonly int[] owners;              // the agent of each decision
    private readonly int[] actions;
    private readonly int takenNumbers;
    private readonly float[] taken;             // [capacity × numbers of an action], if it is more than one choice
    private readonly PolicyShape policy;
    private readonly float[] logProbabilities;
    private readonly float[] values;
    private readonly int referenceOutputs;
    private readonly float[] references;        // [capacity × outputs of a policy], if there is a reference
    private readonly float[] drifts;
    private readonly double[] rewards;
    private readonly Outcome[] outcomes;
    private readonly float[] after;             // the value after the last decision of an episode
    private readonly long[] questions;          // the frame in which that value was asked for
    private readonly float[] advantages;
    private readonly float[] returns;
    private int[] complete;                     // starting at firstComplete, the decisions whose outcome is known, after Close
    private readonly int[] open;                // of each agent: its last decision, if its episode continues; -1 for none
    private readonly int[] awaiting;            // of each agent: its last decision that awaits a value; -1 for none
    private readonly int[] awaitingBefore;      // of a decision that awaits one: the previous one of its agent
    private int[] sorted;                       // where they are sorted; and, between two rollouts, what continues
    private readonly int[] counts;
    private readonly Successor[] successors;    // of each agent, while advantages are computed

    private int incomplete;
    private int unclosed;                       // the first decisions, which Close has not come to
    private int placed;                         // of the complete ones, those that are sorted
    private int firstComplete;
    private int referencesRead;

    /// <param name="population">The options that the agents share.</param>
    /// <param name="options">How they learn.</param>
    /// <param name="seen">The textures that they have seen; null for none.</param>
    /// <param name="other">The rollout that this one alternates with, of which only one is closed at a time: they share the memory for what is known of a closed one.</param>
    public Rollout(AgentPopulationOptions population, ActorCritic options, SeenTextures? seen, Rollout? other = null)
    {
        this.seen = seen;
        Capacity = CapacityOf(population, options);
        observations = population.StackedObservations;
        actionCount = population.Actions;
        features = new float[checked(Capacity * observations)];
        allowed = new bool[checked(Capacity * actionCount)];
        looks = new int[seen is null ? 0 : Capacity];
        owners = new int[Capacity];
        actions = new int[Capacity];
        policy = population.Policy;
        takenNumbers = population.Policy.TakenNumbers;
        taken = new float[checked(Capacity * takenNumbers)];
        logProbabilities = new float[Capacity];
        values = new float[Capacity];
        referenceOutputs = options.Reference is null ? 0 : policy.Outputs;
        references = new float[checked(Capacity * referenceOutputs)];
        drifts = new float[referenceOutputs == 0 ? 0 : Capacity];
        rewards = new double[Capacity];
        outcomes = new Outcome[Capacity];
        after = new float[Capacity];
        questions = new long[Capacity];
        advantages = other?.advantages ?? new float[Capacity];
        returns = other?.returns ?? new float[Capacity];
        complete = other?.complete ?? new int[Capacity];
        open = new int[population.Capacity];
        successors = other?.successors ?? new Successor[population.Capacity];
        sorted = other?.sorted ?? new int[Capacity];
        counts = other?.counts ?? new int[population.Capacity + 1];
        awaiting = new int[population.Capacity];
        awaitingBefore = new int[Capacity];
        open.AsSpan().Fill(-1);
        awaiting.AsSpan().Fill(-1);
    }

    /// <summary>What is known about the time after a decision.</summary>
    private enum Outcome : byte
    {
        /// <summary>The episode continues, with the agent's next decision if there is one.</summary>
        GoesOn,

        /// <summary>The episode was interrupted, and the value after it is still to come.</summary>
        Awaits,

        /// <summary>The episode was over, and the missing return is known: 0, or a value.</summary>
        IsKnown,
    }

    /// <summary>The maximum number of decisions.</summary>
    public int Capacity { get; }

    /// <summary>The number of decisions in it.</summary>
    public int Count { get; private set; }

    /// <summary>The number whose outcome is known.</summary>
    public int KnownCount => Count - incomplete;

    /// <summary>After <see cref="Close"/>: the decisions that can be learned from.</summary>
    public Span<int> Complete => complete.AsSpan(firstComplete, Count - firstComplete);

    /// <summary>After <see cref="Close"/>: the number that cannot, because their reward or return exceeds what a float holds.</summary>
    public int LostCount { get; private set; }

    /// <summary>Whether <see cref="CloseSome"/> has come to all decisions.</summary>
    public bool IsClosed => unclosed == 0;

    /// <summary>After <see cref="Close"/>: the advantage of each decision over its value.</summary>
    public ReadOnlySpan<float> Advantages => advantages;

    /// <summary>After <see cref="Close"/>: the sum of a decision's advantage and value.</summary>
    public ReadOnlySpan<float> Returns => returns;

    /// <summary>The agent of each decision.</summary>
    public ReadOnlySpan<int> Owners => owners;

    /// <summary>The value of each decision: its expected return.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>The distance from the reference in each decision; empty without a reference.</summary>
    public ReadOnlySpan<float> Drifts => drifts;

    /// <summary>The log probability of each decision.</summary>
    public ReadOnlySpan<float> LogProbabilities => logProbabilities;

    /// <summary>
    /// Twice the number collected before learning, in case the budget is late, plus one decision of each agent that continues or awaits its value.
    /// </summary>
    public static int CapacityOf(AgentPopulationOptions population, ActorCritic options)
    {
        int ofBrains = population.Brains == BrainSharing.Shared ? options.RolloutOf(population.Capacity) : checked(population.BrainCount * options.RolloutOfOwnBrain);
        return checked((2 * ofBrains) + (population.Capacity * (2 + population.RequestCount)));
    }

    /// <summary>A decision, valid until the rollout changes.</summary>
    public Decision this[int i] =>
        new(features.AsSpan(i * observations, observations), seen is null ? -1 : looks[i], actions[i], allowed.AsSpan(i * actionCount, actionCount))
        {
            Taken = taken.AsSpan(i * takenNumbers, takenNumbers),
            Reference = references.AsSpan(i * referenceOutputs, referenceOutputs),
            Drift = referenceOutputs == 0 ? 0 : drifts[i],
        };

    /// <summary>Whether an agent has a decision that continues.</summary>
    public bool IsOpen(int agent) => open[agent] >= 0;

    /// <summary>The reward so far of the decision that an agent is carrying out; there must be one.</summary>
    public ref double RewardOf(int agent) => ref rewards[open[agent]];

    /// <summary>An agent begins to carry out a decision; there must be room.</summary>
    public void Add(int agent, in Decision decision)
    {
        if (open[agent] < 0) incomplete++;   // otherwise the previous one is complete instead
        int at = Count++;
        open[agent] = at;
        decision.Observed.CopyTo(features.AsSpan(at * observations));
        decision.Allowed.CopyTo(allowed.AsSpan(at * actionCount));
        if (seen is not null)
        {
            looks[at] = decision.Look;
            seen.Keep(decision.Look);
        }

        owners[at] = agent;
        actions[at] = decision.Action;
        decision.Taken.CopyTo(taken.AsSpan(at * takenNumbers));
        logProbabilities[at] = decision.LogProbability;
        values[at] = decision.Value;
        if (referenceOutputs > 0)
        {
            decision.Reference.CopyTo(references.AsSpan(at * referenceOutputs));
            drifts[at] = decision.Drift;
        }

        rewards[at] = 0;
        outcomes[at] = Outcome.GoesOn;
    }

    /// <summary>An agent's episode is over, and its missing return is known.</summary>
    /// <param name="agent">Its number; it has a decision that continues.</param>
    /// <param name="valueBehind">The missing return; null for the value of the decision itself.</param>
    public void End(int agent, float? valueBehind)
    {
        int at = open[agent];
        outcomes[at] = Outcome.IsKnown;
        after[at] = valueBehind ?? values[at];
        open[agent] = -1;
        incomplete--;
    }

    /// <summary>An agent's episode is over, and the value of its missing return was asked for.</summary>
    public void Await(int agent, long question)
    {
        int at = open[agent];
        outcomes[at] = Outcome.Awaits;
        questions[at] = question;
        open[agent] = -1;
        (awaitingBefore[at], awaiting[agent]) = (awaiting[agent], at);
    }

    /// <summary>Takes the value that was asked for; null if it was lost. Does nothing if none is awaited.</summary>
    public void TakeValue(int agent, long question, float? value)
    {
        for (int at = awaiting[agent], later = -1; at >= 0; later = at, at = awaitingBefore[at])
        {
            if (questions[at] != question) continue;
            if (later < 0) awaiting[agent] = awaitingBefore[at];
            else awaitingBefore[later] = awaitingBefore[at];
            outcomes[at] = Outcome.IsKnown;
            after[at] = value ?? values[at];
            incomplete--;
            return;
        }
    }

    /// <summary>Computes advantages and returns of the decisions whose outcome is known.</summary>
    public void Close(double discount, double lambda)
    {
        BeginClosing();
        CloseSome(discount, lambda, Count);
    }

    /// <summary>Begins what <see cref="CloseSome"/> continues. No decisions follow.</summary>
    public void BeginClosing()
    {
        Array.Clear(successors);
        Array.Clear(counts);
        (unclosed, firstComplete, placed, LostCount) = (Count, Count, 0, 0);
    }

    /// <summary>The same after the rollout was read from a file, which does not say how many outcomes are unknown.</summary>
    public void BeginClosingAgain()
    {
        BeginClosing();
        incomplete = 0;
        for (int at = Count - 1; at >= 0; at--)
        {
            if (IsIncomplete(at, successors[owners[at]].Exists)) incomplete++;
            successors[owners[at]] = new Successor(true, 0, 0);
        }

        Array.Clear(successors);
    }

    /// <summary>Computes the advantages and returns of some decisions, from the last one on.</summary>
    /// <returns>How many decisions it has come to.</returns>
    public int CloseSome(double discount, double lambda, int most)
    {
        int first = Math.Max(0, unclosed - most), count = unclosed - first;
        for (int at = unclosed - 1; at >= first; at--)
        {
            ref Successor next = ref successors[owners[at]];
            bool isLast = outcomes[at] != Outcome.GoesOn;
            if (IsIncomplete(at, next.Exists))
            {
                next = new Successor(true, values[at], 0);
                continue;
            }

            if (!double.IsFinite(rewards[at]))
            {
                LostCount++;
                next = new Successor(true, values[at], 0);
                continue;
            }

            double behind = isLast ? after[at] : next.Value, furtherAdvantage = isLast ? 0 : next.Advantage;
            double advantage = rewards[at] + (discount * behind) - values[at] + (discount * lambda * furtherAdvantage);
            (advantages[at], returns[at]) = ((float)advantage, (float)(advantage + values[at]));
            if (!float.IsFinite(advantages[at]) || !float.IsFinite(returns[at]))
            {
                LostCount++;
                next = new Successor(true, values[at], 0);
                continue;
            }

            next = new Successor(true, values[at], advantage);
            complete[--firstComplete] = at;
            counts[owners[at] + 1]++;
        }

        unclosed = first;
        if (IsClosed) FindPlaces();
        return count;
    }

    /// <summary>Whether <see cref="SortSome"/> has come to all.</summary>
    public bool IsSorted => placed == Complete.Length;

    /// <summary>
    /// After <see cref="CloseSome"/> has come to all: sorts some of the complete decisions by agent, each agent's in the order in which they came. Those that
    /// <see cref="Complete"/> gives are not sorted before all are. Allocates nothing.
    /// </summary>
    /// <returns>The decisions that were sorted, in the order in which they came.</returns>
    public ReadOnlySpan<int> SortSome(int most)
    {
        ReadOnlySpan<int> some = Complete[placed..][..Math.Min(most, Complete.Length - placed)];
        foreach (int at in some) sorted[firstComplete + counts[owners[at]]++] = at;
        placed += some.Length;
        if (placed == Complete.Length) (complete, sorted) = (sorted, complete);
        return some;
    }

    /// <summary>Sorts all complete decisions of a rollout that was read from a file by agent, each agent's in the order of the file.</summary>
    public void SortByOwner()
    {
        Array.Clear(counts);
        foreach (int at in Complete) counts[owners[at] + 1]++;
        FindPlaces();
        placed = 0;
        SortSome(Complete.Length);
    }

    /// <summary>
    /// Starts over, with the decisions of a rollout whose outcome is not known. That one is not continued; it takes time for these decisions alone, so that it
    /// can be closed bit by bit.
    /// </summary>
    public void Continue(Rollout closed)
    {
        Clear();
        foreach (int at in closed.Unfinished())
        {
            int agent = closed.owners[at];
            bool goesOn = closed.outcomes[at] == Outcome.GoesOn;
            (int wasOpen, open[agent]) = (open[agent], -1);
            Add(agent, closed[at] with { LogProbability = closed.logProbabilities[at], Value = closed.values[at] });
            rewards[Count - 1] = closed.rewards[at];
            outcomes[Count - 1] = closed.outcomes[at];
            questions[Count - 1] = closed.questions[at];
            if (goesOn) continue;
            open[agent] = wasOpen;
            (awaitingBefore[Count - 1], awaiting[agent]) = (awaiting[agent], Count - 1);
        }
    }

    /// <summary>Removes the decisions, after they are learned from or given up.</summary>
    public void Clear()
    {
        for (int at = 0; seen is not null && at < Count; at++) seen.Release(looks[at]);
        open.AsSpan().Fill(-1);
        awaiting.AsSpan().Fill(-1);
        (Count, incomplete, firstComplete, unclosed, placed, LostCount) = (0, 0, 0, 0, 0, 0);
    }

    /// <summary>From the numbers of each agent's complete decisions, where each agent's begin.</summary>
    private void FindPlaces()
    {
        for (int agent = 1; agent < counts.Length; agent++) counts[agent] += counts[agent - 1];
    }

    /// <summary>The decisions whose outcome is not known, in the order in which they came.</summary>
    private ReadOnlySpan<int> Unfinished()
    {
        int count = 0;
        for (int agent = 0; agent < open.Length; agent++)
        {
            if (open[agent] >= 0) sorted[count++] = open[agent];
            for (int at = awaiting[agent]; at >= 0; at = awaitingBefore[at]) sorted[count++] = at;
        }

        Array.Sort(sorted, 0, count);
        return sorted.AsSpan(0, count);
    }

    private bool IsIncomplete(int at, bool hasSuccessor) =>
        outcomes[at] == Outcome.Awaits || (outcomes[at] == Outcome.GoesOn && !hasSuccessor);

    /// <summary>The data of an agent's next decision, walking backward.</summary>
    private readonly record struct Successor(bool Exists, double Value, double Advantage);
}
