namespace NeuralPlugin;

/// <summary>
/// Decisions with their weights, one per row, copied into arrays. Rows are copied from array to array without a <see cref="Decision"/> in between, since a thousand
/// agents do so in a frame.
/// </summary>
internal sealed class DecisionRows
{
    private readonly int observations;
    private readonly int actions;
    private readonly int numbers;

    /// <param name="rows">The number of rows.</param>
    /// <param name="observations">Numbers that a decision sees.</param>
    /// <param name="policy">What it chooses.</param>
    public DecisionRows(int rows, int observations, PolicyShape policy)
    {
        this.observations = observations;
        actions = policy.DiscreteOutputs;
        numbers = policy.TakenNumbers;
        Features = new float[checked(rows * observations)];
        Looks = new int[rows];
        Actions = new int[rows];
        Taken = new float[checked(rows * numbers)];
        Allowed = new bool[checked(rows * actions)];
        Weights = new float[rows];
        Looks.AsSpan().Fill(-1);
    }

    /// <summary>[rows × observations].</summary>
    public float[] Features { get; }

    /// <summary>[rows]: the row of the seen texture; -1 for none.</summary>
    public int[] Looks { get; }

    /// <summary>[rows]: the chosen action if it is one choice.</summary>
    public int[] Actions { get; }

    /// <summary>[rows × numbers]: the chosen action if it is more than one choice; otherwise empty.</summary>
    public float[] Taken { get; }

    /// <summary>[rows × actions].</summary>
    public bool[] Allowed { get; }

    /// <summary>[rows].</summary>
    public float[] Weights { get; }

    /// <summary>A decision; valid until its row changes.</summary>
    public Decision this[int row] => new(Observed(row), Looks[row], Actions[row], Allowed.AsSpan(row * actions, actions), Taken.AsSpan(row * numbers, numbers));

    /// <summary>The observations of a row.</summary>
    public Span<float> Observed(int row) => Features.AsSpan(row * observations, observations);

    /// <summary>Sets a row.</summary>
    public void Set(int row, in Decision decision, float weight)
    {
        decision.Observed.CopyTo(Observed(row));
        decision.Allowed.CopyTo(Allowed.AsSpan(row * actions));
        if (numbers > 0) decision.Taken.CopyTo(Taken.AsSpan(row * numbers));
        (Looks[row], Actions[row], Weights[row]) = (decision.Look, decision.Action, weight);
    }

    /// <summary>Copies a row of decisions of the same kind, with another weight.</summary>
    public void CopyOne(DecisionRows from, int first, int row, float weight)
    {
        from.Observed(first).CopyTo(Observed(row));
        from.Allowed.AsSpan(first * actions, actions).CopyTo(Allowed.AsSpan(row * actions));
        if (numbers > 0) from.Taken.AsSpan(first * numbers, numbers).CopyTo(Taken.AsSpan(row * numbers));
        (Looks[row], Actions[row], Weights[row]) = (from.Looks[first], from.Actions[first], weight);
    }

    /// <summary>Copies rows of decisions of the same kind.</summary>
    /// <param name="from">Where they are.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="row">The first row to set.</param>
    /// <param name="count">The number of rows.</param>
    public void Copy(DecisionRows from, int first, int row, int count)
    {
        Copy(from.Features, Features, observations);
        Copy(from.Allowed, Allowed, actions);
        Copy(from.Looks, Looks, 1);
        Copy(from.Actions, Actions, 1);
        Copy(from.Weights, Weights, 1);
        if (numbers > 0) Copy(from.Taken, Taken, numbers);

        void Copy<T>(T[] source, T[] target, int columns) => source.AsSpan(first * columns, count * columns).CopyTo(target.AsSpan(row * columns));
    }
}
