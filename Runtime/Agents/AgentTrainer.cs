namespace NeuralPlugin;

/// <summary>
/// Trains the agents of a population: passes their decisions, rewards and demonstrations to the learner, as far as it accepts them, and runs its
/// training steps within the budget of the frame. Without a learner it does nothing.
/// </summary>
internal sealed class AgentTrainer : IDisposable
{
    private readonly NeuralDevice device;
    private readonly ILearnsFromReward? rewarded;
    private readonly ILearnsFromValues? valued;
    private readonly ILearnsFromDemonstrations? shown;
    private readonly StepBudget budget;

    /// <param name="device">The device of the brains.</param>
    /// <param name="brains">The brains that learn.</param>
    /// <param name="options">The options that the agents share.</param>
    public AgentTrainer(NeuralDevice device, Brains brains, AgentPopulationOptions options)
    {
        this.device = device;
        Normalizer = options.NormalizeObservations ? new ObservationNormalizer(options.Observations, options.Learning?.NormalizationFollows ?? false) : null;
        Learner = options.Learning?.CreateLearner(brains, options, Normalizer);
        rewarded = Learner as ILearnsFromReward;
        valued = Learner as ILearnsFromValues;
        shown = Learner as ILearnsFromDemonstrations;
        budget = new StepBudget(device, options.TimeProvider, Learner?.Lines ?? 1, waits: options.Latency is not null);
        (brains.PartBegins, brains.CompleteStep) = (budget.BeginPart, FinishStep);
    }

    /// <summary>The agents' learner; null for no learning.</summary>
    public Learner? Learner { get; }

    /// <summary>Normalizes observations, and updates its statistics while the agents learn; null if they stay raw.</summary>
    public ObservationNormalizer? Normalizer { get; }

    /// <summary>Whether the agents are to learn.</summary>
    public bool Learns { get; set; } = true;

    /// <summary>Whether they do learn: they are to, and there is a learner.</summary>
    public bool IsLearning => Learns && Learner is not null;

    /// <summary>Whether brains estimate values.</summary>
    public bool EstimatesValues => valued is not null;

    /// <summary>The time of training in the last measured frame.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>Training steps of this frame.</summary>
    public int StepsThisFrame { get; private set; }

    /// <summary>Whether training skipped this frame because the GPU, or the device's own thread, is too far behind.</summary>
    public bool IsWaitingForGpu { get; private set; }

    /// <summary>An agent begins to carry out a decision; the rewards of the previous one are complete.</summary>
    public void Decide(Agent agent, in Decision decision)
    {
        float reward = agent.TakeReward();
        if (!Learns || rewarded is null) return;
        rewarded.Reward(agent.Index, reward);
        rewarded.Decide(agent.Index, decision);
    }

    /// <summary>Closes the last decision of an agent's brain, which no longer determines what the agent does.</summary>
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

    /// <summary>The episode of an agent that no longer exists is over: its last reward comes from a file.</summary>
    public void EndEpisode(int agent, float lastReward, bool isCutOff)
    {
        rewarded?.Reward(agent, lastReward);
        rewarded?.EndEpisode(agent, isCutOff);
    }

    /// <summary>An agent's episode was interrupted, and the value of its observations was asked for in this frame.</summary>
    public void InterruptEpisode(Agent agent, long frame)
    {
        float last = agent.TakeReward();
        valued!.Reward(agent.Index, last);
        valued.InterruptEpisode(agent.Index, frame);
    }

    /// <summary>Takes the answer to that question; null if it was lost.</summary>
    public void TakeValue(int agent, long frame, float? value) => valued!.TakeValue(agent, frame, value);

    /// <summary>The current scale of the value output of an agent's brain.</summary>
    public ValueScale ScaleOf(int agent) => valued?.ScaleOf(agent) ?? default;

    /// <summary>Changes the scale of a brain's value output, if it has one.</summary>
    public void SetScale(int brain, ValueScale scale) => valued?.SetScale(brain, scale);

    /// <summary>An agent demonstrates a decision, with raw observations.</summary>
    public void Demonstrate(Agent agent, in Decision decision)
    {
        if (!Learns || shown is null) return;
        shown.Demonstrate(agent.Index, decision);
        if (!agent.ActsByHeuristic || Normalizer is null) return;   // otherwise it is among the asked ones
        Normalizer.Observe(decision.Observed);
        Normalizer.Renew();
    }

    /// <summary>Enqueues the training steps of a frame.</summary>
    /// <param name="frameBudget">The budget of this frame.</param>
    /// <param name="agents">The number of agents that learn.</param>
    public void Train(FrameBudget frameBudget, int agents)
    {
        bool isBehind = device.IsBehind && frameBudget.StepsPerFrame == 0;
        (Time, StepsThisFrame, IsWaitingForGpu) = (TimeSpan.Zero, 0, IsLearning && isBehind);
        if (!IsLearning || isBehind) return;
        using NeuralDevice.Scope scope = device.Enter();   // the host's state is saved once for all steps, and not while scripts run
        budget.BeginFrame(frameBudget, this);
        bool isIdle = Learner!.Train(budget, agents);
        budget.EndFrame(isIdle);
        (Time, StepsThisFrame, IsWaitingForGpu) = (budget.Time, budget.Steps, budget.Parts == 0 && budget.IsAheadOfGpu);
    }

    /// <summary>Enqueues the rest of a step that is partly enqueued.</summary>
    public void FinishStep() => Learner?.FinishStep();

    public void Dispose() => budget.Dispose();
}
