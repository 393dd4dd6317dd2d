namespace NeuralPlugin;

/// <content>The inspection of single agents.</content>
public sealed partial class AgentPopulation
{
    /// <summary>
    /// Inspects an agent's decisions from now on: its observations, mask, logits, probabilities and value. Costs a copy of them per decision. A
    /// second call for the same agent returns the same inspector. The inspection ends with its Dispose, or when the agent leaves the population.
    /// Allocates.
    /// </summary>
    /// <exception cref="AgentException">The agent is not in this population.</exception>
    public AgentInspector Inspect(Agent agent)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it is to be inspected, and is not in this population. Add it first.");
        return agent.Inspector ??= new AgentInspector(agent, options);
    }
}
