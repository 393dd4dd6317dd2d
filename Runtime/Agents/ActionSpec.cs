namespace NeuralPlugin;

/// <summary>
/// The kinds of actions of agents: a choice in each of several discrete branches, continuous actions from −1 to 1, or both. The names are those of Unity's ML-Agents.
/// </summary>
public sealed class ActionSpec : IEquatable<ActionSpec>
{
    private readonly int[] branchSizes;

    /// <summary>Makes a specification of both kinds.</summary>
    /// <param name="numContinuousActions">The number of continuous actions; 0 for none.</param>
    /// <param name="discreteBranchSizes">The number of actions in each discrete branch, at least 2; empty for no branch.</param>
    /// <exception cref="ArgumentException">There are no actions at all.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or a branch has fewer than 2 actions.</exception>
    public ActionSpec(int numContinuousActions, params int[] discreteBranchSizes)
    {
        ArgumentNullException.ThrowIfNull(discreteBranchSizes);
        ArgumentOutOfRangeException.ThrowIfNegative(numContinuousActions);
        foreach (int size in discreteBranchSizes)
        {
            if (size < 2) throw new ArgumentOutOfRangeException(nameof(discreteBranchSizes), size, "A discrete branch needs at least 2 actions to choose from.");
            Requirements.Size(size, "actions of a branch");
        }

        if (numContinuousActions == 0 && discreteBranchSizes.Length == 0)
            throw new ArgumentException("Agents need at least one discrete branch or one continuous action.", nameof(discreteBranchSizes));
        branchSizes = [.. discreteBranchSizes];
        Policy = new PolicyShape(branchSizes, numContinuousActions);
    }

    /// <summary>The number of continuous actions.</summary>
    public int NumContinuousActions => Policy.Continuous;

    /// <summary>The number of discrete branches.</summary>
    public int NumDiscreteActions => branchSizes.Length;

    /// <summary>The number of actions in each branch.</summary>
    public IReadOnlyList<int> BranchSizes => branchSizes;

    /// <summary>The number of actions in all branches together.</summary>
    public int SumOfDiscreteBranchSizes => Policy.DiscreteOutputs;

    /// <summary>The layout of the outputs of a policy for them.</summary>
    internal PolicyShape Policy { get; }

    /// <summary>Makes a specification of continuous actions only.</summary>
    /// <exception cref="ArgumentException">It is 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static ActionSpec MakeContinuous(int numActions) => new(numActions);

    /// <summary>Makes a specification of discrete branches only.</summary>
    /// <param name="branchSizes">The number of actions in each.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A branch has fewer than 2 actions.</exception>
    public static ActionSpec MakeDiscrete(params int[] branchSizes) => new(0, branchSizes);

    /// <summary>Whether another specification has the same branches and number of continuous actions.</summary>
    public bool Equals(ActionSpec? other) => Policy.Equals(other?.Policy);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ActionSpec);

    /// <inheritdoc/>
    public override int GetHashCode() => Policy.GetHashCode();

    /// <summary>Returns a description in words.</summary>
    public override string ToString() => string.Join(" and ", new[]
    {
        branchSizes.Length > 0 ? $"discrete branches of {string.Join(", ", branchSizes)}" : "", NumContinuousActions > 0 ? $"{NumContinuousActions} continuous actions" : "",
    }.Where(part => part.Length > 0));
}
