namespace NeuralPlugin;

/// <summary>How the episodes of a population ended: how many, and the mean of the last rewards. Allocates nothing.</summary>
internal sealed class EpisodeStatistics
{
    private const int EpisodesInMean = 100;

    private readonly float[] rewards = new float[EpisodesInMean];

    /// <summary>Episodes that have ended.</summary>
    public long Count { get; private set; }

    /// <summary>The mean of the cumulative rewards of the last 100 episodes that ended; NaN before the first.</summary>
    public float MeanReward
    {
        get
        {
            double sum = 0;
            int counted = (int)Math.Min(Count, EpisodesInMean);
            for (int i = 0; i < counted; i++) sum += rewards[i];
            return (float)(sum / counted);
        }
    }

    /// <summary>An episode has ended with this cumulative reward.</summary>
    public void Add(float reward) => rewards[Count++ % EpisodesInMean] = reward;
}
