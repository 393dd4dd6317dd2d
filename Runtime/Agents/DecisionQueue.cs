namespace NeuralPlugin;

/// <summary>
/// Decisions of several owners with their weights, first in, first out for each; where an owner's are full the oldest goes. Made once,
/// it allocates nothing.
/// </summary>
internal sealed class DecisionQueue(int owners, int capacity, int observations, int actions)
{
    private readonly float[] features = new float[checked(owners * capacity * observations)];
    private readonly int[] taken = new int[owners * capacity];
    private readonly float[] weights = new float[owners * capacity];
    private readonly bool[] allowed = new bool[checked(owners * capacity * actions)];
    private readonly int[] first = new int[owners];
    private readonly int[] count = new int[owners];

    public int Capacity => capacity;

    public int Count(int owner) => count[owner];

    public ReadOnlySpan<float> Features(int owner, int i) => features.AsSpan(At(owner, i) * observations, observations);

    public ReadOnlySpan<bool> Allowed(int owner, int i) => allowed.AsSpan(At(owner, i) * actions, actions);

    public int Action(int owner, int i) => taken[At(owner, i)];

    public ref float Weight(int owner, int i) => ref weights[At(owner, i)];

    /// <summary>Adds a decision; false where the oldest had to go.</summary>
    public bool Add(int owner, ReadOnlySpan<float> observed, int action, ReadOnlySpan<bool> mask, float weight)
    {
        bool fits = count[owner] < capacity;
        if (!fits) Remove(owner, 1);
        int at = At(owner, count[owner]++);
        observed.CopyTo(features.AsSpan(at * observations));
        mask.CopyTo(allowed.AsSpan(at * actions));
        taken[at] = action;
        weights[at] = weight;
        return fits;
    }

    public void Remove(int owner, int decisions)
    {
        first[owner] = (first[owner] + decisions) % capacity;
        count[owner] -= decisions;
    }

    private int At(int owner, int i) => (owner * capacity) + ((first[owner] + i) % capacity);
}
