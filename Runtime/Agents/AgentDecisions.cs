namespace NeuralPlugin;

/// <summary>
/// Determines the actions of a population's agents: asks those whose decision is due for their observations, and their brains or their heuristic for
/// actions, and begins the actions whose answers have come. Decisions and demonstrations go to the trainer.
/// </summary>
internal sealed class AgentDecisions : IDisposable
{
    private readonly Brains brains;
    private readonly AgentTrainer trainer;
    private readonly FrameErrors errors;
    private readonly DecisionRequests requests;
    private readonly Opponents? opponents;
    private readonly DecisionRequests? ofOpponents;
    private readonly ObservationCollector collector;
    private readonly ActionChooser chooser;
    private readonly PolicyShape policy;
    private readonly float[] taken;   // by the agent whose turn it is, if an action is more than one choice

    /// <param name="device">The device of the brains.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="brains">The brains that decide.</param>
    /// <param name="trainer">The trainer that learns from the decisions.</param>
    /// <param name="errors">Receives the errors of the agents' scripts.</param>
    /// <param name="opponents">What opponents act with; null without self-play.</param>
    /// <param name="reference">The policy that the agents must stay near; null for none.</param>
    public AgentDecisions(
        NeuralDevice device, AgentPopulationOptions options, Brains brains, AgentTrainer trainer, FrameErrors errors, Opponents? opponents, ReferencePolicy? reference)
    {
        this.brains = brains;
        this.trainer = trainer;
        this.errors = errors;
        this.opponents = opponents;
        requests = new DecisionRequests(device, brains, brains.Clock, options, reference);
        if (opponents is not null) ofOpponents = new DecisionRequests(device, opponents, brains.Clock, options);
        collector = new ObservationCollector(device, options, brains.Seen);
        chooser = new ActionChooser(options);
        policy = options.Policy;
        taken = new float[options.Policy.TakenNumbers];
    }

    /// <summary>Decisions that were carried out.</summary>
    public long Count { get; private set; }

    /// <summary>Whether actions are sampled from the brain's probabilities; false for the most probable one.</summary>
    public bool Explores
    {
        get => chooser.Explores;
        set => chooser.Explores = value;
    }

    /// <summary>Also receives the demonstrations of agents, raw; null for none.</summary>
    public Demonstration? Recording { get; set; }

    /// <summary>Begins the actions whose answers have arrived, or are due, in the order of their questions.</summary>
    /// <param name="population">The agents' population.</param>
    public void Deliver(AgentPopulation population)
    {
        Deliver(population, requests);
        if (ofOpponents is not null) Deliver(population, ofOpponents);
    }

    private void Deliver(AgentPopulation population, DecisionRequests asked)
    {
        while (asked.TakeAnswered(population.Frame) is { } request)
        {
            if (request.WasSkipped)
            {
                errors.Add(Skipped(request.Frame));
                AskAgain(population, request);
            }

            for (int row = 0; row < request.Rows && !request.WasSkipped; row++)
            {
                Agent? agent = request.AgentOf(row);
                if (agent is null || agent.Population != population || !request.IsOfThisEpisode(row) || agent.ActsByHeuristic) continue;
                try
                {
                    Begin(agent, request, row);
                }
                catch (AgentException exception)
                {
                    errors.Add(exception);
                }
            }

            foreach (int look in request.Looks) collector.Release(look);
        }
    }

