namespace NeuralPlugin;

/// <summary>
/// Decisions made by someone else, to learn from, each with the observations (raw, as the agent passed them), the chosen action, and the actions that
/// were allowed. It grows while an agent demonstrates, and can be saved, loaded and merged. It says which decisions are of one episode, so that brains
/// that read the observations of several decisions (<see cref="AgentPopulationOptions.NumStackedVectorObservations"/>) can learn from it.
/// </summary>
/// <remarks>It lives in memory, and needs no device. Not thread-safe.</remarks>
public sealed class Demonstration
{
    private float[] observations = [];
    private int[] actions = [];
    private bool[] allowed = [];
    private float[] taken = [];   // [decisions × numbers of an action], if it is more than one choice
    private int[] episodes = [];  // of each decision; -1 for unknown
    private int[] previous = [];  // for each decision, the previous one in its episode; -1 for none
    private int lastOfBegun = -1;
    private bool hasBegun;

    /// <summary>Makes an empty demonstration for actions that are one choice.</summary>
    /// <param name="observationCount">Observations per decision.</param>
    /// <param name="actionCount">Actions to choose from, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    public Demonstration(int observationCount, int actionCount)
        : this(observationCount, ActionSpec.MakeDiscrete(actionCount >= 2 ? actionCount
            : throw new ArgumentOutOfRangeException(nameof(actionCount), actionCount, "A demonstration needs at least 2 actions to choose from.")))
    {
    }

    /// <summary>Makes an empty demonstration.</summary>
    /// <param name="observationCount">Observations per decision.</param>
    /// <param name="actionSpec">The kinds of actions.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no observations.</exception>
    public Demonstration(int observationCount, ActionSpec actionSpec)
    {
        ArgumentNullException.ThrowIfNull(actionSpec);
        ObservationCount = Requirements.Size(observationCount, "observations");
        ActionSpec = actionSpec;
    }

    /// <summary>Observations per decision.</summary>
    public int ObservationCount { get; }

    /// <summary>The kinds of actions.</summary>
    public ActionSpec ActionSpec { get; }

    /// <summary>Discrete actions to choose from, of all branches together.</summary>
    public int ActionCount => ActionSpec.SumOfDiscreteBranchSizes;

    /// <summary>The number of decisions.</summary>
    public int Count { get; private set; }

    /// <summary>Episodes that its decisions are of; those of unknown episodes do not count.</summary>
    public int EpisodeCount { get; private set; }

    /// <summary>The number of the episode that a decision is of, from 0; -1 if it is unknown.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public int Episode(int decision) => episodes[Require(decision)];

    /// <summary>
    /// Says that the decisions that are added from now on are those of an episode, in their order. Before the first call, their episodes are unknown.
    /// Decisions that a population records need no call: they are of the agent's episode, or of a new one after decisions that were not recorded.
    /// </summary>
    public void BeginEpisode() => (hasBegun, lastOfBegun) = (true, -1);

    /// <summary>Adds a decision with actions of any kind. Allocates when the capacity is exceeded, and at least doubles it.</summary>
    /// <param name="observation">[observations], raw.</param>
    /// <param name="chosen">The chosen action: as many numbers as the <see cref="ActionSpec"/> says.</param>
    /// <param name="allowedActions">[discrete actions]: which were allowed; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a choice is not among the allowed ones.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such action in a branch.</exception>
    /// <exception cref="NonFiniteValueException">An observation or a continuous action is NaN or infinite.</exception>
    public void Add(ReadOnlySpan<float> observation, ActionBuffers chosen, ReadOnlySpan<bool> allowedActions = default)
    {
        PolicyShape policy = ActionSpec.Policy;
        Requirements.Length(chosen.DiscreteActions.Length, policy.Branches, "a choice in each branch", nameof(chosen));
        Requirements.Length(chosen.ContinuousActions.Length, policy.Continuous, "the continuous actions", nameof(chosen));
        Requirements.Finite(chosen.ContinuousActions, "continuous actions", nameof(chosen));
        Requirements.Length(observation.Length, ObservationCount, "the observations of a decision", nameof(observation));
        Requirements.Finite(observation, "observations", nameof(observation));
        if (!allowedActions.IsEmpty) Requirements.Length(allowedActions.Length, ActionCount, "a value an action, or none at all", nameof(allowedActions));
        for (int branch = 0; branch < policy.Branches; branch++)
        {
            int action = chosen.DiscreteActions[branch];
            if ((uint)action >= (uint)policy.SizeOf(branch))
                throw new ArgumentOutOfRangeException(nameof(chosen), action, $"The actions of branch {branch} are 0 to {policy.SizeOf(branch) - 1}.");
            if (!allowedActions.IsEmpty && !allowedActions[policy.FirstOf(branch) + action])
                throw new ArgumentException($"Action {action} of branch {branch} was chosen, but is not among the allowed ones.", nameof(allowedActions));
        }

        Append(observation, policy.IsOneBranch ? chosen.DiscreteActions[0] : 0, allowedActions);
        FollowBegun();
        Span<float> numbers = taken.AsSpan((Count - 1) * Numbers, Numbers);
        if (numbers.IsEmpty) return;
        for (int branch = 0; branch < policy.Branches; branch++) numbers[branch] = chosen.DiscreteActions[branch];
        chosen.ContinuousActions.CopyTo(numbers[policy.Branches..]);
    }

