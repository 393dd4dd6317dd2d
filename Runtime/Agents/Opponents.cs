namespace NeuralPlugin;

/// <summary>
/// The opponents of self-play: which agents act with a snapshot of the brain, the network that holds it, the snapshots, and the ratings. A frame in which
/// a snapshot is saved or drawn enqueues copies of matrices; no frame waits or allocates.
/// </summary>
internal sealed class Opponents : IDecidingNetwork, IDisposable
{
    private const ulong DrawStream = (1UL << 62) + 3;
    private const long NoTeam = int.MaxValue + 1L;

    private readonly NeuralDevice device;
    private readonly AgentPopulationOptions population;
    private readonly SelfPlay options;
    private readonly Network network;
    private readonly PredictionWorkspace prediction;
    private readonly MatrixTexture[] weights;
    private readonly SnapshotPool pool;
    private readonly List<MatrixTexture> brain = [];
    private readonly SeededRandom[] random;
    private long steps;
    private long stepsBefore;   // at the end of the previous frame
    private long learningTeam = NoTeam;
    private int drawn;
    private bool wasRead;

    /// <param name="device">The device of the brain.</param>
    /// <param name="population">The options that the agents share, with self-play.</param>
    public Opponents(NeuralDevice device, AgentPopulationOptions population)
    {
        this.device = device;
        this.population = population;
        options = population.SelfPlay!;
        using NeuralDevice.Scope scope = device.Enter();
        using UnderConstruction made = new();
        network = made.Add(new Network(
            device, population.Seed, population.StackedObservations, new Dense(population.HiddenUnits), new Relu(), new Dense(population.Outputs)));
        network.KernelsInUse.TrySettle(population.Tuning!);
        prediction = made.Add(new PredictionWorkspace(network, population.Capacity, softmax: false));
        weights = [.. network.Matrices.SelectMany(layer => layer).Select(matrix => matrix.CommittedTexture)];
        pool = new SnapshotPool(device, network, options.Window, population.Observations);
        Normalizer = population.NormalizeObservations ? new ObservationNormalizer(population.Observations) : null;
        random = [new SeededRandom((ulong)population.Seed, DrawStream)];
        Rating = options.InitialElo;
        made.Complete();
    }

    /// <summary>The rating of the brain.</summary>
    public double Rating { get; private set; }

    /// <summary>The snapshots.</summary>
    public SnapshotPool Pool => pool;

    /// <summary>The snapshot that opponents act with.</summary>
    public int Drawn => drawn;

    /// <summary>Snapshots that were saved since these opponents were made.</summary>
    public int Saved { get; private set; }

    /// <summary>Normalizes the observations of opponents as their snapshot knows them; null if they stay raw.</summary>
    public ObservationNormalizer? Normalizer { get; }

    /// <summary>The scale of the snapshot's values.</summary>
    public ValueScale Scale => pool.ScaleOf(drawn);

    public MatrixTexture Outputs => prediction.Results;

