namespace NeuralPlugin;

/// <summary>Calls the scripts of a population's agents in a frame: has actions carried out, and episodes ended and begun.</summary>
/// <param name="population">The agents' population.</param>
/// <param name="agents">The agents by their places.</param>
/// <param name="episodes">Records how episodes end.</param>
/// <param name="errors">Receives the errors of the scripts.</param>
internal sealed class AgentScripts(AgentPopulation population, Agent?[] agents, EpisodeStatistics episodes, FrameErrors errors)
{
    /// <summary>Begins the actions whose answers have come, and has every agent with an action carry it out.</summary>
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
                errors.Add(exception);   // rethrown at the end of the frame
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
                if (agent.Population != population) continue;
                mind.Opponents?.BeginEpisode(agent);
                agent.BeginEpisode(population.Frame);
            }
            catch (Exception exception)
            {
                errors.Add(exception);
            }
        }

        mind.FinalValues.Enqueue(population.Frame);
    }

    /// <summary>Closes an episode: the last decision gets its reward and, if the episode was interrupted, an estimate of the missing return.</summary>
    private void CloseEpisode(AgentMind mind, Agent agent)
    {
        bool isAsked = false;
        try
        {
            isAsked = mind.FinalValues.Ask(agent);
        }
        catch (Exception exception)
        {
            errors.Add(exception);   // the episode starts over all the same
        }

        if (agent.Population != population) return;
        mind.Opponents?.EndEpisode(agent);
        if (isAsked) mind.Trainer.InterruptEpisode(agent, population.Frame);
        else mind.Trainer.EndEpisode(agent, isCutOff: agent.IsInterrupted);
        if (!agent.ActsBySnapshot) episodes.Add(agent.CumulativeReward, agent.StepCount);
    }
}