    /// <summary>Adds a decision with an action that is one choice. Allocates when the capacity is exceeded, and at least doubles it.</summary>
    /// <param name="observation">[observations], raw.</param>
    /// <param name="action">The chosen action.</param>
    /// <param name="allowedActions">[actions]: which were allowed; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or the action is not among the allowed ones.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such action.</exception>
    /// <exception cref="NonFiniteValueException">An observation is NaN or infinite.</exception>
    public void Add(ReadOnlySpan<float> observation, int action, ReadOnlySpan<bool> allowedActions = default)
    {
        if (!ActionSpec.Policy.IsOneBranch) throw new ArgumentException($"The actions are {ActionSpec}. Add an ActionBuffers.", nameof(action));
        Requirements.Length(observation.Length, ObservationCount, "the observations of a decision", nameof(observation));
        Requirements.Finite(observation, "observations", nameof(observation));
        if ((uint)action >= (uint)ActionCount)
            throw new ArgumentOutOfRangeException(nameof(action), action, $"The actions are 0 to {ActionCount - 1}.");
        if (!allowedActions.IsEmpty)
        {
            Requirements.Length(allowedActions.Length, ActionCount, "a value an action, or none at all", nameof(allowedActions));
            if (!allowedActions[action]) throw new ArgumentException($"Action {action} was chosen, but is not among the allowed ones.", nameof(allowedActions));
        }

        Append(observation, action, allowedActions);
        FollowBegun();
    }

    /// <summary>Adds a decision that was checked, of whose stacked observations only the newest are kept.</summary>
    /// <param name="shown">The decision.</param>
    /// <param name="before">The decision before it in its episode; -1 if it is the first.</param>
    /// <returns>Its number.</returns>
    internal int Add(in Decision shown, int before)
    {
        Append(shown.Observed[^ObservationCount..], shown.Action, shown.Allowed);
        shown.Taken.CopyTo(taken.AsSpan((Count - 1) * Numbers));
        Follow(before);
        return Count - 1;
    }

    private void FollowBegun()
    {
        if (!hasBegun) return;
        Follow(lastOfBegun);
        lastOfBegun = Count - 1;
    }

    /// <summary>Puts the last decision into the episode of another one, as its successor; with -1, into a new episode.</summary>
    private void Follow(int before)
    {
        previous[Count - 1] = before;
        episodes[Count - 1] = before < 0 ? EpisodeCount++ : episodes[before];
    }

    private void Append(ReadOnlySpan<float> observation, int action, ReadOnlySpan<bool> allowedActions)
    {
        Reserve(Count + 1);
        observation.CopyTo(observations.AsSpan(Count * ObservationCount));
        actions[Count] = action;
        episodes[Count] = previous[Count] = -1;
        Span<bool> mask = allowed.AsSpan(Count * ActionCount, ActionCount);
        if (allowedActions.IsEmpty) mask.Fill(true);
        else allowedActions.CopyTo(mask);
        Count++;
    }

