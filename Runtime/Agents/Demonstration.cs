namespace NeuralPlugin;

/// <summary>
/// What somebody did, to learn from: decisions, each with the observations (raw, as the agent handed them over), the action that
/// was chosen, and the actions that were allowed. It grows while an agent demonstrates, can be saved, loaded and merged.
/// </summary>
/// <remarks>It lives in memory, and needs no device. Not thread-safe.</remarks>
public sealed class Demonstration
{
    private float[] observations = [];
    private int[] actions = [];
    private bool[] allowed = [];
    private float[] taken = [];   // [decisions × numbers of an action], where it is more than one choice

    /// <summary>Makes an empty demonstration of actions that are one choice.</summary>
    /// <param name="observationCount">Observations of a decision.</param>
    /// <param name="actionCount">Actions to choose from, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    public Demonstration(int observationCount, int actionCount)
        : this(observationCount, ActionSpec.MakeDiscrete(actionCount >= 2 ? actionCount
            : throw new ArgumentOutOfRangeException(nameof(actionCount), actionCount, "A demonstration needs at least 2 actions to choose from.")))
    {
    }

    /// <summary>Makes an empty demonstration.</summary>
    /// <param name="observationCount">Observations of a decision.</param>
    /// <param name="actionSpec">What actions are.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no observations.</exception>
    public Demonstration(int observationCount, ActionSpec actionSpec)
    {
        ArgumentNullException.ThrowIfNull(actionSpec);
        ObservationCount = Requirements.Size(observationCount, "observations");
        ActionSpec = actionSpec;
    }

    /// <summary>Observations of a decision.</summary>
    public int ObservationCount { get; }

    /// <summary>What actions are.</summary>
    public ActionSpec ActionSpec { get; }

    /// <summary>Discrete actions to choose from, of all branches together.</summary>
    public int ActionCount => ActionSpec.SumOfDiscreteBranchSizes;

