namespace NeuralPlugin;

/// <summary>
/// Chooses actions from a brain's logits z: p_j = exp(z_j − max z) / Σ exp(z − max z) over the allowed actions, the probabilities that are learned;
/// and continuous ones from a normal distribution (Box and Muller, 1958). Each place of a population samples from its own random stream.
/// </summary>
internal sealed class ActionChooser(AgentPopulationOptions options)
{
    /// <summary>The name of the streams in files: two numbers for each place.</summary>
    public const string ExplorationName = $"{StateForm.Places}exploration";

    private const ulong ExplorationStreams = 1UL << 61;

    private readonly SeededRandom[] exploration =
        [.. Enumerable.Range(0, options.Capacity).Select(i => new SeededRandom((ulong)options.Seed, ExplorationStreams + (ulong)i))];

    private readonly PolicyShape policy = options.Policy;
    private readonly float[] shares = new float[options.Actions];
    private readonly bool seesTextures = options.TextureObservations is not null;

    /// <summary>Whether actions are sampled; false for the most probable one (the first, if several).</summary>
    public bool Explores { get; set; } = true;

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form) => form.Random(ExplorationName, exploration);

    /// <summary>Chooses one of the allowed actions.</summary>
    /// <param name="agent">The agent that acts.</param>
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

        if (Explores) chosen = Draw(exploration[agent.Index].NextSingle() * sum, chosen, logits.Length);
        logProbability = logits[chosen] - greatest - MathF.Log(sum);
        return chosen;
    }

    /// <summary>Chooses an action of several numbers.</summary>
    /// <param name="agent">The agent that acts.</param>
    /// <param name="outputs">The outputs of the policy, as <see cref="PolicyShape"/> says.</param>
    /// <param name="allowed">[discrete actions], at least one in each branch.</param>
    /// <param name="taken">[numbers of an action], written: the choice in each branch, then the continuous actions as sampled, which may be beyond ±1.</param>
    /// <returns>log p of the action.</returns>
    /// <exception cref="AgentException">The outputs are not finite.</exception>
    public float ChooseAll(Agent agent, ReadOnlySpan<float> outputs, ReadOnlySpan<bool> allowed, Span<float> taken)
    {
        float logProbability = 0;
        for (int branch = 0; branch < policy.Branches; branch++)
        {
            (int first, int size) = (policy.FirstOf(branch), policy.SizeOf(branch));
            taken[branch] = Choose(agent, outputs.Slice(first, size), allowed.Slice(first, size), out float ofBranch);
            logProbability += ofBranch;
        }

        for (int action = 0; action < policy.Continuous; action++)
        {
            float mean = outputs[policy.DiscreteOutputs + action], logDeviation = outputs[policy.DiscreteOutputs + policy.Continuous + action];
            if (!float.IsFinite(mean) || !float.IsFinite(logDeviation)) throw NotFinite(agent);
            float s = ComposedPolicyLoss.Held(logDeviation), distance = Explores ? DrawNormal(exploration[agent.Index]) : 0;
            taken[policy.Branches + action] = mean + (MathF.Exp(s) * distance);
            logProbability += (-0.5f * distance * distance) - s - ComposedPolicyLoss.HalfLogTwoPi;
        }

        return logProbability;
    }

    /// <summary>Samples a normally distributed number with mean 0 and deviation 1.</summary>
    private static float DrawNormal(SeededRandom random)
    {
        float radius = MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle()));
        return radius * MathF.Cos(2 * MathF.PI * random.NextSingle());
    }

    /// <summary>Finds the action in whose share a number from 0 to their sum falls; the greatest, if rounding leaves it in none.</summary>
    private int Draw(float drawn, int greatest, int count)
    {
        for (int action = 0; action < count; action++)
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
                ? "its brain's outputs are not finite: the texture that it has seen has values that are not finite, or its weights have grown without bounds. Check the texture; " +
                  "use a smaller learning rate, and give it other weights (SetBrain)."
                : "its brain's outputs are not finite: its weights have grown without bounds. Use a smaller learning rate, and give it other weights (SetBrain).");
    }
}