    /// <summary>Appends all decisions of another demonstration.</summary>
    /// <exception cref="ArgumentException">Its number of observations or its actions differ.</exception>
    public void Merge(Demonstration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        other.RequireSizes(ObservationCount, ActionSpec.Policy, nameof(other));
        int count = other.Count;   // the other may be this one
        Reserve(checked(Count + count));
        other.observations.AsSpan(0, count * ObservationCount).CopyTo(observations.AsSpan(Count * ObservationCount));
        other.actions.AsSpan(0, count).CopyTo(actions.AsSpan(Count));
        other.allowed.AsSpan(0, count * ActionCount).CopyTo(allowed.AsSpan(Count * ActionCount));
        other.taken.AsSpan(0, count * Numbers).CopyTo(taken.AsSpan(Count * Numbers));
        for (int i = 0; i < count; i++)
        {
            episodes[Count + i] = other.episodes[i] < 0 ? -1 : other.episodes[i] + EpisodeCount;
            previous[Count + i] = other.previous[i] < 0 ? -1 : other.previous[i] + Count;
        }

        EpisodeCount += other.EpisodeCount;
        Count += count;
    }

    /// <summary>The observations of a decision, raw. Valid until the next one is added.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public ReadOnlySpan<float> Observation(int decision) => observations.AsSpan(Require(decision) * ObservationCount, ObservationCount);

    /// <summary>The chosen action if it is one choice; otherwise the choice in the first branch, or 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public int Action(int decision) => Numbers > 0 && ActionSpec.NumDiscreteActions > 0 ? (int)Taken(decision)[0] : actions[Require(decision)];

    /// <summary>Copies the chosen action, of any kind.</summary>
    /// <param name="decision">The decision.</param>
    /// <param name="into">Receives as many numbers as the <see cref="ActionSpec"/> says.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public void CopyAction(int decision, ActionBuffers into)
    {
        ReadOnlySpan<float> numbers = Taken(decision);
        for (int branch = 0; branch < into.DiscreteActions.Length; branch++) into.DiscreteActions[branch] = numbers.IsEmpty ? actions[decision] : (int)numbers[branch];
        if (!numbers.IsEmpty) numbers[ActionSpec.NumDiscreteActions..].CopyTo(into.ContinuousActions);
    }

    /// <summary>Which actions were allowed. Valid until the next decision is added.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public ReadOnlySpan<bool> AllowedActions(int decision) => allowed.AsSpan(Require(decision) * ActionCount, ActionCount);

    /// <summary>How often each discrete action was chosen, branch by branch. Allocates.</summary>
    public int[] CountActions()
    {
        int[] counts = new int[ActionCount];
        PolicyShape policy = ActionSpec.Policy;
        for (int decision = 0; decision < Count; decision++)
        {
            if (policy.IsOneBranch) counts[actions[decision]]++;
            for (int branch = 0; !policy.IsOneBranch && branch < policy.Branches; branch++) counts[policy.FirstOf(branch) + (int)Taken(decision)[branch]]++;
        }

        return counts;
    }

    /// <summary>
    /// Writes all decisions to a file in the safetensors format: observations [decisions × observations], actions [decisions], allowed_actions
    /// [decisions × actions], each 0 or 1; if an action is more than one choice, composed_actions [decisions × numbers of an action] replaces
    /// actions. If episodes are known, episodes [decisions] has their numbers. The file is replaced completely, or the previous one stays. Allocates.
    /// </summary>
    /// <param name="path">The file, new or existing, in an existing folder.</param>
    /// <exception cref="InvalidOperationException">There are no decisions.</exception>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public void Save(string path)
    {
        if (Count == 0) throw new InvalidOperationException("There is nothing to save: the demonstration has no decisions. Let an agent demonstrate first.");
        DemonstrationFile.Save(path, new DemonstrationFile.Content(
            ObservationCount, ActionSpec, observations.AsSpan(0, Count * ObservationCount).ToArray(), actions.AsSpan(0, Count).ToArray(),
            allowed.AsSpan(0, Count * ActionCount).ToArray(), taken.AsSpan(0, Count * Numbers).ToArray())
        {
            Episodes = EpisodeCount > 0 ? episodes.AsSpan(0, Count).ToArray() : [],
        });
    }