    /// <summary>Decisions.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a decision of actions of any kind. Allocates when more are there than ever before, twice as much each time.</summary>
    /// <param name="observation">[observations], raw.</param>
    /// <param name="chosen">What was chosen: as many numbers as the <see cref="ActionSpec"/> says.</param>
    /// <param name="allowedActions">[discrete actions]: which could be chosen; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a choice is not among those that are allowed.</exception>
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
                throw new ArgumentException($"Action {action} of branch {branch} was chosen, and is not among those that are allowed.", nameof(allowedActions));
        }

        Append(observation, policy.IsOneBranch ? chosen.DiscreteActions[0] : 0, allowedActions);
        Span<float> numbers = taken.AsSpan((Count - 1) * Numbers, Numbers);
        if (numbers.IsEmpty) return;
        for (int branch = 0; branch < policy.Branches; branch++) numbers[branch] = chosen.DiscreteActions[branch];
        chosen.ContinuousActions.CopyTo(numbers[policy.Branches..]);
    }

    /// <summary>Adds a decision of actions that are one choice. Allocates when more are there than ever before, twice as much each time.</summary>
    /// <param name="observation">[observations], raw.</param>
    /// <param name="action">What was chosen.</param>
    /// <param name="allowedActions">[actions]: which could be chosen; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or the action is not among those that are allowed.</exception>
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
            if (!allowedActions[action]) throw new ArgumentException($"Action {action} was chosen, and is not among those that are allowed.", nameof(allowedActions));
        }

        Append(observation, action, allowedActions);
    }

    /// <summary>A decision that was checked.</summary>
    internal void Add(in Decision shown)
    {
        Append(shown.Observed, shown.Action, shown.Allowed);
        shown.Taken.CopyTo(taken.AsSpan((Count - 1) * Numbers));
    }

    private void Append(ReadOnlySpan<float> observation, int action, ReadOnlySpan<bool> allowedActions)
    {
        Reserve(Count + 1);
        observation.CopyTo(observations.AsSpan(Count * ObservationCount));
        actions[Count] = action;
        Span<bool> mask = allowed.AsSpan(Count * ActionCount, ActionCount);
        if (allowedActions.IsEmpty) mask.Fill(true);
        else allowedActions.CopyTo(mask);
        Count++;
    }

    /// <summary>Adds all decisions of another one behind its own.</summary>
    /// <exception cref="ArgumentException">It has other numbers of observations or actions.</exception>
    public void Merge(Demonstration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        other.RequireSizes(ObservationCount, ActionSpec.Policy, nameof(other));
        int count = other.Count;   // it may be this one
        Reserve(checked(Count + count));
        other.observations.AsSpan(0, count * ObservationCount).CopyTo(observations.AsSpan(Count * ObservationCount));
        other.actions.AsSpan(0, count).CopyTo(actions.AsSpan(Count));
        other.allowed.AsSpan(0, count * ActionCount).CopyTo(allowed.AsSpan(Count * ActionCount));
        other.taken.AsSpan(0, count * Numbers).CopyTo(taken.AsSpan(Count * Numbers));
        Count += count;
    }

    /// <summary>The observations of a decision, raw. Valid until the next one is added.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public ReadOnlySpan<float> Observation(int decision) => observations.AsSpan(Require(decision) * ObservationCount, ObservationCount);

    /// <summary>The action that was chosen, where it is one choice; else the choice in the first branch, or 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public int Action(int decision) => Numbers > 0 && ActionSpec.NumDiscreteActions > 0 ? (int)Taken(decision)[0] : actions[Require(decision)];

    /// <summary>Copies the action that was chosen, whatever it consists of.</summary>
    /// <param name="decision">Which.</param>
    /// <param name="into">As many numbers as the <see cref="ActionSpec"/> says, written.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public void CopyAction(int decision, ActionBuffers into)
    {
        ReadOnlySpan<float> numbers = Taken(decision);
        for (int branch = 0; branch < into.DiscreteActions.Length; branch++) into.DiscreteActions[branch] = numbers.IsEmpty ? actions[decision] : (int)numbers[branch];
        if (!numbers.IsEmpty) numbers[ActionSpec.NumDiscreteActions..].CopyTo(into.ContinuousActions);
    }

    /// <summary>Which actions could be chosen. Valid until the next decision is added.</summary>
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
    /// Writes all decisions to a file in the safetensors format: observations [decisions × observations], actions [decisions],
    /// allowed_actions [decisions × actions], each 0 or 1; where an action is more than one choice, composed_actions [decisions × numbers of an action] in place of actions. The file is replaced whole, or what was there stays. Allocates.
    /// </summary>
    /// <param name="path">The file, new or old, in a folder that exists.</param>
    /// <exception cref="InvalidOperationException">There are no decisions.</exception>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public void Save(string path)
    {
        if (Count == 0) throw new InvalidOperationException("There is nothing to save: the demonstration has no decisions. Let an agent demonstrate first.");
        DemonstrationFile.Save(path, new DemonstrationFile.Content(
            ObservationCount, ActionSpec, observations.AsSpan(0, Count * ObservationCount).ToArray(), actions.AsSpan(0, Count).ToArray(),
            allowed.AsSpan(0, Count * ActionCount).ToArray(), taken.AsSpan(0, Count * Numbers).ToArray()));
    }

    /// <summary>Reads a file of <see cref="Save"/>, and trusts nothing in it. Allocates.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="ModelFileException">The file is no demonstration, damaged or cut off; the message names the byte.</exception>
    /// <exception cref="IOException">There is no file, or it cannot be read.</exception>
    public static Demonstration Load(string path)
    {
        DemonstrationFile.Content content = DemonstrationFile.Load(path);
        return new Demonstration(content.ObservationCount, content.ActionSpec)
        {
            observations = content.Observations,
            actions = content.Actions,
            allowed = content.Allowed,
            taken = content.Taken,
            Count = content.Actions.Length,
        };
    }

    /// <summary>The action that was chosen, where it is one choice; else 0.</summary>
    internal int OneChoice(int decision) => actions[decision];

    /// <summary>What was chosen in a decision, where an action is more than one choice; else empty.</summary>
    internal ReadOnlySpan<float> Taken(int decision) => taken.AsSpan(Require(decision) * Numbers, Numbers);

    internal void RequireSizes(int observationCount, PolicyShape policy, string name)
    {
        if (ObservationCount == observationCount && ActionSpec.Policy.Equals(policy)) return;
        throw new ArgumentException(
            $"The demonstration has {ObservationCount} observations and {ActionCount} actions, and {observationCount} observations and {policy.DiscreteOutputs} actions are needed" +
            (policy.IsOneBranch && ActionSpec.Policy.IsOneBranch ? "." : ", of the same branches and continuous actions."), name);
    }

    /// <summary>Numbers that are kept of an action beside a choice in one branch.</summary>
    private int Numbers => ActionSpec.Policy.IsOneBranch ? 0 : ActionSpec.Policy.Numbers;

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
        Array.Resize(ref actions, room);
    }
}