    public void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        using NeuralDevice.Scope scope = network.Enter();
        prediction.Enqueue(features, features.Length / network.Inputs);
    }

    /// <summary>Returns these, or new ones without snapshots if a brain with these options has other outputs.</summary>
    public Opponents For(AgentPopulationOptions next)
    {
        if (next.Outputs == population.Outputs) return this;
        return new Opponents(device, next)
        {
            steps = steps,
            stepsBefore = stepsBefore,
            learningTeam = learningTeam,
            Rating = Rating,
            random = { [0] = { State = random[0].State } },
        };
    }

    /// <summary>Removes all snapshots, and begins with the brain as it is.</summary>
    public void BeginAnew(AgentMind mind)
    {
        using NeuralDevice.Scope scope = device.Enter();
        pool.Clear();
        Save(mind);
        Draw();
    }

    /// <summary>Decides whether an agent acts with a snapshot in the episode that begins.</summary>
    public void BeginEpisode(Agent agent)
    {
        if (learningTeam == NoTeam) learningTeam = agent.TeamId;
        agent.ActsBySnapshot = agent.TeamId != learningTeam && random[0].NextSingle() >= options.PlayAgainstLatestModelRatio;
    }

    /// <summary>Rates the result of an agent whose episode is over, as one of the snapshot that decided last.</summary>
    public void EndEpisode(Agent agent)
    {
        if (!agent.ActsBySnapshot || agent.IsInterrupted || agent.ActsByHeuristic) return;
        float reward = agent.PendingReward;
        ref double rating = ref pool.RatingOf(drawn);
        double gain = EloRating.GainOf(rating, Rating, result: reward > 0 ? 1 : reward < 0 ? 0 : 0.5);
        (rating, Rating) = (rating + gain, Rating - gain);
    }

    /// <summary>Counts a decision of the brain that is learned from.</summary>
    public void CountStep() => steps++;

    /// <summary>The number of agents that act with a snapshot.</summary>
    public static int CountIn(ReadOnlySpan<Agent?> agents)
    {
        int count = 0;
        foreach (Agent? agent in agents)
        {
            if (agent is { ActsBySnapshot: true }) count++;
        }

        return count;
    }

    /// <summary>Saves and draws snapshots, and changes the team that learns, after the steps of a frame.</summary>
    public void EndFrame(AgentMind mind, ReadOnlySpan<Agent?> agents)
    {
        bool saves = HavePassed(options.SaveSteps), draws = HavePassed(options.SwapSteps), changesTeam = HavePassed(options.TeamChange);
        stepsBefore = steps;
        if (changesTeam) ChangeTeam(agents);
        if (!saves && !draws) return;
        using NeuralDevice.Scope scope = device.Enter();
        if (saves && Save(mind) && --drawn < 0) draws = true;   // the snapshot that opponents act with was replaced
        if (draws) Draw();
    }

    /// <summary>Describes its state for files.</summary>
    public void Describe(StateForm form)
    {
        StateRows one = new(1, () => 1, count => wasRead = count == 1);
        void Add(string name, Func<double> get, Action<double> set, double least, double most, bool isWhole = true) =>
            form.Add(new StateField($"{StateForm.SelfPlay}{name}", one, 1, _ => get(), (_, value) => set(value)) { IsWide = true, IsWhole = isWhole, Least = least, Most = most });

        Add("steps", () => steps, value => steps = stepsBefore = (long)value, 0, StateForm.MostWhole);
        Add("team", () => learningTeam, value => learningTeam = (long)value, int.MinValue, NoTeam);
        Add("drawn", () => drawn, value => drawn = (int)value, 0, int.MaxValue);
        Add("elo", () => Rating, value => Rating = value, -EloRating.MostInFiles, EloRating.MostInFiles, isWhole: false);
        form.Random($"{StateForm.SelfPlay}draws", random, one);
        pool.Describe(form);
    }

    /// <summary>Continues with the snapshots of a file; if it had none that fit, begins anew with the brain.</summary>
    public void EndReading(AgentMind mind)
    {
        bool isWhole = wasRead && pool.Count > 0;
        wasRead = false;
        if (!isWhole)
        {
            Rating = options.InitialElo;
            BeginAnew(mind);
            return;
        }

        using NeuralDevice.Scope scope = device.Enter();
        pool.Upload();
        drawn = Math.Min(drawn, pool.Count - 1);
        UseDrawn();
    }

    public void Dispose()
    {
        prediction.Dispose();
        network.Dispose();
        pool.Dispose();
    }

    private bool HavePassed(int every) => steps / every != stepsBefore / every;

    private bool Save(AgentMind mind)
    {
        Saved++;
        brain.Clear();
        mind.Brains.RescaleOpenValues();
        mind.Brains.CollectParameters(brain);
        return pool.Save(brain, mind.Trainer.Normalizer, mind.Trainer.ScaleOf(agent: 0), Rating);
    }

    private void Draw()
    {
        drawn = random[0].NextInt32(pool.Count);
        UseDrawn();
    }

    private void UseDrawn()
    {
        MatrixTexture[] snapshot = pool.WeightsOf(drawn);
        for (int i = 0; i < weights.Length; i++) snapshot[i].CopyTo(weights[i]);
        if (Normalizer is not null) pool.ApplyTo(Normalizer, drawn);
    }

    /// <summary>The team with the next number learns; after the last one, the first.</summary>
    private void ChangeTeam(ReadOnlySpan<Agent?> agents)
    {
        long next = NoTeam, first = NoTeam;
        foreach (Agent? agent in agents)
        {
            if (agent is null) continue;
            first = Math.Min(first, agent.TeamId);
            if (agent.TeamId > learningTeam) next = Math.Min(next, agent.TeamId);
        }

        if (first != NoTeam) learningTeam = next != NoTeam ? next : first;
    }
}
