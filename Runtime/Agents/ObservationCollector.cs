namespace NeuralPlugin;

/// <summary>
/// Collects the observations of one agent at a time: its numbers, its texture, its mask, and its heuristic's choice. Checks each of them, so that no
/// error spreads. The results stay until the next agent is asked; nothing is allocated.
/// </summary>
internal sealed class ObservationCollector
{
    private readonly VectorSensor sensor = new();
    private readonly TextureSensor textureSensor;
    private readonly SeenTextures? seen;
    private readonly ActionMask mask;
    private readonly PolicyShape policy;
    private readonly float[] taken;
    private readonly int[] discrete;
    private readonly float[] continuous;
    private readonly float[] observed;    // of all stacked decisions, oldest first
    private readonly int observations;

    /// <param name="device">The device of the textures.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="seen">Receives the textures that agents see; null if they see none.</param>
    public ObservationCollector(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen)
    {
        this.seen = seen;
        textureSensor = new TextureSensor(device, options.TextureObservations, seen);
        policy = options.Policy;
        mask = new ActionMask(policy);
        taken = new float[options.Policy.TakenNumbers];
        discrete = new int[policy.Branches];
        continuous = new float[policy.Continuous];
        observed = new float[options.StackedObservations];
        observations = options.Observations;
    }

    /// <summary>The agent's observations as its brain reads them, but raw.</summary>
    public ReadOnlySpan<float> Observed => observed;

    /// <summary>Those of the present decision.</summary>
    public ReadOnlySpan<float> Newest => observed.AsSpan(observed.Length - observations);

    /// <summary>Its allowed actions.</summary>
    public ReadOnlySpan<bool> Allowed => mask.Enabled;

    /// <summary>Its heuristic's choice if an action is more than one choice; otherwise empty.</summary>
    public ReadOnlySpan<float> Taken => taken;

    /// <summary>The decision of the agent for an action.</summary>
    /// <param name="look">The result of <see cref="Collect"/>.</param>
    /// <param name="action">The chosen action.</param>
    public Decision Decision(int look, int action) => new(observed, look, action, mask.Enabled) { Taken = taken };

    /// <summary>Asks an agent for its observations, its mask, and its texture.</summary>
    /// <returns>The row of its texture, which the caller releases; -1 for none.</returns>
    /// <exception cref="AgentException">Its script did something forbidden.</exception>
    public int Collect(Agent agent)
    {
        Observe(agent);
        mask.Begin(agent);
        agent.WriteDiscreteActionMask(mask);
        mask.RequireOne();
        return Look(agent);
    }

    /// <summary>Asks an agent that will not choose for its observations and its texture: at the end of an episode.</summary>
    /// <returns>As <see cref="Collect"/>.</returns>
    /// <exception cref="AgentException">Its script did something forbidden.</exception>
    public int CollectObserved(Agent agent)
    {
        Observe(agent);
        mask.Begin(agent);
        return Look(agent);
    }

    private void Observe(Agent agent)
    {
        sensor.Begin(observed, observed.Length - observations, observations);
        agent.CollectObservations(sensor);
        if (sensor.Count != observations)
        {
            throw new AgentException(
                agent.Name,
                $"CollectObservations must add the declared {observations} observations, but got {sensor.Count}. Add as many each time, " +
                "or declare another number (AgentPopulationOptions.Observations). A Vector3 is three, a one-hot as many as its range.");
        }

        int wrong = Requirements.IndexOfNonFinite(Newest);
        if (wrong >= 0)
        {
            throw new AgentException(
                agent.Name, $"all observations must be finite, but observation {wrong} (from 0) is {Newest[wrong]}. Look for a division by zero or the root of a negative number where it is computed.");
        }

        agent.History.CopyTo(observed);
    }

    /// <summary>Asks the agent's heuristic for its choice; <see cref="Taken"/> has it if an action is more than one choice.</summary>
    /// <returns>The action if it is one choice; otherwise 0.</returns>
    /// <exception cref="AgentException">It has no heuristic, or the action is not allowed.</exception>
    public int AskHeuristic(Agent agent)
    {
        ActionBuffers shown = new(continuous, discrete);
        shown.Clear();
        agent.Heuristic(shown);
        for (int branch = 0; branch < discrete.Length; branch++)
        {
            int action = discrete[branch], size = policy.SizeOf(branch);
            string where = discrete.Length == 1 ? "" : $" in branch {branch}";
            if ((uint)action >= (uint)size) throw new AgentException(agent.Name, $"Heuristic returned action {action}{where}, but the actions are 0 to {size - 1}.");
            if (!mask.Enabled[policy.FirstOf(branch) + action])
                throw new AgentException(agent.Name, $"Heuristic returned action {action}{where}, which WriteDiscreteActionMask has masked. Choose one that is enabled.");
        }

        for (int action = 0; action < continuous.Length; action++)
        {
            if (!float.IsFinite(continuous[action]))
                throw new AgentException(agent.Name, $"all continuous actions must be finite, but Heuristic returned {continuous[action]} for continuous action {action}.");
            continuous[action] = Math.Clamp(continuous[action], -1, 1);
        }

        if (policy.IsOneBranch) return discrete[0];
        for (int branch = 0; branch < discrete.Length; branch++) taken[branch] = discrete[branch];
        continuous.CopyTo(taken.AsSpan(discrete.Length));
        return 0;
    }

    /// <summary>Releases a row that <see cref="Collect"/> returned.</summary>
    public void Release(int look)
    {
        if (look >= 0) seen?.Release(look);
    }

    /// <summary>Takes the agent's texture.</summary>
    private int Look(Agent agent)
    {
        int look = seen?.Rent() ?? -1;
        bool isSeen = false;
        textureSensor.Begin(agent, look);
        try
        {
            agent.CollectTexture(textureSensor);
            textureSensor.RequireOne();
            isSeen = true;
        }
        finally
        {
            textureSensor.End();
            if (!isSeen) Release(look);
        }

        return look;
    }
}