    /// <summary>Reads a file written by <see cref="Save"/>, and validates all of it. Allocates.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is not a demonstration, damaged or truncated; the message names the byte.</exception>
    /// <exception cref="IOException">The file does not exist, or cannot be read.</exception>
    public static Demonstration Load(string path)
    {
        DemonstrationFile.Content content = DemonstrationFile.Load(path);
        int count = content.Actions.Length;
        Demonstration loaded = new(content.ObservationCount, content.ActionSpec)
        {
            observations = content.Observations,
            actions = content.Actions,
            allowed = content.Allowed,
            taken = content.Taken,
            episodes = new int[count],
            previous = new int[count],
            Count = count,
        };
        loaded.NumberEpisodes(content.Episodes);
        return loaded;
    }

    /// <summary>Numbers the episodes of a file from 0, in the order in which they begin, and finds which decision follows on which.</summary>
    /// <param name="ofFile">[decisions], -1 for unknown; empty if none is known.</param>
    private void NumberEpisodes(int[] ofFile)
    {
        Dictionary<int, int> lastOf = [];
        for (int i = 0; i < Count; i++)
        {
            episodes[i] = previous[i] = -1;
            if (ofFile.Length == 0 || ofFile[i] < 0) continue;
            previous[i] = lastOf.GetValueOrDefault(ofFile[i], -1);
            episodes[i] = previous[i] < 0 ? EpisodeCount++ : episodes[previous[i]];
            lastOf[ofFile[i]] = i;
        }
    }

    /// <summary>
    /// The observations of a decision with those of the ones before it in its episode, as a brain reads them, but raw: oldest first, and zeros before
    /// there are so many.
    /// </summary>
    /// <param name="decision">The decision.</param>
    /// <param name="stacked">[stacked observations], written.</param>
    internal ReadOnlySpan<float> Stack(int decision, Span<float> stacked)
    {
        stacked.Clear();
        for (int end = stacked.Length; end > 0 && decision >= 0; end -= ObservationCount, decision = previous[decision])
            Observation(decision).CopyTo(stacked[(end - ObservationCount)..]);
        return stacked;
    }

    /// <summary>Requires the episodes of all decisions to be known, if the observations of several are stacked.</summary>
    internal void RequireEpisodes(int stackedDecisions, string name)
    {
        int unknown = stackedDecisions > 1 ? episodes.AsSpan(0, Count).IndexOf(-1) : -1;
        if (unknown < 0) return;
        throw new ArgumentException(
            $"The brains read the observations of {stackedDecisions} decisions at once, and the demonstration does not say which episode decision {unknown} is of. Record it " +
            $"with {nameof(AgentPopulation)}.{nameof(AgentPopulation.Recording)}, or call {nameof(BeginEpisode)} before adding the decisions of each episode.", name);
    }

    /// <summary>The chosen action if it is one choice; otherwise 0.</summary>
    internal int OneChoice(int decision) => actions[decision];

    /// <summary>The chosen action of a decision if it is more than one choice; otherwise empty.</summary>
    internal ReadOnlySpan<float> Taken(int decision) => taken.AsSpan(Require(decision) * Numbers, Numbers);

    internal void RequireSizes(int observationCount, PolicyShape policy, string name)
    {
        if (ObservationCount == observationCount && ActionSpec.Policy.Equals(policy)) return;
        throw new ArgumentException(
            $"The demonstration has {ObservationCount} observations and {ActionCount} actions, but {observationCount} observations and {policy.DiscreteOutputs} actions are needed" +
            (policy.IsOneBranch && ActionSpec.Policy.IsOneBranch ? "." : ", of the same branches and continuous actions."), name);
    }

    /// <summary>Numbers stored per action, beyond a choice in one branch.</summary>
    private int Numbers => ActionSpec.Policy.TakenNumbers;

    private int Require(int decision)
    {
        return (uint)decision < (uint)Count ? decision
            : throw new ArgumentOutOfRangeException(nameof(decision), decision, $"There are {Count} decisions, from 0 on.");
    }

    private void Reserve(int count)
    {
        if (actions.Length >= count) return;
        int room = Math.Max(count, 2 * actions.Length);
        Array.Resize(ref observations, checked(room * ObservationCount));
        Array.Resize(ref allowed, checked(room * ActionCount));
        Array.Resize(ref taken, checked(room * Numbers));
        Array.Resize(ref episodes, room);
        Array.Resize(ref previous, room);
        Array.Resize(ref actions, room);
    }
}
