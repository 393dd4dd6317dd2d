namespace NeuralPlugin;

/// <summary>Calls the scripts of a population's agents in a frame: lets actions be carried out, and episodes end and begin.</summary>
/// <param name="population">Whose agents they are.</param>
/// <param name="agents">By their places.</param>
/// <param name="episodes">Takes how episodes end.</param>
/// <param name="errors">Takes those of the scripts.</param>
internal sealed class AgentScripts(AgentPopulation population, Agent?[] agents, EpisodeStatistics episodes, FrameErrors errors)
{
    /// <summary>Actions begin whose answers have come, and every agent that has one carries it out.</summary>
    public void CarryOut(AgentMind mind)
    {
        mind.FinalValues.Deliver(population.Frame);
        mind.Decisions.Deliver(population);
        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver) continue;
            if (agent.Action < 0 || (agent.DecisionPeriod == 0 && !agent.IsActionNew)) continue;
            agent.IsActionNew = false;
            agent.StepCount++;
            try
            {
                agent.OnActionReceived(agent.StoredActions);
                if (agent.Population == population && agent.MaxStep > 0 && agent.StepCount >= agent.MaxStep) agent.EpisodeInterrupted();
            }
            catch (Exception exception)
            {
                errors.Add(exception);   // thrown again at the end of the frame
            }
        }
    }

    public void BeginEpisodes(AgentMind mind)
    {
        mind.FinalValues.Begin();
        foreach (Agent? agent in agents)
        {
            if (agent is null || !agent.IsEpisodeOver || mind.FinalValues.MustWait(agent)) continue;
            try
            {
                CloseEpisode(mind, agent);
                if (agent.Population == population) agent.BeginEpisode(population.Frame);
            }
            catch (Exception exception)
            {
                errors.Add(exception);
            }
        }

        mind.FinalValues.Enqueue(population.Frame);
    }

    /// <summary>An episode is over: what was decided last gets what it has brought and, where it was interrupted, what would have come.</summary>
    private void CloseEpisode(AgentMind mind, Agent agent)
    {
        bool isAsked = false;
        try
        {
            isAsked = mind.FinalValues.Ask(agent);
        }
        catch (Exception exception)
        {
            errors.Add(exception);   // the episode begins anew all the same
        }

        if (agent.Population != population) return;
        if (isAsked) mind.Trainer.InterruptEpisode(agent, population.Frame);
        else mind.Trainer.EndEpisode(agent, isCutOff: agent.IsInterrupted);
        episodes.Add(agent.CumulativeReward, agent.StepCount);
    }
}
