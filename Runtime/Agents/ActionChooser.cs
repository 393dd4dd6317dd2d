namespace NeuralPlugin;

/// <summary>Chooses actions by a brain's probabilities. Each place of a population draws from a random stream of its own.</summary>
internal sealed class ActionChooser(AgentPopulationOptions options)
{
    private const ulong ExplorationStreams = 1UL << 61;

    private readonly SeededRandom[] exploration =
        [.. Enumerable.Range(0, options.Capacity).Select(i => new SeededRandom((ulong)options.Seed, ExplorationStreams + (ulong)i))];

    private readonly bool seesTextures = options.TextureObservations is not null;

    /// <summary>Whether actions are drawn; false for the most probable one (the first, if several).</summary>
    public bool Explores { get; set; } = true;

    /// <summary>Chooses an action of those that are allowed, by their share of the probabilities.</summary>
    /// <exception cref="AgentException">The probabilities are not finite.</exception>
    public int Choose(Agent agent, ReadOnlySpan<float> probabilities, ReadOnlySpan<bool> allowed)
    {
        float sum = 0;
        int best = -1;
        for (int action = 0; action < probabilities.Length; action++)
        {
            if (!allowed[action]) continue;
            sum += probabilities[action];
            if (best < 0 || probabilities[action] > probabilities[best]) best = action;
        }

        if (!float.IsFinite(sum)) throw NotFinite(agent);
        if (!Explores) return best;
        float drawn = exploration[agent.Index].NextSingle() * sum;
        for (int action = 0; action < probabilities.Length; action++)
        {
            if (!allowed[action]) continue;
            drawn -= probabilities[action];
            if (drawn < 0) return action;
        }

        return best;   // rounding, or all that is allowed has probability 0
    }

    private AgentException NotFinite(Agent agent)
    {
        return new AgentException(
            agent.Name, seesTextures
                ? "its brain's probabilities are not finite: the texture that it has seen has values that are not, or its weights have grown without bounds. Look at the texture; " +
                  "use a smaller learning rate, and give it other weights (SetBrain)."
                : "its brain's probabilities are not finite: its weights have grown without bounds. Use a smaller learning rate, and give it other weights (SetBrain).");
    }
}
