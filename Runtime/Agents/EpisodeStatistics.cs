namespace NeuralPlugin;

/// <summary>Statistics of a population's ended episodes: their number, and the means of the last ones. Allocates nothing.</summary>
internal sealed class EpisodeStatistics
{
    private const int EpisodesInMean = 100;

    private readonly float[] rewards = new float[EpisodesInMean];
    private readonly float[] lengths = new float[EpisodesInMean];

    /// <summary>Episodes that have ended.</summary>
    public long Count { get; private set; }

    /// <summary>The mean of the cumulative rewards of the last 100 episodes that ended; NaN before the first.</summary>
    public float MeanReward => MeanOf(rewards);

    /// <summary>The mean number of their actions; NaN before the first.</summary>
    public float MeanLength => MeanOf(lengths);

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form)
    {
        StateRows rows = StateRows.Exactly(EpisodesInMean);
        form.Count("run.episodes", () => Count, count => Count = count);
        form.Floats("run.episode_rewards", rows, 1, rewards);
        form.Floats("run.episode_lengths", rows, 1, lengths, least: 0);
    }

    /// <summary>Adds an ended episode with its cumulative reward and number of actions.</summary>
    public void Add(float reward, long actions)
    {
        int at = (int)(Count++ % EpisodesInMean);
        (rewards[at], lengths[at]) = (reward, actions);
    }

    private float MeanOf(float[] values)
    {
        double sum = 0;
        int counted = (int)Math.Min(Count, EpisodesInMean);
        for (int i = 0; i < counted; i++) sum += values[i];
        return (float)(sum / counted);
    }
}
