namespace NeuralPlugin;

/// <summary>How the episodes of a population ended: how many, and the mean of the last rewards. Allocates nothing.</summary>
internal sealed class EpisodeStatistics
{
    private const int EpisodesInMean = 100;

    private readonly float[] rewards = new float[EpisodesInMean];

    /// <summary>Episodes that have ended.</summary>
    public long Count { get; private set; }

    /// <summary>The mean of the cumulative rewards of the last 100 episodes that ended; NaN before the first.</summary>
    public float MeanReward { get; private set; } = float.NaN;

    /// <summary>Says what files keep of it.</summary>
    public void Describe(StateForm form)
    {
        form.Count("run.episodes", () => Count, count => Count = count);
        form.Floats("run.episode_rewards", StateRows.Exactly(EpisodesInMean), 1, rewards);
        form.Then(StateForm.Run, Summarize);
    }

    /// <summary>An episode has ended with this cumulative reward.</summary>
    public void Add(float reward)
    {
        rewards[Count++ % EpisodesInMean] = reward;
        Summarize();
    }

    private void Summarize()
    {
        if (Count == 0) return;
        double sum = 0;
        int counted = (int)Math.Min(Count, EpisodesInMean);
        for (int i = 0; i < counted; i++) sum += rewards[i];
        MeanReward = (float)(sum / counted);
    }
}
