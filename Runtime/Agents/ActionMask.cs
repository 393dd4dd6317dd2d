namespace NeuralPlugin;

/// <summary>The discrete actions that an agent may take at its next decision. All are enabled at first; at least one per branch must remain so.</summary>
public sealed class ActionMask
{
    private readonly bool[] enabled;
    private readonly PolicyShape policy;
    private Agent? agent;

    internal ActionMask(PolicyShape policy)
    {
        this.policy = policy;
        enabled = new bool[policy.DiscreteOutputs];
    }

    /// <summary>The number of discrete actions, of all branches together.</summary>
    public int Actions => enabled.Length;

    internal ReadOnlySpan<bool> Enabled => enabled;

    /// <summary>Sets whether the agent may take an action of its only branch.</summary>
    /// <param name="action">From 0.</param>
    /// <param name="isEnabled">Whether the agent may take it.</param>
    /// <exception cref="AgentException">There is no such action, or the number of branches is not one.</exception>
    public void SetActionEnabled(int action, bool isEnabled)
    {
        if (policy.Branches != 1)
            throw new AgentException(agent!.Name, $"it masks action {action} without a branch, but has {policy.Branches} branches. Call SetActionEnabled(branch, action, isEnabled).");
        SetActionEnabled(0, action, isEnabled);
    }

    /// <summary>Sets whether the agent may take an action of a branch.</summary>
    /// <param name="branch">From 0.</param>
    /// <param name="action">From 0, within the branch.</param>
    /// <param name="isEnabled">Whether the agent may take it.</param>
    /// <exception cref="AgentException">There is no such branch, or no such action in it.</exception>
    public void SetActionEnabled(int branch, int action, bool isEnabled)
    {
        if ((uint)branch >= (uint)policy.Branches)
            throw new AgentException(agent!.Name, $"it masks an action of branch {branch}, but there are {policy.Branches} branches, from 0 on. Correct its WriteDiscreteActionMask.");
        if ((uint)action >= (uint)policy.SizeOf(branch))
        {
            string where = policy.Branches == 1 ? "" : $" of branch {branch}";
            throw new AgentException(agent!.Name, $"it masks action {action}{where}, but the actions are 0 to {policy.SizeOf(branch) - 1}. Correct its WriteDiscreteActionMask.");
        }

        enabled[policy.FirstOf(branch) + action] = isEnabled;
    }

    internal void Begin(Agent owner)
    {
        agent = owner;
        Array.Fill(enabled, true);
    }

    internal void RequireOne()
    {
        for (int branch = 0; branch < policy.Branches; branch++)
        {
            if (enabled.AsSpan(policy.FirstOf(branch), policy.SizeOf(branch)).Contains(true)) continue;
            string where = policy.Branches == 1 ? "its" : $"branch {branch}'s";
            throw new AgentException(agent!.Name, $"it has masked all of {where} {policy.SizeOf(branch)} actions. Leave at least one enabled in WriteDiscreteActionMask.");
        }
    }
}
