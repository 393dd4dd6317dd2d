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

    /// <summary>Makes an empty demonstration.</summary>
    /// <param name="observationCount">Observations of a decision.</param>
    /// <param name="actionCount">Actions to choose from, at least 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    public Demonstration(int observationCount, int actionCount)
    {
        ObservationCount = Requirements.Size(observationCount, "observations");
        if (actionCount < 2) throw new ArgumentOutOfRangeException(nameof(actionCount), actionCount, "A demonstration needs at least 2 actions to choose from.");
        ActionCount = Requirements.Size(actionCount, "actions");
    }

    /// <summary>Observations of a decision.</summary>
    public int ObservationCount { get; }

    /// <summary>Actions to choose from.</summary>
    public int ActionCount { get; }

    /// <summary>Decisions.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a decision. Allocates when more are there than ever before, twice as much each time.</summary>
    /// <param name="observation">[observations], raw.</param>
    /// <param name="action">What was chosen.</param>
    /// <param name="allowedActions">[actions]: which could be chosen; empty for all.</param>
    /// <exception cref="ArgumentException">A length does not fit, or the action is not among those that are allowed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such action.</exception>
    /// <exception cref="NonFiniteValueException">An observation is NaN or infinite.</exception>
    public void Add(ReadOnlySpan<float> observation, int action, ReadOnlySpan<bool> allowedActions = default)
    {
        Requirements.Length(observation.Length, ObservationCount, "the observations of a decision", nameof(observation));
        Requirements.Finite(observation, "observations", nameof(observation));
        if ((uint)action >= (uint)ActionCount)
            throw new ArgumentOutOfRangeException(nameof(action), action, $"The actions are 0 to {ActionCount - 1}.");
        if (!allowedActions.IsEmpty)
        {
            Requirements.Length(allowedActions.Length, ActionCount, "a value an action, or none at all", nameof(allowedActions));
            if (!allowedActions[action]) throw new ArgumentException($"Action {action} was chosen, and is not among those that are allowed.", nameof(allowedActions));
        }

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
        other.RequireSizes(ObservationCount, ActionCount, nameof(other));
        int count = other.Count;   // it may be this one
        Reserve(checked(Count + count));
        other.observations.AsSpan(0, count * ObservationCount).CopyTo(observations.AsSpan(Count * ObservationCount));
        other.actions.AsSpan(0, count).CopyTo(actions.AsSpan(Count));
        other.allowed.AsSpan(0, count * ActionCount).CopyTo(allowed.AsSpan(Count * ActionCount));
        Count += count;
    }

    /// <summary>The observations of a decision, raw. Valid until the next one is added.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public ReadOnlySpan<float> Observation(int decision) => observations.AsSpan(Require(decision) * ObservationCount, ObservationCount);

    /// <summary>The action that was chosen.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public int Action(int decision) => actions[Require(decision)];

    /// <summary>Which actions could be chosen. Valid until the next decision is added.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such decision.</exception>
    public ReadOnlySpan<bool> AllowedActions(int decision) => allowed.AsSpan(Require(decision) * ActionCount, ActionCount);

    /// <summary>How often each action was chosen. Allocates.</summary>
    public int[] CountActions()
    {
        int[] counts = new int[ActionCount];
        foreach (int action in actions.AsSpan(0, Count)) counts[action]++;
        return counts;
    }

    /// <summary>
    /// Writes all decisions to a file in the safetensors format: observations [decisions × observations], actions [decisions],
    /// allowed_actions [decisions × actions], each 0 or 1. The file is replaced whole, or what was there stays. Allocates.
    /// </summary>
    /// <param name="path">The file, new or old, in a folder that exists.</param>
    /// <exception cref="InvalidOperationException">There are no decisions.</exception>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public void Save(string path)
    {
        if (Count == 0) throw new InvalidOperationException("There is nothing to save: the demonstration has no decisions. Let an agent demonstrate first.");
        DemonstrationFile.Save(
            path, observations.AsSpan(0, Count * ObservationCount).ToArray(), actions.AsSpan(0, Count).ToArray(), allowed.AsSpan(0, Count * ActionCount).ToArray());
    }

    /// <summary>Reads a file of <see cref="Save"/>, and trusts nothing in it. Allocates.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ArgumentException">The path is empty or no path.</exception>
    /// <exception cref="ModelFileException">The file is no demonstration, damaged or cut off; the message names the byte.</exception>
    /// <exception cref="IOException">There is no file, or it cannot be read.</exception>
    public static Demonstration Load(string path)
    {
        (int observationCount, float[] observations, int[] actions, bool[] allowed) = DemonstrationFile.Load(path);
        return new Demonstration(observationCount, allowed.Length / actions.Length)
        {
            observations = observations,
            actions = actions,
            allowed = allowed,
            Count = actions.Length,
        };
    }

    internal void RequireSizes(int observationCount, int actionCount, string name)
    {
        if (ObservationCount == observationCount && ActionCount == actionCount) return;
        throw new ArgumentException(
            $"The demonstration has {ObservationCount} observations and {ActionCount} actions, and {observationCount} observations and {actionCount} actions are needed.", name);
    }

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
        Array.Resize(ref actions, room);
    }
}
