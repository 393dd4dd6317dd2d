namespace NeuralPlugin;

/// <summary>What each brain is shown: a given demonstration, and the decisions of its agents that demonstrate. They are kept raw.</summary>
internal sealed class ShownDecisions
{
    private readonly Brains brains;
    private readonly Demonstration? given;
    private readonly DecisionQueue shown;
    private readonly float[] stacked;   // of a decision of the given demonstration

    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="given">A given demonstration; null for none.</param>
    /// <param name="capacity">Decisions kept of each brain's agents.</param>
    /// <param name="normalizer">Observes the given demonstration; null if observations stay raw.</param>
    /// <exception cref="ArgumentException">The demonstration has other sizes.</exception>
    public ShownDecisions(Brains brains, AgentPopulationOptions population, Demonstration? given, int capacity, ObservationNormalizer? normalizer)
    {
        this.brains = brains;
        this.given = given;
        shown = new DecisionQueue(brains.Count, capacity, population.StackedObservations, population.Policy, brains.Seen);
        stacked = new float[population.StackedObservations];
        if (given is null) return;
        given.RequireSizes(population.Observations, population.Policy, nameof(Demonstration));
        given.RequireEpisodes(population.NumStackedVectorObservations, nameof(Demonstration));
        GivenCount = given.Count;
        for (int i = 0; i < GivenCount; i++) normalizer?.Observe(given.Observation(i));
        normalizer?.Renew();
    }

    /// <summary>Decisions of the given demonstration; those that are added to it later are ignored.</summary>
    public int GivenCount { get; }

    /// <summary>A decision: those of the given demonstration, and then the brain's own, starting with the oldest. Valid until the next one is asked for.</summary>
    public Decision this[int brain, int sample]
    {
        get
        {
            if (sample >= GivenCount) return shown[brain, sample - GivenCount];
            // Agents that see textures have no given demonstration.
            return new Decision(given!.Stack(sample, stacked), look: -1, given.OneChoice(sample), given.AllowedActions(sample)) { Taken = given.Taken(sample) };
        }
    }

    /// <summary>Its action, if that is one choice.</summary>
    public int ActionOf(int brain, int sample) => sample < GivenCount ? given!.OneChoice(sample) : shown[brain, sample - GivenCount].Action;

    public int Count(int brain) => GivenCount + shown.Count(brain);

    /// <summary>Whether the brain's oldest decision would be dropped for another one.</summary>
    public bool IsFull(int brain) => shown.Count(brain) == shown.Capacity;

    /// <summary>An agent has demonstrated a decision.</summary>
    public void Add(int agent, in Decision decision) => shown.Add(brains.BrainOf(agent), decision, weight: 1);

    /// <summary>Describes its state for files, without the given demonstration.</summary>
    public void Describe(StateForm form) => shown.Describe(form, $"{StateForm.Experience}shown.");
}
