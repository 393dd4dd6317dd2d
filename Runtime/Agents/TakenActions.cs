namespace NeuralPlugin;

/// <summary>How files keep the actions of decisions: one whole number where an action is one choice, else all its numbers.</summary>
internal static class TakenActions
{
    /// <summary>Says what files keep of the actions of some rows.</summary>
    /// <param name="form">Of the population.</param>
    /// <param name="prefix">How its names begin.</param>
    /// <param name="rows">Of decisions.</param>
    /// <param name="policy">What an action is.</param>
    /// <param name="allowed">[rows × discrete actions].</param>
    /// <param name="actions">[rows], where an action is one choice.</param>
    /// <param name="taken">[rows × numbers of an action], where it is more.</param>
    public static void Describe(StateForm form, string prefix, StateRows rows, PolicyShape policy, bool[] allowed, int[] actions, float[] taken)
    {
        if (policy.Branches > 0) form.Flags($"{prefix}allowed", rows, policy.DiscreteOutputs, allowed);
        if (policy.IsOneBranch) form.Integers($"{prefix}action", rows, actions, policy.DiscreteOutputs - 1);
        else form.Floats($"{prefix}taken", rows, policy.Numbers, taken);
    }

    /// <summary>What is wrong with the action of a row of a file; null for nothing.</summary>
    /// <param name="policy">What an action is.</param>
    /// <param name="value">Gives a value by the name of its field and its place.</param>
    /// <param name="prefix">How the names begin.</param>
    /// <param name="row">The row.</param>
    public static string? FindFault(PolicyShape policy, Func<string, int, double> value, string prefix, int row)
    {
        const string NotAllowed = "the action is not one of those that were allowed";
        bool IsAllowed(int output) => value($"{prefix}allowed", (row * policy.DiscreteOutputs) + output) != 0;
        if (policy.IsOneBranch) return IsAllowed((int)value($"{prefix}action", row)) ? null : NotAllowed;
        for (int branch = 0; branch < policy.Branches; branch++)
        {
            double chosen = value($"{prefix}taken", (row * policy.Numbers) + branch);
            bool exists = chosen >= 0 && chosen < policy.SizeOf(branch) && chosen == Math.Truncate(chosen);
            if (!exists || !IsAllowed(policy.FirstOf(branch) + (int)chosen)) return NotAllowed;
        }

        return null;
    }
}
