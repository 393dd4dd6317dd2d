namespace NeuralPlugin;

/// <summary>Writes the progress of a population, each time a given number of further decisions were made.</summary>
internal sealed class ProgressReports(TimeProvider clock, StatsRecorder recorder, FrameErrors errors) : IDisposable
{
    private readonly List<Report> reports = [];

    public void Add(ProgressWriter writer, long everyDecisions, long decisions) => reports.Add(new Report(writer, everyDecisions) { Next = decisions + everyDecisions });

    /// <summary>Writes the rows due at the end of a frame. Gives up a writer that cannot write.</summary>
    /// <param name="population">The population.</param>
    /// <param name="decisions">Its decisions so far: in most frames no row is due, and its other numbers are not needed.</param>
    public void Write(AgentPopulation population, long decisions)
    {
        if (!IsDue(decisions)) return;
        AgentProgress progress = population.Progress;
        for (int i = reports.Count - 1; i >= 0; i--)
        {
            Report report = reports[i];
            if (progress.Decisions < report.Next) continue;
            report.Next = progress.Decisions + report.EveryDecisions;
            try
            {
                report.Writer.Write(progress.Decisions, clock.GetUtcNow(), [.. ValuesOf(progress), .. recorder.TakeMeans(report.Before)]);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                reports.RemoveAt(i);
                errors.Add(exception);
            }
        }
    }

    private bool IsDue(long decisions)
    {
        foreach (Report report in reports)
        {
            if (decisions >= report.Next) return true;
        }

        return false;
    }

    public void Dispose()
    {
        foreach (Report report in reports) report.Writer.Dispose();
        reports.Clear();
    }

    /// <summary>The names are those of ML-Agents, if it has some.</summary>
    private static (string Name, float Value)[] ValuesOf(AgentProgress progress) =>
    [
        ("Environment/Cumulative Reward", progress.MeanEpisodeReward), ("Environment/Episode Length", progress.MeanEpisodeLength), ("Environment/Episodes", progress.Episodes),
        ("Losses/Policy Loss", progress.PolicyLoss), ("Losses/Value Loss", progress.ValueLoss), ("Policy/Entropy", progress.Entropy),
        ("Policy/Learning Rate", progress.LearningRate), ("Policy/Divergence", progress.Divergence), ("Policy/Explained Variance", progress.ExplainedVariance), ("Policy/Drift", progress.Drift),
        ("Run/Training Steps", progress.TrainingSteps), ("Run/Dropped Steps", progress.DroppedSteps), ("Run/Learned Decisions", progress.LearnedDecisions),
        ("Run/Skipped Decisions", progress.SkippedDecisions), ("Run/Decisions per Second", progress.DecisionsPerSecond),
        .. float.IsNaN(progress.Elo) ? (ReadOnlySpan<(string, float)>)[] : [("Self-play/ELO", progress.Elo)],
    ];

    private sealed record Report(ProgressWriter Writer, long EveryDecisions)
    {
        /// <summary>The decisions after which the next row is due.</summary>
        public long Next { get; set; }

        /// <summary>What had been recorded at the last row.</summary>
        public Dictionary<string, (double Sum, long Count)> Before { get; } = [];
    }
}

/// <summary>Measures decisions per second by a clock: a mean over at least a second.</summary>
internal sealed class DecisionRate(TimeProvider clock)
{
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(1);

    private long start = clock.GetTimestamp();
    private long before;

    /// <summary>Decisions per second; NaN in the first second.</summary>
    public float PerSecond { get; private set; } = float.NaN;

    /// <summary>Notes the number of decisions so far.</summary>
    public void Note(long decisions)
    {
        TimeSpan elapsed = clock.GetElapsedTime(start);
        if (elapsed < Span) return;
        PerSecond = (float)((decisions - before) / elapsed.TotalSeconds);
        (start, before) = (clock.GetTimestamp(), decisions);
    }

    /// <summary>Excludes decisions that were made elsewhere.</summary>
    public void Begin(long decisions) => before = decisions;
}
