namespace NeuralPlugin.Orleans;

/// <summary>
/// A game's part in a brain that many servers learn. Call <see cref="Update"/> once a frame, behind the population's own: it reads the brain out of the running population, and gives it versions between two
/// steps. All that waits runs elsewhere; a cluster that is away changes nothing but that no version comes.
/// </summary>
/// <remarks>
/// What the game learned since its last difference is kept when a version comes: the brain becomes the version, plus what leads from what was sent to what the brain is now.
/// </remarks>
public sealed class BrainClient : IAsyncDisposable
{
    private readonly AgentPopulation agents;
    private readonly BrainClientOptions options;
    private readonly BrainReader reader;
    private readonly BrainState snapshot;
    private readonly BrainExchange exchange;
    private Purpose purpose;              // of what is being read
    private long sentAt;                  // decisions of the population when it was last read to be sent
    private long adoptableSince = -1;     // decisions when a version came
    private bool wasTraining;             // in the frame before
    private bool isLearned;               // since then there were steps, and now there are none

    /// <summary>
    /// Takes part from now on. Allocates, waits for the device, and for nothing of the cluster. The population must learn in the same way for as long, so that its brain keeps its shape.
    /// </summary>
    /// <param name="agents">All of them share one brain.</param>
    /// <param name="grains">Of an Orleans client, which may still be connecting, or of a silo.</param>
    /// <param name="brain">The brain's name.</param>
    /// <param name="options">How it takes part; null for the defaults.</param>
    /// <exception cref="ArgumentException">The agents have brains of their own (see <see cref="IslandClient"/>), or the name is none.</exception>
    public BrainClient(AgentPopulation agents, IGrainFactory grains, string brain, BrainClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(agents);
        ArgumentNullException.ThrowIfNull(grains);
        ArgumentNullException.ThrowIfNull(brain);
        this.agents = agents;
        this.options = options ?? new BrainClientOptions();
        if (agents.BrainCount != 1) throw new ArgumentException($"The agents must share one brain, but got a population of {agents.BrainCount}. Set AgentPopulationOptions.Brains to Shared, or make an IslandClient.", nameof(agents));
        if (DifferenceCheck.FindFaultOfName(brain) is { } fault) throw new ArgumentException($"'{brain}' is no name of a brain: {fault}", nameof(brain));
        reader = agents.ReadBrain(0);
        snapshot = agents.GetBrainState(0);
        exchange = new BrainExchange(grains, brain, this.options, snapshot.Copy());
        sentAt = snapshot.Decisions;
    }

    /// <summary>What a game's reading is for.</summary>
    private enum Purpose
    {
        None,
        Sending,
        Adopting,
    }

    /// <summary>Where it stands.</summary>
    public BrainClientStatus Status => exchange.Status;

    /// <summary>
    /// One frame, behind <see cref="AgentPopulation.Update"/>. Waits for nothing; allocates nothing where no version is adopted.
    /// </summary>
    public void Update()
    {
        AgentProgress progress = agents.Progress;
        bool isTraining = progress.StepsThisFrame > 0;
        isLearned = !isTraining && (isLearned || wasTraining);
        wasTraining = isTraining;
        if (purpose != Purpose.None)
        {
            bool isOver = exchange.IsFree && (purpose == Purpose.Sending || !exchange.IsBusy);   // asked first: what it came to is there by then
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

    /// <summary>Whether what it has read is under way to the cluster, or into what the brain is to become.</summary>
    public bool IsExchanging => exchange.IsBusy;

    /// <summary>Completes when all that is under way with the cluster has come to an end, and the newest version is known. For tests and tools: a game does not need it.</summary>
    /// <param name="cancel">Gives it up.</param>
    public Task SettleAsync(CancellationToken cancel = default) => exchange.SettleAsync(cancel);

    /// <summary>Takes no part any more. What was not sent is not; the population stays as it is. Call it on the device's thread; the task ends when nothing runs any more.</summary>
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
