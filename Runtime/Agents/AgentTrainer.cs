namespace NeuralPlugin;

/// <summary>
/// Trains the agents of a population: hands their decisions, rewards and demonstrations to the learner, as far as it takes them in, and runs
/// its training steps within the budget of the frame. Without a learner it does nothing.
/// </summary>
internal sealed class AgentTrainer : IDisposable
{
    private readonly NeuralDevice device;
    private readonly ILearnsFromReward? rewarded;
    private readonly ILearnsFromValues? valued;
    private readonly ILearnsFromDemonstrations? shown;
    private readonly StepBudget budget;

    /// <param name="device">Where the brains are.</param>
    /// <param name="brains">What learns.</param>
    /// <param name="options">What the agents have in common.</param>
    public AgentTrainer(NeuralDevice device, Brains brains, AgentPopulationOptions options)
    {
        this.device = device;
        Normalizer = options.NormalizeObservations ? new ObservationNormalizer(options.Observations, options.Learning?.NormalizationFollows ?? false) : null;
        Learner = options.Learning?.CreateLearner(brains, options, Normalizer);
        rewarded = Learner as ILearnsFromReward;
        valued = Learner as ILearnsFromValues;
        shown = Learner as ILearnsFromDemonstrations;
        budget = new StepBudget(device, options.TimeProvider, waits: options.Latency is not null);
    }

    /// <summary>How the agents learn; null for not at all.</summary>
    public Learner? Learner { get; }

    /// <summary>What normalizes observations, and goes on learning how while the agents learn; null where they stay raw.</summary>
    public ObservationNormalizer? Normalizer { get; }

    /// <summary>Whether the agents are to learn.</summary>
    public bool Learns { get; set; } = true;

    /// <summary>Whether they do: they are to, and there is a learner.</summary>
    public bool IsLearning => Learns && Learner is not null;

    /// <summary>Whether brains say what they expect to come.</summary>
    public bool EstimatesValues => valued is not null;

    /// <summary>What training took in the last frame that was measured.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>Training steps of this frame.</summary>
    public int StepsThisFrame { get; private set; }

    /// <summary>Whether training has skipped this frame, since the GPU is too far behind.</summary>
    public bool IsWaitingForGpu { get; private set; }

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

    /// <summary>The episode of an agent that is not there any more is over: a file has what it had brought.</summary>
    public void EndEpisode(int agent, float lastReward, bool isCutOff)
    {
        rewarded?.Reward(agent, lastReward);
        rewarded?.EndEpisode(agent, isCutOff);
    }

    /// <summary>An agent's episode was interrupted, and the value of what it observes was asked for in this frame.</summary>
    public void InterruptEpisode(Agent agent, long frame)
    {
        float last = agent.TakeReward();
        valued!.Reward(agent.Index, last);
        valued.InterruptEpisode(agent.Index, frame);
    }

    /// <summary>The answer to that question; null where it was lost.</summary>
    public void TakeValue(int agent, long frame, float? value) => valued!.TakeValue(agent, frame, value);

    /// <summary>What the value output of an agent's brain means now.</summary>
    public ValueScale ScaleOf(int agent) => valued?.ScaleOf(agent) ?? default;

    /// <summary>Gives the value output of a brain another meaning, where it has one.</summary>
    public void SetScale(int brain, ValueScale scale) => valued?.SetScale(brain, scale);

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
        (Time, StepsThisFrame, IsWaitingForGpu) = (TimeSpan.Zero, 0, false);
        if (!Learns || Learner is null || (device.IsBehind && frameBudget.StepsPerFrame == 0)) return;
        using NeuralDevice.Scope scope = device.Enter();   // the host's state is saved once for all steps, and not while scripts run
        budget.BeginFrame(frameBudget, this);
        bool isIdle = Learner.Train(budget, agents);
        budget.EndFrame(isIdle);
        (Time, StepsThisFrame, IsWaitingForGpu) = (budget.Time, budget.Steps, budget.Steps == 0 && budget.IsAheadOfGpu);
    }

    public void Dispose() => budget.Dispose();
}
