namespace NeuralPlugin;

/// <summary>
/// What the outputs of a policy are: logits of the actions of each discrete branch, one branch after the other; then the means of continuous actions, and then
/// the logarithms of their deviations. An action is a number for each branch and for each continuous action.
/// </summary>
/// <param name="branches">Actions of each discrete branch.</param>
/// <param name="continuous">Continuous actions.</param>
internal sealed class PolicyShape(ReadOnlySpan<int> branches, int continuous) : IEquatable<PolicyShape>
{
    private readonly int[] ends = EndsOf(branches);

    /// <summary>Discrete branches.</summary>
    public int Branches => ends.Length;

    /// <summary>Continuous actions.</summary>
    public int Continuous => continuous;

    /// <summary>Logits of all branches.</summary>
    public int DiscreteOutputs => ends.Length == 0 ? 0 : ends[^1];

    /// <summary>Outputs in all.</summary>
    public int Outputs => checked(DiscreteOutputs + (2 * continuous));

    /// <summary>Numbers of an action.</summary>
    public int Numbers => Branches + continuous;

    /// <summary>Whether an action is one whole number.</summary>
    public bool IsOneBranch => Branches == 1 && continuous == 0;

    /// <summary>Numbers stored per action, beyond a choice in one branch, which needs none.</summary>
    public int TakenNumbers => IsOneBranch ? 0 : Numbers;

    /// <summary>The first logit of a branch.</summary>
    public int FirstOf(int branch) => branch == 0 ? 0 : ends[branch - 1];

    /// <summary>The position after the last logit of a branch.</summary>
    public int EndOf(int branch) => ends[branch];

    /// <summary>Actions of a branch.</summary>
    public int SizeOf(int branch) => ends[branch] - FirstOf(branch);

    public bool Equals(PolicyShape? other) => other is not null && other.Continuous == continuous && ends.AsSpan().SequenceEqual(other.ends);

    public override bool Equals(object? obj) => Equals(obj as PolicyShape);

    public override int GetHashCode() => HashCode.Combine(continuous, DiscreteOutputs, Branches);

    private static int[] EndsOf(ReadOnlySpan<int> sizes)
    {
        int[] ends = new int[sizes.Length];
        for (int i = 0; i < sizes.Length; i++) ends[i] = checked(sizes[i] + (i == 0 ? 0 : ends[i - 1]));
        return ends;
    }
}
