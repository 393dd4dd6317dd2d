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
    public Decision this[int owner, int i]
    {
        get
        {
            int at = At(owner, i);
            return new Decision(
                features.AsSpan(at * observations, observations), seen is null ? -1 : looks[at], taken[at], allowed.AsSpan(at * actions, actions))
            {
                Taken = composed.AsSpan(at * numbers, numbers),
            };
        }
    }

    public int Count(int owner) => count[owner];

    public ref float Weight(int owner, int i) => ref weights[At(owner, i)];

    /// <summary>Adds a decision, and keeps its texture as long as the decision; false if the oldest had to be dropped.</summary>
    public bool Add(int owner, in Decision decision, float weight)
    {
        bool fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        int at = At(owner, count[owner]++);
        decision.Observed.CopyTo(features.AsSpan(at * observations));
        decision.Allowed.CopyTo(allowed.AsSpan(at * actions));
        taken[at] = decision.Action;
        decision.Taken.CopyTo(composed.AsSpan(at * numbers));
        if (seen is not null)
        {
            looks[at] = decision.Look;
            seen.Keep(decision.Look);
        }

        weights[at] = weight;
        return fits;
    }

    public void Remove(int owner, int decisions)
    {
        for (int i = 0; seen is not null && i < decisions; i++) seen.Release(looks[At(owner, i)]);
        first[owner] = (first[owner] + decisions) % capacity;
        count[owner] -= decisions;
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

    private int At(int owner, int i) => (owner * capacity) + ((first[owner] + i) % capacity);
}
