namespace NeuralPlugin.Orleans;

/// <summary>Options of an <see cref="IslandClient"/>.</summary>
public sealed record IslandClientOptions
{
    /// <summary>The island's name.</summary>
    public string Server { get; init; } = $"{Environment.MachineName}-{Guid.NewGuid():N}";

    /// <summary>The number of decisions of all agents between two exchanges.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public long EveryDecisions { get; init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected 1 decision or more."); } = 100_000;

    /// <summary>Each weight of an adopted brain changes by up to this share of itself, so that islands stay different. 0 for no change.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is outside [0, 1].</exception>
    public double Perturbation { get; init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected a share from 0 to 1."); }

    /// <summary>The seed of these changes.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The delay after a failed call.</summary>
    public TimeSpan Retry { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>
/// An island: agents with brains of their own. The best brain is submitted to the other islands, and the worst is replaced by a better one of theirs. Call <see cref="Update"/> once a frame, after the
/// population's. It never waits for the cluster. The frame that adopts a brain waits for the device to read one row; that frame and the one that reads the best brain allocate.
/// </summary>
public sealed class IslandClient : IAsyncDisposable
{
    private readonly AgentPopulation agents;
    private readonly IIslandGrain grain;
    private readonly Func<int, double> score;
    private readonly IslandClientOptions options;
    private readonly SeededRandom random;
    private BrainReader? reader;
    private BrainState? shown;
    private Task<Champion?>? exchanging;
    private double bestScore;
    private int worst;
    private long lastDecisions;
    private DateTime retryAt;

    /// <summary>Starts to take part.</summary>
    /// <param name="agents">A population with brains of their own.</param>
    /// <param name="grains">From an Orleans client or a silo.</param>
    /// <param name="brain">The name of the islands' brains.</param>
    /// <param name="score">The score of an agent by its index, for example the mean reward of its last episodes. NaN if unknown: its brain is then neither submitted nor replaced.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <exception cref="ArgumentException">The agents share a brain (see <see cref="BrainClient"/>), or the name is not valid.</exception>
    public IslandClient(AgentPopulation agents, IGrainFactory grains, string brain, Func<int, double> score, IslandClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agents);
        ArgumentNullException.ThrowIfNull(grains);
        ArgumentNullException.ThrowIfNull(brain);
        ArgumentNullException.ThrowIfNull(score);
        if (agents.BrainCount == 1) throw new ArgumentException("The agents of an island must have brains of their own, but got a population of one. Set AgentPopulationOptions.Brains to OneEach, or make a BrainClient.", nameof(agents));
        if (DifferenceCheck.FindFaultOfName(brain) is { } fault) throw new ArgumentException($"'{brain}' is not a valid name for a brain: {fault}", nameof(brain));
        (this.agents, this.score, this.options) = (agents, score, options ?? new IslandClientOptions());
        grain = grains.GetGrain<IIslandGrain>(brain);
        random = new SeededRandom((ulong)this.options.Seed, stream: 0);
        lastDecisions = agents.Progress.Decisions;
    }

    /// <summary>The number of brains adopted from other islands.</summary>
    public long Adopted { get; private set; }

    /// <summary>The last error; null for none.</summary>
    public string? LastError { get; private set; }

    /// <summary>Whether an exchange is pending.</summary>
    public bool IsExchanging => exchanging is { IsCompleted: false };

    /// <summary>Runs one frame; call it after <see cref="AgentPopulation.Update"/>.</summary>
    public void Update()
    {
        if (exchanging is { IsCompleted: true })
        {
            Task<Champion?> done = exchanging;
            exchanging = null;
            if (done.IsCompletedSuccessfully) Take(done.Result);
            else (LastError, retryAt) = (done.Exception?.GetBaseException().Message ?? "it was cancelled.", DateTime.UtcNow + options.Retry);
        }
        else if (reader is not null)
        {
            if (!reader.TryTake(out BrainState? read)) return;
            shown = read.Copy();
            reader.Dispose();
            reader = null;
            (BrainState brain, double reached) = (shown, bestScore);
            double least = score(worst);
            exchanging = Task.Run(() => grain.Exchange(new Champion(brain.ToBytes(), reached, options.Server), least));
        }
        else if (exchanging is null && agents.Progress.Decisions - lastDecisions >= options.EveryDecisions && DateTime.UtcNow >= retryAt)
        {
            Begin();
        }
    }

    /// <summary>Stops taking part.</summary>
    public async ValueTask DisposeAsync()
    {
        reader?.Dispose();
        if (exchanging is not null) await exchanging.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Begin()
    {
        (int best, bestScore, double least) = (-1, double.NegativeInfinity, double.PositiveInfinity);
        for (int i = 0; i < agents.BrainCount; i++)
        {
            double reached = score(i);
            if (!double.IsFinite(reached)) continue;
            if (reached > bestScore) (best, bestScore) = (i, reached);
            if (reached < least) (worst, least) = (i, reached);
        }

        lastDecisions = agents.Progress.Decisions;
        if (best < 0) return;
        reader = agents.ReadBrain(best);
        reader.Begin();
    }

    private void Take(Champion? champion)
    {
        LastError = null;
        if (champion is null) return;
        BrainState brain = BrainState.Read(champion.Brain, $"that '{champion.Sender}' has shown");
        BrainMath.Renormalize(brain, shown!);   // the island has one normalization for all its brains
        foreach (float[] array in BrainMath.Arrays(brain))
        {
            for (int i = 0; options.Perturbation > 0 && i < array.Length; i++) array[i] *= (float)(1 + (options.Perturbation * ((2 * random.NextSingle()) - 1)));
        }

        agents.SetBrainState(worst, brain);
        Adopted++;
    }
}
