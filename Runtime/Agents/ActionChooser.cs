namespace NeuralPlugin;

/// <summary>
/// Chooses actions by a brain's logits z: p_j = exp(z_j − max z) / Σ exp(z − max z) over the allowed actions, the probabilities that are learned.
/// Each place of a population draws from a random stream of its own.
/// </summary>
internal sealed class ActionChooser(AgentPopulationOptions options)
{
    /// <summary>What files call the streams: two numbers for each place.</summary>
    public const string ExplorationName = $"{StateForm.Places}exploration";

    private const ulong ExplorationStreams = 1UL << 61;

    private readonly SeededRandom[] exploration =
        [.. Enumerable.Range(0, options.Capacity).Select(i => new SeededRandom((ulong)options.Seed, ExplorationStreams + (ulong)i))];

    private readonly float[] shares = new float[options.Actions];
    private readonly bool seesTextures = options.TextureObservations is not null;

    /// <summary>Whether actions are drawn; false for the most probable one (the first, if several).</summary>
    public bool Explores { get; set; } = true;

    /// <summary>Says what files keep of it.</summary>
    public void Describe(StateForm form) => form.Random(ExplorationName, exploration);

    /// <summary>Chooses an action of those that are allowed.</summary>
    /// <param name="agent">Who acts.</param>
    /// <param name="logits">[actions].</param>
    /// <param name="allowed">[actions], at least one.</param>
    /// <param name="logProbability">log p of the action.</param>
    /// <exception cref="AgentException">The logits are not finite.</exception>
    public int Choose(Agent agent, ReadOnlySpan<float> logits, ReadOnlySpan<bool> allowed, out float logProbability)
    {
        int chosen = -1;
        for (int action = 0; action < logits.Length; action++)
        {
            if (!float.IsFinite(logits[action])) throw NotFinite(agent);
            if (allowed[action] && (chosen < 0 || logits[action] > logits[chosen])) chosen = action;
        }

        float greatest = logits[chosen], sum = 0;
        for (int action = 0; action < logits.Length; action++)
        {
            shares[action] = allowed[action] ? MathF.Exp(logits[action] - greatest) : 0;
            sum += shares[action];
        }

        if (Explores) chosen = Draw(exploration[agent.Index].NextSingle() * sum, chosen);
        logProbability = logits[chosen] - greatest - MathF.Log(sum);
        return chosen;
    }

    /// <summary>The action in whose share a number from 0 to the sum of them falls; the greatest, where rounding leaves it in none.</summary>
    private int Draw(float drawn, int greatest)
    {
        for (int action = 0; action < shares.Length; action++)
        {
            drawn -= shares[action];
            if (drawn < 0) return action;
        }

        return greatest;
    }

    private AgentException NotFinite(Agent agent)
    {
        return new AgentException(
            agent.Name, seesTextures
                ? "its brain's outputs are not finite: the texture that it has seen has values that are not, or its weights have grown without bounds. Look at the texture; " +
                  "use a smaller learning rate, and give it other weights (SetBrain)."
                : "its brain's outputs are not finite: its weights have grown without bounds. Use a smaller learning rate, and give it other weights (SetBrain).");
    }
}
