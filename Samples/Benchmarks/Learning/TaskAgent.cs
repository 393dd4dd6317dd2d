namespace NeuralPlugin.Benchmarks;

/// <summary>An agent of a task that measures learning. It reports each episode's score to its log.</summary>
internal abstract class TaskAgent(TaskLog log, int seed, int number) : Agent
{
    /// <summary>Chooses where its episodes begin.</summary>
    protected SeededRandom Random { get; } = new((ulong)seed, (ulong)number);

    private const int RecentEpisodes = 10;

    private readonly Queue<float> recent = [];

    /// <summary>The mean score of its last ten episodes; 0 before the first.</summary>
    public double RecentMean => recent.Count == 0 ? 0 : recent.Average();

    /// <summary>The number of its measured episodes.</summary>
    public int MeasuredEpisodes { get; private set; }

    /// <summary>A uniform number within ±bound.</summary>
    protected float Within(float bound) => ((2 * Random.NextSingle()) - 1) * bound;

    /// <summary>The score of an episode that ends now.</summary>
    protected virtual float Score => CumulativeReward;

    /// <summary>Carries out an action, rewards it, and returns whether the episode is over by the task's own rules.</summary>
    protected virtual bool Act(int action) => throw new NotSupportedException("An action of this task is more than one choice.");

    /// <summary>The same of a task whose actions are more than one choice.</summary>
    protected virtual bool Act(ActionBuffers actions) => Act(actions.DiscreteActions[0]);

    public sealed override void OnActionReceived(ActionBuffers actions)
    {
        log.Steps++;
        bool isOver = Act(actions);
        if (isOver) EndEpisode();
        if (!isOver && StepCount != MaxStep) return;   // the limit interrupts it after this call
        if (log.IsMeasuring && MeasuredEpisodes == log.EpisodesOfEach) return;
        log.Add(Score);
        recent.Enqueue(Score);
        if (recent.Count > RecentEpisodes) recent.Dequeue();
        if (log.IsMeasuring) MeasuredEpisodes++;
    }

    /// <summary>Begins a measured episode.</summary>
    public void BeginMeasuring()
    {
        MeasuredEpisodes = 0;
        EpisodeInterrupted();
    }
}

/// <summary>The scores of the episodes of a task's agents.</summary>
internal sealed class TaskLog
{
    private const int Recently = 100;

    private readonly Queue<float> recent = [];

    /// <summary>Actions of all agents, except those that are measured.</summary>
    public long Steps { get; set; }

    /// <summary>Episodes, except those that are measured.</summary>
    public long Episodes { get; private set; }

    /// <summary>Whether a policy is measured, without learning.</summary>
    public bool IsMeasuring { get; set; }

    /// <summary>Measured episodes per agent.</summary>
    public int EpisodesOfEach { get; set; }

    /// <summary>The measured scores.</summary>
    public List<float> Measured { get; } = [];

    /// <summary>The mean of the last hundred scores; NaN before the hundredth.</summary>
    public double RecentMean => recent.Count < Recently ? double.NaN : recent.Average();

    public void Add(float score)
    {
        if (IsMeasuring)
        {
            Measured.Add(score);
            return;
        }

        Episodes++;
        recent.Enqueue(score);
        if (recent.Count > Recently) recent.Dequeue();
    }
}
