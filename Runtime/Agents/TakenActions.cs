namespace NeuralPlugin;

/// <summary>The form of decisions' actions in files: one whole number if an action is one choice, otherwise all its numbers.</summary>
internal static class TakenActions
{
    /// <summary>Describes the actions of some rows for files.</summary>
    /// <param name="form">The population's form.</param>
    /// <param name="prefix">The prefix of its names.</param>
    /// <param name="rows">The rows of decisions.</param>
    /// <param name="policy">The shape of an action.</param>
    /// <param name="allowed">[rows × discrete actions].</param>
    /// <param name="actions">[rows], if an action is one choice.</param>
    /// <param name="taken">[rows × numbers of an action], if it is more.</param>
    public static void Describe(StateForm form, string prefix, StateRows rows, PolicyShape policy, bool[] allowed, int[] actions, float[] taken)
    {
        if (policy.Branches > 0) form.Flags($"{prefix}allowed", rows, policy.DiscreteOutputs, allowed);
        if (policy.IsOneBranch) form.Integers($"{prefix}action", rows, actions, policy.DiscreteOutputs - 1);
        else form.Floats($"{prefix}taken", rows, policy.Numbers, taken);
    }

    /// <summary>Says what is wrong with the action of a row of a file; null for nothing.</summary>
    /// <param name="policy">The shape of an action.</param>
    /// <param name="value">Gets a value by the name of its field and its place.</param>
    /// <param name="prefix">The prefix of the names.</param>
    /// <param name="row">The row.</param>
    public static string? FindFault(PolicyShape policy, Func<string, int, double> value, string prefix, int row)
    {
        const string NotAllowed = "the action is not one of the allowed ones";
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
