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

    /// <summary>A decision, from the oldest on; valid until the queue changes.</summary>
    public Decision this[int owner, int i]
    {
        get
        {
            int at = At(owner, i);
            return new Decision(
                features.AsSpan(at * observations, observations), seen is null ? -1 : looks[at], taken[at], allowed.AsSpan(at * actions, actions));
        }
    }

    public int Count(int owner) => count[owner];

    public ref float Weight(int owner, int i) => ref weights[At(owner, i)];

    /// <summary>Adds a decision, and keeps what it has seen as long as itself; false where the oldest had to go.</summary>
    public bool Add(int owner, in Decision decision, float weight)
    {
        bool fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        int at = At(owner, count[owner]++);
        decision.Observed.CopyTo(features.AsSpan(at * observations));
        decision.Allowed.CopyTo(allowed.AsSpan(at * actions));
        taken[at] = decision.Action;
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

    private int At(int owner, int i) => (owner * capacity) + ((first[owner] + i) % capacity);
}
