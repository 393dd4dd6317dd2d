namespace NeuralPlugin;

/// <summary>
/// Decisions of several owners with their weights, first in, first out for each; where an owner's are full the oldest goes. Made once,
/// it allocates nothing.
/// </summary>
internal sealed class DecisionQueue(int owners, int capacity, int observations, int actions, SeenTextures? seen)
{
    private readonly float[] features = new float[checked(owners * capacity * observations)];
    private readonly int[] looks = new int[seen is null ? 0 : owners * capacity];
    private readonly int[] taken = new int[owners * capacity];
    private readonly float[] weights = new float[owners * capacity];
    private readonly bool[] allowed = new bool[checked(owners * capacity * actions)];
    private readonly int[] first = new int[owners];
    private readonly int[] count = new int[owners];

    public int Capacity => capacity;

    public int Count(int owner) => count[owner];

    public ReadOnlySpan<float> Features(int owner, int i) => features.AsSpan(At(owner, i) * observations, observations);

    public ReadOnlySpan<bool> Allowed(int owner, int i) => allowed.AsSpan(At(owner, i) * actions, actions);

    /// <summary>The row of the texture that was seen; -1 where none are.</summary>
    public int Look(int owner, int i) => seen is null ? -1 : looks[At(owner, i)];

    public int Action(int owner, int i) => taken[At(owner, i)];

    public ref float Weight(int owner, int i) => ref weights[At(owner, i)];

    /// <summary>Adds a decision, and keeps what it has seen as long as itself; false where the oldest had to go.</summary>
    public bool Add(int owner, ReadOnlySpan<float> observed, int look, int action, ReadOnlySpan<bool> mask, float weight)
    {
        bool fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        int at = At(owner, count[owner]++);
        observed.CopyTo(features.AsSpan(at * observations));
        mask.CopyTo(allowed.AsSpan(at * actions));
        taken[at] = action;
        if (seen is not null)
        {
            looks[at] = look;
            seen.Keep(look);
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

    private int At(int owner, int i) => (owner * capacity) + ((first[owner] + i) % capacity);
}
