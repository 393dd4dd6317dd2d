namespace NeuralPlugin;

/// <summary>
/// Agents that learn while the game runs, and their brains: a network of two layers for each, or one for all. Add agents, and call
/// <see cref="Update"/> once a frame.
/// </summary>
/// <remarks>
/// An error of an agent script does not stop the others: the agent does nothing in that frame, all others are served, and then Update
/// throws. Every call comes from the thread on which the device's context is current, else it throws
/// <see cref="WrongContextException"/>; with the population or its device disposed, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed partial class AgentPopulation : IDisposable
{
    private readonly NeuralDevice device;
    private readonly AgentPopulationOptions options;
    private readonly EpisodeStatistics episodes = new();
    private readonly FrameErrors errors = new();
    private readonly ProgressReports reports;
    private readonly DecisionRate rate;
    private readonly Agent?[] agents;
    private readonly AgentScripts scripts;
    private AgentMind mind;
    private bool isUpdating;
    private bool disposed;

    /// <summary>Makes the brains. Their weights start from the seed. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where the brains live, unless <see cref="AgentPopulationOptions.Placement"/> says otherwise.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <exception cref="ArgumentException">The demonstration is of other sizes, or the options lack one that has no default.</exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or more than it runs.</exception>
    /// <exception cref="NotSupportedException">Agents are to see textures, and are given a demonstration, or brains on the processor.</exception>
    public AgentPopulation(NeuralDevice device, AgentPopulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        options.RequireAll(nameof(options));
        device = AgentPlacement.DeviceFor(device, options);
        this.device = device;
        this.options = options;
        mind = new AgentMind(device, options, errors);
        FrameBudget = options.FrameBudget;
        reports = new ProgressReports(options.TimeProvider, StatsRecorder, errors);
        rate = new DecisionRate(options.TimeProvider);
        agents = new Agent?[options.Capacity];
        scripts = new AgentScripts(this, agents, episodes, errors);
    }

    /// <summary>The device that its brains live on: the one that it was given, or the processor beside it.</summary>
    public NeuralDevice Device => device;

    /// <summary>Agents that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>The number of brains: 1, or one for each place of an agent.</summary>
    public int BrainCount => options.BrainCount;

    /// <summary>Most agents at a time.</summary>
    public int Capacity => options.Capacity;

    /// <summary>Calls of <see cref="Update"/> so far.</summary>
    public long Frame { get; private set; }

    /// <summary>Whether agents draw their actions by the brain's probabilities; false for the most probable one (the first, if several).</summary>
    public bool Explores
    {
        get => mind.Decisions.Explores;
        set => mind.Decisions.Explores = value;
    }

    /// <summary>How much they learn in a frame, from the next one on.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing; to learn nothing, see <see cref="Learns"/>.</exception>
    public FrameBudget FrameBudget { get; set => field = InFrameTrainer.Require(value); }

    /// <summary>Whether they learn. While false, brains, baselines and the normalization of observations stay as they are.</summary>
    public bool Learns
    {
        get => mind.Trainer.Learns;
        set
        {
            if (mind.Trainer.Learns && !value)
            {
                foreach (Agent? agent in agents)
                {
                    if (agent is not null) mind.Trainer.CloseDecisions(agent);
                }
            }

            mind.Trainer.Learns = value;
        }
    }

    /// <summary>Where what agents show is kept too, raw, to be saved; null for nowhere.</summary>
    /// <exception cref="ArgumentException">It has other numbers of observations or actions.</exception>
    /// <exception cref="NotSupportedException">The agents see textures, whose pixels stay on the GPU.</exception>
    public Demonstration? Recording
    {
        get => mind.Decisions.Recording;
        set
        {
            if (value is not null && options.TextureObservations is not null)
                throw new NotSupportedException("What agents see of textures stays on the GPU, and cannot be recorded. Declare no TextureObservations, or record nothing.");
            value?.RequireSizes(options.Observations, options.Policy, nameof(value));
            mind.Decisions.Recording = value;
        }
    }

    /// <summary>Where it stands. Nothing is waited for.</summary>
    public AgentProgress Progress => mind.Progress with
    {
        Decisions = mind.Decisions.Count,
        Episodes = episodes.Count,
        MeanEpisodeReward = episodes.MeanReward,
        MeanEpisodeLength = episodes.MeanLength,
        DecisionsPerSecond = rate.PerSecond,
    };

    /// <summary>Takes numbers of the game's own, which are written beside the progress.</summary>
    public StatsRecorder StatsRecorder { get; } = new();

    /// <summary>
    /// Has the progress written, each time as many decisions more were made: in the call of <see cref="Update"/> that makes them, which allocates then and writes to the disk.
    /// The population disposes the writer with itself. Several may be added. Should one not be able to write, Update throws what the system said, once, and goes on without it.
    /// </summary>
    /// <param name="writer">Where to.</param>
    /// <param name="everyDecisions">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">That is zero or less.</exception>
    public void WriteProgress(ProgressWriter writer, long everyDecisions = 10_000)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(everyDecisions);
        reports.Add(writer, everyDecisions, mind.Decisions.Count);
    }

    /// <summary>Adds an agent, in the first free place, and begins its first episode. Where each has its own brain, it gets that of the place.</summary>
    /// <exception cref="AgentException">It is in a population already.</exception>
    /// <exception cref="InvalidOperationException">The population is full.</exception>
    public void Add(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population is not null)
        {
            throw new AgentException(
                agent.Name, $"it was added, and is in {(agent.Population == this ? "this" : "another")} population already, at {agent.Index}. Add each agent once; Remove it first to move it.");
        }

        int place = Array.IndexOf(agents, null);
        if (place < 0) throw new InvalidOperationException($"The population has room for {Capacity} agents, and has them. Make it with a larger Capacity, or Remove one.");
        agents[place] = agent;
        agent.Population = this;
        agent.Index = place;
        Count++;
        bool begun = false;
        try
        {
            agent.BeginEpisode(Frame);
            begun = true;
        }
        finally
        {
            if (!begun && agent.Population == this) Forget(agent);
        }
    }

    /// <summary>Removes an agent. What it decided last is learned from, as at the end of an episode that was cut off. Its brain stays for the next one.</summary>
    /// <exception cref="AgentException">It is not in this population.</exception>
    public void Remove(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it is to be removed, and is not in this population.");
        mind.Trainer.EndEpisode(agent, isCutOff: !agent.IsEpisodeOver || agent.IsInterrupted);
        if (agent.IsEpisodeOver) episodes.Add(agent.CumulativeReward, agent.StepCount);
        Forget(agent);
    }

    /// <summary>
    /// One frame of all agents. In this order: actions whose answers have come begin; <see cref="Agent.OnActionReceived(int)"/> of every agent
    /// that has an action; episodes that are over begin anew; agents whose decision is due are asked what they observe, and their brains what
    /// to do, in one dispatch; the brains learn, within the <see cref="FrameBudget"/>. With a latency of 0 the
    /// actions come behind the questions, and an episode that ends with them begins anew in the next call. Waits for the GPU only where a <see cref="AgentPopulationOptions.Latency"/> says so; allocates nothing once
    /// every kind of step has run.
    /// </summary>
    /// <exception cref="AgentException">An agent script did what it may not. All other agents were served; the next call goes on.</exception>
    /// <exception cref="InvalidOperationException">
    /// The driver lost an answer: its context is gone. Or an agent's script called it, while a call was under way.
    /// </exception>
    /// <exception cref="DispatchesSkippedException">
    /// What an earlier call enqueued did not run, since a conditional render of the host was open. Its decisions and training are lost; the next call goes on.
    /// </exception>
    public void Update()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (isUpdating)
            throw new InvalidOperationException("AgentPopulation.Update was called while it was under way, by an agent's script. Call it once a frame, from the game's loop.");
        isUpdating = true;
        try
        {
            RunFrame();
        }
        finally
        {
            isUpdating = false;
            if (disposed) mind.Dispose();
        }

        errors.Throw();
    }

    private void RunFrame()
    {
        device.Update();
        mind.Brains.Clock.BeginFrame();
        Frame++;
        errors.BeginFrame();
        bool waits = options.Latency == 0;
        if (!waits) scripts.CarryOut(mind);
        scripts.BeginEpisodes(mind);
        mind.Decisions.Ask(agents, Frame);
        if (waits) scripts.CarryOut(mind);
        if (disposed) return;
        mind.Trainer.Train(FrameBudget, Count);
        rate.Note(mind.Decisions.Count);
        if (mind.Brains.TakeSkippedStep() is > 0 and var skipped) errors.Add(StepSides.ExceptionOf(skipped, nameof(Update)));
        reports.Write(this);
    }

    /// <summary>A copy of the parameters of a brain as they are now. Waits and allocates.</summary>
    /// <param name="brain">The index of its agent; 0 where they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    public ClassifierParameters GetBrain(int brain)
    {
        RequireBrain(brain);
        return mind.Brains.GetParameters(brain);
    }

    /// <summary>Replaces the parameters of a brain, all of them or, if one is wrong, none. Waits.</summary>
    /// <param name="brain">The index of its agent; 0 where they share one.</param>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetBrain"/> gives.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">An array has another length.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    public void SetBrain(int brain, ClassifierParameters parameters)
    {
        RequireBrain(brain);
        mind.Brains.SetParameters(brain, parameters);
    }

    /// <summary>Frees the brains at the device's next call, and lets the agents go. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (Agent? agent in agents) agent?.Leave();
        Array.Clear(agents);
        reports.Dispose();
        if (!isUpdating) mind.Dispose();   // else at the end of the frame, whose agents are gone
    }

    internal Brains Brains => mind.Brains;

    internal Learner? Learner => mind.Trainer.Learner;

    internal ObservationNormalizer? Normalizer => mind.Trainer.Normalizer;

    internal void RequireBetweenUpdates(string call)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (isUpdating) throw new InvalidOperationException($"AgentPopulation.{call} was called by an agent's script, while Update was under way. Call it between two Updates, from the game's loop.");
    }

    private void Forget(Agent agent)
    {
        agents[agent.Index] = null;
        agent.Leave();
        Count--;
    }

    private void RequireBrain(int brain)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if ((uint)brain >= (uint)mind.Brains.Count)
            throw new ArgumentOutOfRangeException(nameof(brain), brain, $"The brains are 0 to {mind.Brains.Count - 1}.");
    }
}
