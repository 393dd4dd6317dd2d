namespace NeuralPlugin;

/// <summary>Which actions an agent may take at its next decision. All are enabled at first; at least one must stay so.</summary>
public sealed class ActionMask
{
    private readonly bool[] enabled;
    private Agent? agent;

    internal ActionMask(int actions)
    {
        enabled = new bool[actions];
    }

    /// <summary>How many actions there are.</summary>
    public int Actions => enabled.Length;

    internal ReadOnlySpan<bool> Enabled => enabled;

    /// <summary>Says whether the agent may take an action.</summary>
    /// <param name="action">From 0.</param>
    /// <param name="isEnabled">Whether it may.</param>
    /// <exception cref="AgentException">There is no such action.</exception>
    public void SetActionEnabled(int action, bool isEnabled)
    {
        if ((uint)action >= (uint)enabled.Length)
            throw new AgentException(agent!.Name, $"it masks action {action}, and the actions are 0 to {enabled.Length - 1}. Correct its WriteDiscreteActionMask.");
        enabled[action] = isEnabled;
    }

    internal void Begin(Agent owner)
    {
        agent = owner;
        Array.Fill(enabled, true);
    }

    internal void RequireOne()
    {
        if (!enabled.AsSpan().Contains(true))
            throw new AgentException(agent!.Name, $"it has masked all of its {enabled.Length} actions. Leave at least one enabled in WriteDiscreteActionMask.");
    }
}
