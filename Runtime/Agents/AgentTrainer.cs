namespace NeuralPlugin;

/// <summary>
/// Trains the agents of a population: hands their decisions, rewards and demonstrations to the learner, as far as it takes them in, and runs
/// its training steps within the budget of the frame. Without a learner it does nothing.
/// </summary>
internal sealed class AgentTrainer : IDisposable
{
    private readonly NeuralDevice device;
    private readonly ILearnsFromReward? rewarded;
    private readonly ILearnsFromDemonstrations? shown;
    private readonly StepBudget budget;

    /// <param name="device">Where the brains are.</param>
    /// <param name="brains">What learns.</param>
    /// <param name="options">What the agents have in common.</param>
    public AgentTrainer(NeuralDevice device, Brains brains, AgentPopulationOptions options)
    {
        this.device = device;
        Normalizer = options.NormalizeObservations ? new ObservationNormalizer(options.Observations) : null;
        Learner = options.Learning?.CreateLearner(brains, options, Normalizer);
        rewarded = Learner as ILearnsFromReward;
        shown = Learner as ILearnsFromDemonstrations;
        budget = new StepBudget(device, options.TimeProvider);
    }

    /// <summary>How the agents learn; null for not at all.</summary>
    public Learner? Learner { get; }

    /// <summary>What normalizes observations, and goes on learning how while the agents learn; null where they stay raw.</summary>
    public ObservationNormalizer? Normalizer { get; }

    /// <summary>Whether the agents are to learn.</summary>
    public bool Learns { get; set; } = true;

    /// <summary>Whether they do: they are to, and there is a learner.</summary>
    public bool IsLearning => Learns && Learner is not null;

    /// <summary>What training took in the last frame that was measured.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>Training steps of this frame.</summary>
    public int StepsThisFrame { get; private set; }

    /// <summary>An agent carries a decision out from now on; the one before has brought what it has.</summary>
    public void Decide(Agent agent, in Decision decision)
    {
        float reward = agent.TakeReward();
        if (!Learns || rewarded is null) return;
        rewarded.Reward(agent.Index, reward);
        rewarded.Decide(agent.Index, decision);
    }

    /// <summary>What a brain decided before is not what acts any more.</summary>
    public void CloseDecisions(Agent agent)
    {
        if (Learner is null) return;
        float reward = agent.TakeReward();
        rewarded?.Reward(agent.Index, reward);
        rewarded?.EndEpisode(agent.Index, isCutOff: true);
    }

    /// <summary>An agent's episode is over.</summary>
    public void EndEpisode(Agent agent, bool isCutOff)
    {
        float last = agent.TakeReward();
        if (!Learns || rewarded is null) return;
        rewarded.Reward(agent.Index, last);
        rewarded.EndEpisode(agent.Index, isCutOff);
    }

    /// <summary>An agent shows a decision, with raw observations.</summary>
    public void Demonstrate(Agent agent, in Decision decision)
    {
        if (!Learns || shown is null) return;
        shown.Demonstrate(agent.Index, decision);
        if (!agent.ActsByHeuristic || Normalizer is null) return;   // else it is among those that are asked
        Normalizer.Observe(decision.Observed);
        Normalizer.Renew();
    }

    /// <summary>Enqueues the training steps of a frame.</summary>
    /// <param name="frameBudget">What this frame may spend.</param>
    /// <param name="agents">Agents that learn.</param>
    public void Train(FrameBudget frameBudget, int agents)
    {
        (Time, StepsThisFrame) = (TimeSpan.Zero, 0);
        if (!Learns || Learner is null || (device.IsBehind && frameBudget.StepsPerFrame == 0)) return;
        using NeuralDevice.Scope scope = device.Enter();   // the host's state is saved once for all steps, and not while scripts run
        budget.BeginFrame(frameBudget, this);
        bool isIdle = Learner.Train(budget, agents);
        budget.EndFrame(isIdle);
        (Time, StepsThisFrame) = (budget.Time, budget.Steps);
    }

    public void Dispose() => budget.Dispose();
}
