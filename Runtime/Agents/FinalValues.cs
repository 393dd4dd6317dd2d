namespace NeuralPlugin;

/// <summary>
/// Asks brains for the value of the last observations of interrupted episodes, before the next ones begin, and passes the answers to the learner.
/// These questions are a separate dispatch, in frames that have any.
/// </summary>
internal sealed class FinalValues : IDisposable
{
    private readonly Brains brains;
    private readonly AgentTrainer trainer;
    private readonly DecisionRequests? requests;
    private readonly ObservationCollector collector;
    private readonly int agentCount;
    private DecisionRequest? request;
    private int questions;

    /// <param name="device">The device of the brains.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="brains">The brains to ask.</param>
    /// <param name="trainer">Receives the answers.</param>
    public FinalValues(NeuralDevice device, AgentPopulationOptions options, Brains brains, AgentTrainer trainer)
    {
        this.brains = brains;
        this.trainer = trainer;
        agentCount = options.Capacity;
        collector = new ObservationCollector(device, options, brains.Seen);
        if (trainer.EstimatesValues) requests = new DecisionRequests(device, brains, brains.Clock, options);
    }

    /// <summary>Begins the questions of a frame.</summary>
    public void Begin()
    {
        request = requests?.Begin();
        questions = 0;
    }

    /// <summary>Whether the end of an agent's episode must wait for a later frame, because too many questions are open.</summary>
    public bool MustWait(Agent agent) => Wants(agent) && request is null;

    /// <summary>Asks for the value of an agent's current observations, if its episode was interrupted and it learns from values.</summary>
    /// <returns>Whether it was asked.</returns>
    /// <exception cref="AgentException">Its script did something forbidden.</exception>
    public bool Ask(Agent agent)
    {
        if (!Wants(agent) || request is null) return false;
        int place = agent.Index;
        int look = collector.CollectObserved(agent);
        if (agent.Index != place)   // it was removed in the meantime
        {
            collector.Release(look);
            return false;
        }

        request.Set(brains.AreOwn ? place : questions, agent, collector, look, trainer.ScaleOf(place));
        questions++;
        return true;
    }

    /// <summary>Enqueues the questions.</summary>
    public void Enqueue(long frame)
    {
        if (request is null || questions == 0) return;
        int rows = brains.AreOwn ? agentCount : questions;
        if (trainer.Normalizer is { } normalizer) request.Normalize(normalizer, rows, learns: false);
        requests!.Enqueue(request, frame, rows);
    }

    /// <summary>Passes on the answers that have arrived, or are due.</summary>
    public void Deliver(long frame)
    {
        while (requests?.TakeAnswered(frame) is { } answered)
        {
            for (int row = 0; row < answered.Rows; row++)
            {
                if (answered.AgentOf(row) is null) continue;
                trainer.TakeValue(answered.Place(row), answered.Frame, answered.WasSkipped ? null : answered.Value(row));
            }

            foreach (int look in answered.Looks) collector.Release(look);
        }
    }

    public void Dispose() => requests?.Dispose();

    private bool Wants(Agent agent) => requests is not null && agent.IsInterrupted && trainer.IsLearning && !agent.ActsByHeuristic && !agent.ActsBySnapshot;
}
