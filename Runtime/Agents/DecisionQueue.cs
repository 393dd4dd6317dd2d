namespace NeuralPlugin;

/// <summary>
/// Decisions of several owners with their weights, first in, first out for each; if an owner's queue is full, its oldest is dropped. Once made, it
/// allocates nothing.
/// </summary>
internal sealed class DecisionQueue(int owners, int capacity, int observations, PolicyShape policy, SeenTextures? seen)
{
    private readonly int actions = policy.DiscreteOutputs;
    private readonly int numbers = policy.TakenNumbers;
    private readonly DecisionRows decisions = new(checked(owners * capacity), observations, policy);
    private readonly int[] first = new int[owners];
    private readonly int[] count = new int[owners];

    public int Capacity => capacity;

    /// <summary>A decision, starting with the oldest; valid until the queue changes.</summary>
    public Decision this[int owner, int i] => decisions[At(owner, i)];

    public int Count(int owner) => count[owner];

    /// <summary>The observations of a decision, starting with the oldest; valid until the queue changes.</summary>
    public ReadOnlySpan<float> Observed(int owner, int i) => decisions.Observed(At(owner, i));

    public ref float Weight(int owner, int i) => ref decisions.Weights[At(owner, i)];

    /// <summary>Adds a decision, and keeps its texture as long as the decision; false if the oldest had to be dropped.</summary>
    public bool Add(int owner, in Decision decision, float weight)
    {
        int at = MakeRoom(owner, out bool fits);
        decisions.Set(at, decision, weight);
        seen?.Keep(decision.Look);
        return fits;
    }

    /// <summary>Adds a decision of another queue, with another weight; false if the oldest had to be dropped.</summary>
    /// <param name="owner">The owner in this queue.</param>
    /// <param name="other">The other queue.</param>
    /// <param name="otherOwner">The owner there.</param>
    /// <param name="i">The decision there, starting with the oldest.</param>
    /// <param name="weight">Its weight here.</param>
    public bool Add(int owner, DecisionQueue other, int otherOwner, int i, float weight)
    {
        int at = MakeRoom(owner, out bool fits);
        decisions.CopyOne(other.decisions, other.At(otherOwner, i), at, weight);
        seen?.Keep(decisions.Looks[at]);
        return fits;
    }

    /// <summary>Copies the oldest decisions of an owner.</summary>
    public void CopyOldest(int owner, int number, DecisionRows to, int row)
    {
        int beforeEnd = Math.Min(number, capacity - first[owner]);
        to.Copy(decisions, (owner * capacity) + first[owner], row, beforeEnd);
        to.Copy(decisions, owner * capacity, row + beforeEnd, number - beforeEnd);
    }

    /// <summary>Removes the oldest decisions of an owner.</summary>
    public void Remove(int owner, int number)
    {
        for (int i = 0; seen is not null && i < number; i++) seen.Release(decisions.Looks[At(owner, i)]);
        count[owner] -= number;
        first[owner] = count[owner] == 0 ? 0 : Wrapped(first[owner] + number);   // an empty queue starts over in memory that it has just used
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
        form.Add(new StateField($"{prefix}observed", rows, observations, i => decisions.Features[Of(i, observations)], (i, value) => decisions.Features[Of(i, observations)] = (float)value));
        if (actions > 0)
        {
            form.Add(
                new StateField($"{prefix}allowed", rows, actions, i => decisions.Allowed[Of(i, actions)] ? 1 : 0, (i, flag) => decisions.Allowed[Of(i, actions)] = flag != 0)
                {
                    IsWhole = true,
                    Least = 0,
                    Most = 1,
                });
        }

        form.Add(
            numbers == 0 ? new StateField($"{prefix}action", rows, 1, i => decisions.Actions[slots[i]], (i, action) => decisions.Actions[slots[i]] = (int)action) { IsWhole = true, Least = 0, Most = actions - 1 }
                : new StateField($"{prefix}taken", rows, numbers, i => decisions.Taken[Of(i, numbers)], (i, number) => decisions.Taken[Of(i, numbers)] = (float)number));
        form.Add(new StateField($"{prefix}weight", rows, 1, i => decisions.Weights[slots[i]], (i, weight) => decisions.Weights[slots[i]] = (float)weight));

        int Of(int i, int columns) => (slots[i / columns] * columns) + (i % columns);

        void BeginReading(int number)
        {
            slots = new int[number];
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

    /// <summary>The slot for another decision of an owner, whose oldest is dropped if there is none.</summary>
    private int MakeRoom(int owner, out bool fits)
    {
        fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        return At(owner, count[owner]++);
    }

    private int At(int owner, int i) => (owner * capacity) + Wrapped(first[owner] + i);

    /// <summary>A slot of an owner from one less than a capacity further.</summary>
    private int Wrapped(int slot) => slot < capacity ? slot : slot - capacity;
}
