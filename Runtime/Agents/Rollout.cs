namespace NeuralPlugin;

/// <summary>
/// The decisions of agents since the previous rollout, in the order in which they came, with their outcomes. Those whose outcome is not known yet
/// when it closes begin the next one. Once made, it allocates nothing.
/// </summary>
internal sealed class Rollout
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
    private readonly int[] complete;            // starting at firstComplete, the decisions whose outcome is known, after Close
    private readonly int[] open;                // of each agent: its last decision, if its episode continues; -1 for none
    private readonly int[] awaiting;            // of each agent: its last decision that awaits a value; -1 for none
    private readonly int[] awaitingBefore;      // of a decision that awaits one: the previous one of its agent
    private readonly int[] sorted;
    private readonly int[] counts;
    private readonly Successor[] successors;    // of each agent, while advantages are computed

    private int incomplete;
    private int firstComplete;
    private int referencesRead;

    public Rollout(AgentPopulationOptions population, ActorCritic options, SeenTextures? seen)
    {
        this.seen = seen;
        Capacity = CapacityOf(population, options);
        observations = population.StackedObservations;
        actionCount = population.Actions;
        features = new float[checked(Capacity * observations)];
        allowed = new bool[checked(Capacity * actionCount)];
        looks = new int[Capacity];
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
        advantages = new float[Capacity];
        returns = new float[Capacity];
        complete = new int[Capacity];
        open = new int[population.Capacity];
        successors = new Successor[population.Capacity];
        sorted = new int[Capacity];
        counts = new int[population.Capacity + 1];
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
    public int LostCount => KnownCount - Complete.Length;

    /// <summary>After <see cref="Close"/>: the advantage of each decision over its value.</summary>
    public ReadOnlySpan<float> Advantages => advantages;

    /// <summary>After <see cref="Close"/>: the sum of a decision's advantage and value.</summary>
    public ReadOnlySpan<float> Returns => returns;

    /// <summary>The agent of each decision.</summary>
    public ReadOnlySpan<int> Owners => owners;

    /// <summary>The value of each decision: its expected return.</summary>
    public ReadOnlySpan<float> Values => values;

    /// <summary>After <see cref="Close"/>: the mean distance from the reference in the decisions that can be learned from; NaN without a reference.</summary>
    public float MeanDrift
    {
        get
        {
            if (referenceOutputs == 0) return float.NaN;
            double sum = 0;
            foreach (int at in Complete) sum += drifts[at];
            return (float)(sum / Complete.Length);
        }
    }

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
        looks[at] = decision.Look;
        seen?.Keep(decision.Look);
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
        for (int at = awaiting[agent]; at >= 0; at = awaitingBefore[at])
        {
            if (outcomes[at] != Outcome.Awaits || questions[at] != question) continue;
            outcomes[at] = Outcome.IsKnown;
            after[at] = value ?? values[at];
            incomplete--;
            return;
        }
    }

    /// <summary>Computes advantages and returns of the decisions whose outcome is known.</summary>
    public void Close(double discount, double lambda)
    {
        Array.Clear(successors);
        firstComplete = Count;
        for (int at = Count - 1; at >= 0; at--)
        {
            ref Successor next = ref successors[owners[at]];
            bool isLast = outcomes[at] != Outcome.GoesOn;
            if (IsIncomplete(at, next.Exists) || !double.IsFinite(rewards[at]))
            {
                next = new Successor(true, values[at], 0);
                continue;
            }

            double behind = isLast ? after[at] : next.Value, furtherAdvantage = isLast ? 0 : next.Advantage;
            double advantage = rewards[at] + (discount * behind) - values[at] + (discount * lambda * furtherAdvantage);
            (advantages[at], returns[at]) = ((float)advantage, (float)(advantage + values[at]));
            if (!float.IsFinite(advantages[at]) || !float.IsFinite(returns[at]))
            {
                next = new Successor(true, values[at], 0);
                continue;
            }

            next = new Successor(true, values[at], advantage);
            complete[--firstComplete] = at;
        }
    }

    /// <summary>Sorts the complete decisions by agent, each agent's in the order in which they came. Allocates nothing.</summary>
    public void SortByOwner()
    {
        Span<int> all = Complete;
        Array.Clear(counts);
        foreach (int at in all) counts[owners[at] + 1]++;
        for (int agent = 1; agent < counts.Length; agent++) counts[agent] += counts[agent - 1];
        foreach (int at in all) sorted[counts[owners[at]]++] = at;
        sorted.AsSpan(0, all.Length).CopyTo(all);
    }

    /// <summary>Starts over, with the decisions of a closed rollout whose outcome is not known.</summary>
    public void Continue(Rollout closed)
    {
        Clear();
        for (int at = 0; at < closed.Count; at++)
        {
            int agent = closed.owners[at];
            if (!closed.IsIncomplete(at, hasSuccessor: closed.open[agent] != at)) continue;
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
        (Count, incomplete, firstComplete) = (0, 0, 0);
    }

    /// <summary>
    /// Describes its state for files: everything, but if agents see textures, nothing is saved. Values that were asked for and have not arrived are lost.
    /// </summary>
    /// <param name="form">The population's form.</param>
    /// <param name="prefix">The prefix of its names.</param>
    /// <param name="hasClosed">Whether it is being learned from.</param>
    public void Describe(StateForm form, string prefix, bool hasClosed)
    {
        StateRows rows = new(Capacity, () => seen is null ? Count : 0, count => Count = count)
        {
            FindFault = (value, at) => TakenActions.FindFault(policy, value, prefix, at),
        };
        form.Floats($"{prefix}observed", rows, observations, features);
        form.Integers($"{prefix}agent", rows, owners, open.Length - 1);
        TakenActions.Describe(form, prefix, rows, policy, allowed, actions, taken);
        form.Floats($"{prefix}log_probability", rows, 1, logProbabilities);
        form.Floats($"{prefix}value", rows, 1, values);
        form.Sums($"{prefix}reward", rows, rewards);
        form.Add(new StateField($"{prefix}outcome", rows, 1, i => (int)outcomes[i], (i, outcome) => outcomes[i] = (Outcome)outcome) { IsWhole = true, Least = 0, Most = (int)Outcome.IsKnown });
        form.Add(new StateField($"{prefix}value_after", rows, 1, i => outcomes[i] == Outcome.IsKnown ? after[i] : 0, (i, value) => after[i] = (float)value));
        if (hasClosed) DescribeLearned(form, prefix, rows);
        else form.Then(StateForm.Experience, Reopen);
        if (referenceOutputs == 0) return;
        StateRows ofReference = new(Capacity, () => rows.Count(), count => referencesRead = count);
        form.Floats($"{prefix}reference", ofReference, referenceOutputs, references);
        form.Floats($"{prefix}drift", ofReference, 1, drifts);
        form.Then(StateForm.Experience, () =>
        {
            if (referencesRead != Count) Clear();   // what was collected without the reference cannot be held to it
        });
    }

    private void DescribeLearned(StateForm form, string prefix, StateRows rows)
    {
        StateRows order = new(Capacity, () => seen is null ? Complete.Length : 0, count => firstComplete = Count - Math.Min(count, Count))
        {
            FindFault = (value, i) => value($"{prefix}order", i) >= rows.Read || i >= rows.Read ? "there are not so many decisions" : null,
        };
        form.Floats($"{prefix}advantage", rows, 1, advantages);
        form.Floats($"{prefix}return", rows, 1, returns);
        form.Add(new StateField($"{prefix}order", order, 1, i => complete[firstComplete + i], (i, at) => complete[firstComplete + i] = (int)at) { IsWide = true, IsWhole = true, Least = 0 });
    }

    /// <summary>Finds the decisions that continue, which are the last of their agents, and stops waiting for values.</summary>
    private void Reopen()
    {
        open.AsSpan().Fill(-1);
        awaiting.AsSpan().Fill(-1);
        for (int at = 0; at < Count; at++)
        {
            if (outcomes[at] == Outcome.Awaits) (outcomes[at], after[at]) = (Outcome.IsKnown, values[at]);
            open[owners[at]] = outcomes[at] == Outcome.GoesOn ? at : -1;
        }

        incomplete = open.Count(at => at >= 0);
    }

    private bool IsIncomplete(int at, bool hasSuccessor) =>
        outcomes[at] == Outcome.Awaits || (outcomes[at] == Outcome.GoesOn && !hasSuccessor);

    /// <summary>The data of an agent's next decision, walking backward.</summary>
    private readonly record struct Successor(bool Exists, double Value, double Advantage);
}
