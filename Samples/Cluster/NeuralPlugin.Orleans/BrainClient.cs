namespace NeuralPlugin.Orleans;

/// <summary>
/// Connects a game's agents to a brain that many servers learn together. Call <see cref="Update"/> once a frame, after the population's: it reads the brain out of the running population and sets new versions
/// between two training steps. It never waits; while the cluster is away, the only effect is that no new version arrives.
/// </summary>
/// <remarks>
/// Progress since the last difference is kept when a version arrives: the brain becomes the version plus the difference between what was sent and what was read when the version
/// had arrived. Between that read and the frame that adopts lie a few frames, whose steps and observations are overwritten (see <see cref="BrainClientOptions.WaitsForPause"/>).
/// </remarks>
public sealed class BrainClient : IAsyncDisposable
{
    private readonly AgentPopulation agents;
    private readonly BrainClientOptions options;
    private readonly BrainReader reader;
    private readonly BrainState snapshot;
    private readonly BrainExchange exchange;
    private Purpose purpose;              // of the current read
    private long sentAt;                  // decisions of the population when it was last read to be sent
    private long adoptableSince = -1;     // decisions when a version arrived
    private bool wasTraining;             // in the previous frame
    private bool isLearned;               // since then there were steps, and now there are none

    /// <summary>
    /// Starts to take part. Allocates and waits for the device, but not for the cluster. Do not change the population's learning algorithm while the client exists: its brain must keep its shape.
    /// </summary>
    /// <param name="agents">A population that shares one brain.</param>
    /// <param name="grains">From an Orleans client, which may still be connecting, or from a silo.</param>
    /// <param name="brain">The brain's name.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <exception cref="ArgumentException">The agents have brains of their own (see <see cref="IslandClient"/>), or the name of the brain, the region or the server is not valid.</exception>
    public BrainClient(AgentPopulation agents, IGrainFactory grains, string brain, BrainClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agents);
        ArgumentNullException.ThrowIfNull(grains);
        ArgumentNullException.ThrowIfNull(brain);
        this.agents = agents;
        this.options = options ?? new BrainClientOptions();
        if (agents.BrainCount != 1) throw new ArgumentException($"The agents must share one brain, but got a population of {agents.BrainCount}. Set AgentPopulationOptions.Brains to Shared, or make an IslandClient.", nameof(agents));
        if (DifferenceCheck.FindFaultOfName(brain) is { } fault) throw new ArgumentException($"'{brain}' is not a valid name for a brain: {fault}", nameof(brain));
        if (this.options.Region is { } region && (DifferenceCheck.FindFaultOfName(region) ?? DifferenceCheck.FindFaultOfSender(brain, $"{brain}/{region}", isOfRegion: true)) is { } wrong) throw new ArgumentException($"'{region}' is no name of a region: {wrong}", nameof(options));
        if (DifferenceCheck.FindFaultOfSender(brain, this.options.Server) is { } problem) throw new ArgumentException($"BrainClientOptions.Server: {problem}", nameof(options));
        reader = agents.ReadBrain(0);
        snapshot = agents.GetBrainState(0);
        exchange = new BrainExchange(grains, brain, this.options, snapshot.Copy());
        sentAt = snapshot.Decisions;
    }

    /// <summary>What the brain is being read for.</summary>
    private enum Purpose
    {
        None,
        Sending,
        Adopting,
    }

    /// <summary>The status.</summary>
    public BrainClientStatus Status => exchange.Status;

    /// <summary>
    /// Runs one frame; call it after <see cref="AgentPopulation.Update"/>. Never waits, and allocates only in frames that adopt a version.
    /// </summary>
    public void Update()
    {
        AgentProgress progress = agents.Progress;
        bool isTraining = progress.StepsThisFrame > 0;
        isLearned = !isTraining && (isLearned || wasTraining);
        wasTraining = isTraining;
        if (purpose != Purpose.None)
        {
            bool isOver = exchange.IsFree && (purpose == Purpose.Sending || !exchange.IsBusy);   // checked first: the result is available by then
            if (exchange.TakeTarget() is { } target)
            {
                agents.SetBrainState(0, target);
                exchange.NoteAdopted();
                (purpose, adoptableSince) = (Purpose.None, -1);
            }
            else if (reader.IsPending && reader.TryTake(out BrainState? read))
            {
                snapshot.CopyFrom(read);
                exchange.Give(snapshot, purpose == Purpose.Adopting);
            }
            else if (!reader.IsPending && isOver)
            {
                purpose = Purpose.None;
            }

            return;
        }

        if (!exchange.IsFree) return;
        if (exchange.HasVersion)
        {
            if (adoptableSince < 0) adoptableSince = progress.Decisions;
            if (!options.WaitsForPause || !isTraining || progress.Decisions - adoptableSince >= options.EveryDecisions / 2) Read(Purpose.Adopting);
            return;
        }

        if (!exchange.TakesDifferences) return;
        long since = progress.Decisions - sentAt;
        bool isTime = options.WaitsForPause ? (isLearned && since >= options.EveryDecisions * 19 / 20) || since >= options.EveryDecisions * 3 / 2 : since >= options.EveryDecisions;
        if (!isTime) return;
        (sentAt, isLearned) = (progress.Decisions, false);
        Read(Purpose.Sending);
    }

    /// <summary>Whether a brain that was read is still being sent or merged with a version.</summary>
    public bool IsExchanging => exchange.IsBusy;

    /// <summary>Completes when no exchange with the cluster is pending and the newest version is known; fails if the brain has another shape. For tests and tools; games do not need it.</summary>
    /// <param name="cancel">Cancels the wait.</param>
    public Task SettleAsync(CancellationToken cancel = default) => exchange.SettleAsync(cancel);

    /// <summary>Stops taking part, without sending the remaining progress; the population stays unchanged. Call it on the device's thread. The task completes when the client's worker has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        reader.Dispose();
        await exchange.DisposeAsync();
    }

    private void Read(Purpose forWhat)
    {
        reader.Begin();
        purpose = forWhat;
    }
}
