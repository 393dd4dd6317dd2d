namespace NeuralPlugin;

/// <summary>
/// Asks brains what they expect of the last observations of episodes that were interrupted, before the next ones begin, and hands the answers to
/// the learner. These questions are a dispatch of their own, in frames that have some.
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

    /// <param name="device">Where the brains are.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <param name="brains">What is asked.</param>
    /// <param name="trainer">What takes the answers.</param>
    public FinalValues(NeuralDevice device, AgentPopulationOptions options, Brains brains, AgentTrainer trainer)
    {
        this.brains = brains;
        this.trainer = trainer;
        agentCount = options.Capacity;
        collector = new ObservationCollector(device, options, brains.Seen);
        if (trainer.EstimatesValues) requests = new DecisionRequests(device, brains, options);
    }

    /// <summary>The questions of a frame begin.</summary>
    public void Begin()
    {
        request = requests?.Begin();
        questions = 0;
    }

    /// <summary>Whether the end of an agent's episode is to wait for a later frame, since too many questions are under way.</summary>
    public bool MustWait(Agent agent) => Wants(agent) && request is null;

    /// <summary>Asks for the value of what an agent observes now, where its episode was interrupted and it learns from values.</summary>
    /// <returns>Whether it was asked.</returns>
    /// <exception cref="AgentException">Its script did what it may not.</exception>
    public bool Ask(Agent agent)
    {
        if (!Wants(agent) || request is null) return false;
        int place = agent.Index;
        int look = collector.CollectObserved(agent);
        if (agent.Index != place)   // it was removed meanwhile
        {
            collector.Release(look);
            return false;
        }

        request.Set(brains.AreOwn ? place : questions, agent, collector, look, trainer.ScaleOf(place));
        questions++;
        return true;
    }

    /// <summary>Enqueues what was asked.</summary>
    public void Enqueue(long frame)
    {
        if (request is null || questions == 0) return;
        int rows = brains.AreOwn ? agentCount : questions;
        if (trainer.Normalizer is { } normalizer) request.Normalize(normalizer, rows, learns: false);
        requests!.Enqueue(request, frame, rows);
    }

    /// <summary>Hands over the answers that are there, or due.</summary>
    public void Deliver(long frame)
    {
        while (requests?.TakeAnswered(frame) is { } answered)
        {
            for (int row = 0; row < answered.Rows; row++)
            {
                if (answered.Agents[row] is null) continue;
                trainer.TakeValue(answered.Place(row), answered.Frame, answered.WasSkipped ? null : answered.Value(row));
            }

            foreach (int look in answered.Looks) collector.Release(look);
        }
    }

    public void Dispose() => requests?.Dispose();

    private bool Wants(Agent agent) => requests is not null && agent.IsInterrupted && trainer.IsLearning && !agent.ActsByHeuristic;
}
