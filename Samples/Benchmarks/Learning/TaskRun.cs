namespace NeuralPlugin.Benchmarks;

/// <summary>A population that learns a task, with a decision in every frame.</summary>
internal sealed class TaskRun : IDisposable
{
    private readonly AgentPopulation population;
    private readonly TaskAgent[] agents;

    /// <param name="device">The device of the brain.</param>
    /// <param name="task">The task to learn.</param>
    /// <param name="agentCount">The number of agents that learn it together.</param>
    /// <param name="learning">The learning settings; null for the default.</param>
    /// <param name="seed">The seed of the brain and of the agents' worlds.</param>
    /// <param name="brains">Whether they share a brain.</param>
    public TaskRun(NeuralDevice device, LearningTask task, int agentCount, AgentLearning? learning, int seed, BrainSharing brains = BrainSharing.Shared)
    {
        AgentPopulationOptions options = new()
        {
            Observations = task.Observations,
            ActionSpec = task.Actions,
            HiddenUnits = 64,
            Capacity = agentCount,
            Brains = brains,
            Latency = 0,
            Seed = seed,
        };
        population = new AgentPopulation(device, learning is null ? options : options with { Learning = learning });
        agents = [.. Enumerable.Range(0, agentCount).Select(i => task.Make(Log, seed, i))];
        foreach (TaskAgent agent in agents) population.Add(agent);
    }

    public TaskLog Log { get; } = new();

    public IReadOnlyList<TaskAgent> Agents => agents;

    public AgentProgress Progress => population.Progress;

    /// <summary>Replaces the brain that they share.</summary>
    public void SetBrain(BrainState brain) => population.SetBrainState(0, brain);

    /// <summary>Runs a frame, in which each agent acts once.</summary>
    public void Frame() => population.Update();

    public void UntilSteps(long steps)
    {
        while (Log.Steps < steps) Frame();
    }

    public void UntilEpisodes(long episodes)
    {
        while (Log.Episodes < episodes) Frame();
    }

    /// <summary>The mean score of at least the given number of episodes, the same number per agent, by the most probable actions and without learning.</summary>
    public double MeasureGreedy(int episodes)
    {
        long steps = Log.Steps;
        population.Learns = population.Explores = false;
        Log.EpisodesOfEach = (episodes + agents.Length - 1) / agents.Length;
        Log.Measured.Clear();
        foreach (TaskAgent agent in agents) agent.BeginMeasuring();
        Log.IsMeasuring = true;
        while (agents.Any(agent => agent.MeasuredEpisodes < Log.EpisodesOfEach)) Frame();
        foreach (TaskAgent agent in agents) agent.EpisodeInterrupted();
        Log.IsMeasuring = false;
        population.Learns = population.Explores = true;
        Log.Steps = steps;
        return Log.Measured.Average();
    }

    public void Dispose() => population.Dispose();
}
