namespace NeuralPlugin;

/// <summary>
/// Decisions of several owners with their weights, first in, first out for each; if an owner's queue is full, its oldest is dropped. Once made, it
/// allocates nothing.
/// </summary>
internal sealed class DecisionQueue(int owners, int capacity, int observations, PolicyShape policy, SeenTextures? seen)
{
    private readonly int actions = policy.DiscreteOutputs;
    private readonly int numbers = policy.IsOneBranch ? 0 : policy.Numbers;
    private readonly float[] composed = new float[policy.IsOneBranch ? 0 : checked(owners * capacity * policy.Numbers)];
    private readonly float[] features = new float[checked(owners * capacity * observations)];
    private readonly int[] looks = new int[seen is null ? 0 : owners * capacity];
    private readonly int[] taken = new int[owners * capacity];
    private readonly float[] weights = new float[owners * capacity];
    private readonly bool[] allowed = new bool[checked(owners * capacity * policy.DiscreteOutputs)];
    private readonly int[] first = new int[owners];
    private readonly int[] count = new int[owners];

    public int Capacity => capacity;

    /// <summary>A decision, starting with the oldest; valid until the queue changes.</summary>
    public Decision this[int owner, int i] => new(Observed(owner, i), Look(owner, i), Action(owner, i), Allowed(owner, i)) { Taken = Taken(owner, i) };

    // The parts of a decision: where thousands of them are passed on in a frame, this saves writing and copying a Decision, a quarter of such a frame.

    /// <summary>Its observations.</summary>
    public ReadOnlySpan<float> Observed(int owner, int i) => features.AsSpan(At(owner, i) * observations, observations);

    /// <summary>The row of its texture; -1 for none.</summary>
    public int Look(int owner, int i) => seen is null ? -1 : looks[At(owner, i)];

    /// <summary>Its action if that is one choice.</summary>
    public int Action(int owner, int i) => taken[At(owner, i)];

    /// <summary>Its allowed actions.</summary>
    public ReadOnlySpan<bool> Allowed(int owner, int i) => allowed.AsSpan(At(owner, i) * actions, actions);

    /// <summary>Its action if that is more than one choice; otherwise empty.</summary>
    public ReadOnlySpan<float> Taken(int owner, int i) => composed.AsSpan(At(owner, i) * numbers, numbers);

    public int Count(int owner) => count[owner];

    public ref float Weight(int owner, int i) => ref weights[At(owner, i)];

    /// <summary>Adds a decision, and keeps its texture as long as the decision; false if the oldest had to be dropped.</summary>
    public bool Add(int owner, in Decision decision, float weight) => Add(owner, decision.Observed, decision.Look, decision.Action, decision.Allowed, decision.Taken, weight);

    /// <summary>The same with a decision of another queue.</summary>
    public bool Add(int owner, DecisionQueue from, int ofOwner, int i, float weight) =>
        Add(owner, from.Observed(ofOwner, i), from.Look(ofOwner, i), from.Action(ofOwner, i), from.Allowed(ofOwner, i), from.Taken(ofOwner, i), weight);

    public void Remove(int owner, int decisions)
    {
        for (int i = 0; seen is not null && i < decisions; i++) seen.Release(looks[At(owner, i)]);
        count[owner] -= decisions;
        first[owner] = count[owner] == 0 ? 0 : Wrapped(first[owner] + decisions);   // an empty queue starts over, in memory that the caches still hold
    }

    /// <summary>Describes its state for files, owner by owner, the oldest first; if agents see textures, nothing is saved.</summary>
    /// <param name="form">The population's form.</param>
    /// <param name="prefix">The prefix of its names.</param>
    public void Describe(StateForm form, string prefix)
    {
        int[] slots = [], ofOwners = new int[owners];
        StateRows rows = new(checked(owners * capacity), () => (slots = seen is null ? Slots() : []).Length, BeginReading) { FindFault = FindFault };
        form.Add(
            new StateField($"{prefix}owner", rows, 1, i => slots[i] / capacity, (i, owner) => slots[i] = ((int)owner * capacity) + count[(int)owner]++)
            {
                IsWide = true,
                IsWhole = true,
                Least = 0,
                Most = owners - 1,
            });
        form.Add(new StateField($"{prefix}observed", rows, observations, i => features[Of(i, observations)], (i, value) => features[Of(i, observations)] = (float)value));
        if (actions > 0)
        {
            form.Add(
                new StateField($"{prefix}allowed", rows, actions, i => allowed[Of(i, actions)] ? 1 : 0, (i, flag) => allowed[Of(i, actions)] = flag != 0)
                {
                    IsWhole = true,
                    Least = 0,
                    Most = 1,
                });
        }

        form.Add(
            numbers == 0 ? new StateField($"{prefix}action", rows, 1, i => taken[slots[i]], (i, action) => taken[slots[i]] = (int)action) { IsWhole = true, Least = 0, Most = actions - 1 }
                : new StateField($"{prefix}taken", rows, numbers, i => composed[Of(i, numbers)], (i, number) => composed[Of(i, numbers)] = (float)number));
        form.Add(new StateField($"{prefix}weight", rows, 1, i => weights[slots[i]], (i, weight) => weights[slots[i]] = (float)weight));

        int Of(int i, int columns) => (slots[i / columns] * columns) + (i % columns);

        void BeginReading(int decisions)
        {
            slots = new int[decisions];
            Array.Clear(first);
            Array.Clear(count);
        }

        string? FindFault(Func<string, int, double> value, int row)
        {
            if (row == 0) Array.Clear(ofOwners);
            if (++ofOwners[(int)value($"{prefix}owner", row)] > capacity) return $"its owner has more than {capacity} decisions";
            return TakenActions.FindFault(policy, value, prefix, row);
        }
    }

    /// <summary>The slots of all decisions, owner by owner.</summary>
    private int[] Slots() => [.. Enumerable.Range(0, owners).SelectMany(owner => Enumerable.Range(0, count[owner]).Select(i => At(owner, i)))];

    private bool Add(int owner, ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> mask, ReadOnlySpan<float> numbersTaken, float weight)
    {
        bool fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        int at = At(owner, count[owner]++);
        observed.CopyTo(features.AsSpan(at * observations));
        mask.CopyTo(allowed.AsSpan(at * actions));
        taken[at] = action;
        numbersTaken.CopyTo(composed.AsSpan(at * numbers));
        if (seen is not null)
        {
            looks[at] = look;
            seen.Keep(look);
        }

        weights[at] = weight;
        return fits;
    }

    private int At(int owner, int i) => (owner * capacity) + Wrapped(first[owner] + i);

    /// <summary>A place less than two rounds from the begin; a division would take longer than all else here.</summary>
    private int Wrapped(int place) => place < capacity ? place : place - capacity;
}