    /// <summary>Asks the agents whose decision is due for their observations, and enqueues the question to the brains.</summary>
    /// <param name="agents">The agents by their numbers.</param>
    /// <param name="frame">This frame.</param>
    public void Ask(ReadOnlySpan<Agent?> agents, long frame)
    {
        DecisionRequest? request = requests.Begin(), ofOpponent = ofOpponents?.Begin();
        (int questions, int opponentQuestions) = (0, 0);
        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver || !agent.IsDue(frame)) continue;
            try
            {
                if (agent.ActsByHeuristic)
                {
                    DecideByItself(agent, frame);
                }
                else if (agent.ActsBySnapshot)
                {
                    if (ofOpponent is not null && Observe(agent, ofOpponent, opponentQuestions, frame, opponents!.Scale)) opponentQuestions++;
                }
                else if (request is not null)
                {
                    if (Observe(agent, request, brains.AreOwn ? agent.Index : questions, frame, trainer.ScaleOf(agent.Index))) questions++;
                }
            }
            catch (Exception exception)
            {
                errors.Add(exception);   // rethrown at the end of the frame
            }
        }

        if (opponentQuestions > 0)
        {
            if (opponents!.Normalizer is { } ofSnapshot) ofOpponent!.Normalize(ofSnapshot, opponentQuestions, learns: false);
            ofOpponents!.Enqueue(ofOpponent!, frame, opponentQuestions);
        }

        if (request is null || questions == 0) return;
        int rows = brains.AreOwn ? agents.Length : questions;
        if (trainer.Normalizer is { } normalizer) request.Normalize(normalizer, rows, trainer.IsLearning);
        requests.Enqueue(request, frame, rows);
    }

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form)
    {
        form.Count("run.decisions", () => Count, count => Count = count);
        chooser.Describe(form);
    }

    public void Dispose()
    {
        requests.Dispose();
        ofOpponents?.Dispose();
    }

    /// <summary>Asks again: agents that decide only on request would otherwise wait forever.</summary>
    private static void AskAgain(AgentPopulation population, DecisionRequest request)
    {
        for (int row = 0; row < request.Rows; row++)
        {
            if (request.AgentOf(row) is { DecisionPeriod: 0 } agent && agent.Population == population && request.IsOfThisEpisode(row)) agent.RequestDecision();
        }
    }

    private static DispatchesSkippedException Skipped(long frame)
    {
        return new DispatchesSkippedException(
            $"The questions of frame {frame} were enqueued and not answered: the driver skips dispatches while a conditional render is " +
            "open (glBeginConditionalRender). Call Update before it or after glEndConditionalRender. The agents repeat their last actions, and the next decisions count.");
    }

    /// <summary>Begins to carry out an agent's decision.</summary>
    private void Begin(Agent agent, DecisionRequest request, int row)
    {
        agent.Inspector?.Decide(request, row);
        if (policy.IsOneBranch)
        {
            int action = chooser.Choose(agent, request.PolicyOutputs(row), request.Allowed(row), out float logProbability);
            Learn(agent, request.Decision(row, action, logProbability));
            agent.BeginAction(action);
        }
        else
        {
            float logProbability = chooser.ChooseAll(agent, request.PolicyOutputs(row), request.Allowed(row), taken);
            Learn(agent, request.Decision(row, action: 0, logProbability) with { Taken = taken });
            agent.BeginAction(policy, taken);
        }

        Count++;
    }

    /// <summary>Hands a decision to the trainer, unless a snapshot made it.</summary>
    private void Learn(Agent agent, in Decision decision)
    {
        if (agent.ActsBySnapshot)
        {
            _ = agent.TakeReward();
            return;
        }

        trainer.Decide(agent, decision);
        if (trainer.IsLearning) opponents?.CountStep();
    }

    /// <summary>
    /// Writes an agent's observations and mask into a row of a request, which stays unchanged if the agent has an error, or its script ended the
    /// episode or removed the agent in the meantime.
    /// </summary>
    /// <returns>Whether the agent asks.</returns>
    private bool Observe(Agent agent, DecisionRequest request, int row, long frame, ValueScale scale)
    {
        AgentPopulation? population = agent.Population;
        int look = collector.Collect(agent);
        bool isTaken = false;
        try
        {
            int shown = agent.Demonstrates && IsStillThere(agent, population) ? collector.AskHeuristic(agent) : 0;
            if (!IsStillThere(agent, population)) return false;
            if (agent.Demonstrates) Demonstrate(agent, look, shown);
            request.Set(row, agent, collector, look, scale);
            agent.Inspector?.Ask(frame, collector.Observed);
            isTaken = true;
        }
        finally
        {
            if (!isTaken) collector.Release(look);
        }

        agent.NoteAsked(frame, collector.Newest);
        return true;
    }

    /// <summary>Whether an agent with an open question is still to act on the answer.</summary>
    private static bool IsStillThere(Agent agent, AgentPopulation? population) => agent.Population == population && !agent.IsEpisodeOver;

    private void DecideByItself(Agent agent, long frame)
    {
        AgentPopulation? population = agent.Population;
        int look = collector.Collect(agent);
        int action;
        try
        {
            if (!IsStillThere(agent, population)) return;
            action = collector.AskHeuristic(agent);
            if (!IsStillThere(agent, population)) return;
            if (agent.Demonstrates) Demonstrate(agent, look, action);
            agent.Inspector?.DecideByItself(frame, collector.Observed, collector.Allowed);
        }
        finally
        {
            collector.Release(look);
        }

        if (trainer.Learns) trainer.CloseDecisions(agent);
        _ = agent.TakeReward();
        agent.NoteAsked(frame, collector.Newest);
        if (policy.IsOneBranch) agent.BeginAction(action);
        else agent.BeginAction(policy, collector.Taken);
        Count++;
    }

    private void Demonstrate(Agent agent, int look, int action)
    {
        Decision shown = collector.Decision(look, action);
        if (Recording is not null) agent.History.RecordInto(Recording, shown);
        trainer.Demonstrate(agent, shown);
    }
}
