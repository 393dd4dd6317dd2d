namespace NeuralPlugin;

/// <summary>
/// How the agents of a population come to their actions: asks those whose decision is due what they observe, and their brains or their
/// heuristic what to do, and lets the actions begin whose answers have come. What was decided or shown goes to the trainer.
/// </summary>
internal sealed class AgentDecisions : IDisposable
{
    private readonly Brains brains;
    private readonly AgentTrainer trainer;
    private readonly FrameErrors errors;
    private readonly DecisionRequests requests;
    private readonly ObservationCollector collector;
    private readonly ActionChooser chooser;
    private readonly PolicyShape policy;
    private readonly float[] taken;   // by the agent whose turn it is, where an action is more than one choice

    /// <param name="device">Where the brains are.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <param name="brains">What decides.</param>
    /// <param name="trainer">What learns from it.</param>
    /// <param name="errors">Takes those of the agents' scripts.</param>
    public AgentDecisions(NeuralDevice device, AgentPopulationOptions options, Brains brains, AgentTrainer trainer, FrameErrors errors)
    {
        this.brains = brains;
        this.trainer = trainer;
        this.errors = errors;
        requests = new DecisionRequests(device, brains, options);
        collector = new ObservationCollector(device, options, brains.Seen);
        chooser = new ActionChooser(options);
        policy = options.Policy;
        taken = new float[options.TakenNumbers];
    }

    /// <summary>Decisions that were carried out.</summary>
    public long Count { get; private set; }

    /// <summary>Whether actions are drawn by the brain's probabilities; false for the most probable one.</summary>
    public bool Explores
    {
        get => chooser.Explores;
        set => chooser.Explores = value;
    }

    /// <summary>Where what agents show is kept too, raw; null for nowhere.</summary>
    public Demonstration? Recording { get; set; }

    /// <summary>Lets the actions begin whose answers are there, or due, in the order in which they were asked for.</summary>
    /// <param name="population">Whose agents they are.</param>
    public void Deliver(AgentPopulation population)
    {
        while (requests.TakeAnswered(population.Frame) is { } request)
        {
            if (request.WasSkipped)
            {
                errors.Add(Skipped(request.Frame));
                AskAgain(population, request);
            }

            for (int row = 0; row < request.Rows && !request.WasSkipped; row++)
            {
                Agent? agent = request.Agents[row];
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

    /// <summary>Asks the agents whose decision is due what they observe, and enqueues the question what to do.</summary>
    /// <param name="agents">The agents by their numbers.</param>
    /// <param name="frame">This frame.</param>
    public void Ask(ReadOnlySpan<Agent?> agents, long frame)
    {
        DecisionRequest? request = requests.Begin();
        int questions = 0;
        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver || !agent.IsDue(frame)) continue;
            try
            {
                if (agent.ActsByHeuristic)
                {
                    DecideByItself(agent, frame);
                }
                else if (request is not null)
                {
                    if (Observe(agent, request, brains.AreOwn ? agent.Index : questions, frame)) questions++;
                }
            }
            catch (Exception exception)
            {
                errors.Add(exception);   // thrown again at the end of the frame
            }
        }

        if (request is null || questions == 0) return;
        int rows = brains.AreOwn ? agents.Length : questions;
        if (trainer.Normalizer is { } normalizer) request.Normalize(normalizer, rows, trainer.IsLearning);
        requests.Enqueue(request, frame, rows);
    }

    /// <summary>Says what files keep of it.</summary>
    public void Describe(StateForm form)
    {
        form.Count("run.decisions", () => Count, count => Count = count);
        chooser.Describe(form);
    }

    public void Dispose() => requests.Dispose();

    /// <summary>Those who decide on request alone would wait forever.</summary>
    private static void AskAgain(AgentPopulation population, DecisionRequest request)
    {
        for (int row = 0; row < request.Rows; row++)
        {
            if (request.Agents[row] is { DecisionPeriod: 0 } agent && agent.Population == population && request.IsOfThisEpisode(row)) agent.RequestDecision();
        }
    }

    private static DispatchesSkippedException Skipped(long frame)
    {
        return new DispatchesSkippedException(
            $"The questions of frame {frame} were enqueued and not answered: the driver skips dispatches while a conditional render is " +
            "open (glBeginConditionalRender). Call Update before it or after glEndConditionalRender. The agents go on with what they did before, and the next decisions count.");
    }

    /// <summary>An agent carries a decision out from now on.</summary>
    private void Begin(Agent agent, DecisionRequest request, int row)
    {
        agent.Inspector?.Decide(request, row);
        if (policy.IsOneBranch)
        {
            int action = chooser.Choose(agent, request.PolicyOutputs(row), request.Allowed(row), out float logProbability);
            trainer.Decide(agent, request.Decision(row, action, logProbability));
            agent.BeginAction(action);
        }
        else
        {
            float logProbability = chooser.ChooseAll(agent, request.PolicyOutputs(row), request.Allowed(row), taken);
            trainer.Decide(agent, request.Decision(row, action: 0, logProbability) with { Taken = taken });
            agent.BeginAction(policy, taken);
        }

        Count++;
    }

    /// <summary>
    /// Takes an agent's observations and mask into a row of a request, which stays as it was where the agent has an error, or its
    /// script has ended the episode or removed the agent meanwhile.
    /// </summary>
    /// <returns>Whether it asks.</returns>
    private bool Observe(Agent agent, DecisionRequest request, int row, long frame)
    {
        AgentPopulation? population = agent.Population;
        int look = collector.Collect(agent);
        bool isTaken = false;
        try
        {
            int shown = agent.Demonstrates && IsStillThere(agent, population) ? collector.AskHeuristic(agent) : 0;
            if (!IsStillThere(agent, population)) return false;
            if (agent.Demonstrates) Demonstrate(agent, look, shown);
            request.Set(row, agent, collector, look, trainer.ScaleOf(agent.Index));
            agent.Inspector?.Ask(frame, collector.Observed);
            isTaken = true;
        }
        finally
        {
            if (!isTaken) collector.Release(look);
        }

        agent.NoteAsked(frame);
        return true;
    }

    /// <summary>Whether an agent that was asked something is to act on it.</summary>
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
        agent.NoteAsked(frame);
        if (policy.IsOneBranch) agent.BeginAction(action);
        else agent.BeginAction(policy, collector.Taken);
        Count++;
    }

    private void Demonstrate(Agent agent, int look, int action)
    {
        Decision shown = collector.Decision(look, action);
        Recording?.Add(shown);
        trainer.Demonstrate(agent, shown);
    }
}
