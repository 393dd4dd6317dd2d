namespace NeuralPlugin;

/// <content>Looking at single agents.</content>
public sealed partial class AgentPopulation
{
    /// <summary>
    /// Looks at an agent's decisions from now on: its observations, mask, logits, probabilities and value. Costs a copy of them for each of its decisions. A
    /// second call for the same agent returns the same inspector. The inspection ends with its Dispose, or when the agent leaves the population. Allocates.
    /// </summary>
    /// <exception cref="AgentException">The agent is not in this population.</exception>
    public AgentInspector Inspect(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it is to be inspected, and is not in this population. Add it first.");
        return agent.Inspector ??= new AgentInspector(agent, options);
    }
}
