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
public sealed class AgentPopulation : IDisposable
{
    private readonly NeuralDevice device;
    private readonly AgentPopulationOptions options;
    private readonly Brains brains;
    private readonly AgentTrainer trainer;
    private readonly AgentDecisions decisions;
    private readonly EpisodeStatistics episodes = new();
    private readonly FrameErrors errors = new();
    private readonly Agent?[] agents;
    private AgentProgress endOfFrame;   // what of Progress changes at the end of a frame alone
    private bool disposed;

    /// <summary>Makes the brains. Their weights start from the seed. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where the brains live, unless <see cref="AgentPopulationOptions.Placement"/> says otherwise.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <exception cref="ArgumentException">The optimizer is not one that the brains can learn by, or the demonstration is of other sizes.</exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or more than it runs.</exception>
    /// <exception cref="NotSupportedException">Agents are to see textures, and are given a demonstration, or brains on the processor.</exception>
    public AgentPopulation(NeuralDevice device, AgentPopulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        options.RequireNoTexturesWithADemonstration();
        device = AgentPlacement.DeviceFor(device, options);
        this.device = device;
        this.options = options;
        using NeuralDevice.Scope scope = device.Enter();
        SeenTextures? seen = options.TextureObservations is { } declared
            ? new SeenTextures(device, declared.Width, declared.Height, declared.Channels, options.MostLooks) : null;
        brains = Brains.Create(device, options, seen);
        trainer = new AgentTrainer(device, brains, options);
        decisions = new AgentDecisions(device, options, brains, trainer, errors);
        FrameBudget = options.FrameBudget;
        agents = new Agent?[options.Capacity];
    }

    /// <summary>The device that its brains live on: the one that it was given, or the processor beside it.</summary>
    public NeuralDevice Device => device;

    /// <summary>Agents that are in it.</summary>
    public int Count { get; private set; }

    /// <summary>Most agents at a time.</summary>
    public int Capacity => options.Capacity;

    /// <summary>Calls of <see cref="Update"/> so far.</summary>
    public long Frame { get; private set; }

    /// <summary>Whether agents draw their actions by the brain's probabilities; false for the most probable one (the first, if several).</summary>
    public bool Explores
    {
        get => decisions.Explores;
        set => decisions.Explores = value;
    }

    /// <summary>How much they learn in a frame, from the next one on.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing; to learn nothing, see <see cref="Learns"/>.</exception>
    public FrameBudget FrameBudget { get; set => field = InFrameTrainer.Require(value); }

    /// <summary>Whether they learn. While false, brains, baselines and the normalization of observations stay as they are.</summary>
    public bool Learns
    {
        get => trainer.Learns;
        set
        {
            if (trainer.Learns && !value)
            {
                foreach (Agent? agent in agents)
                {
                    if (agent is not null) trainer.CloseDecisions(agent);
                }
            }

            trainer.Learns = value;
        }
    }

    /// <summary>Where what agents show is kept too, raw, to be saved; null for nowhere.</summary>
    /// <exception cref="ArgumentException">It has other numbers of observations or actions.</exception>
    /// <exception cref="NotSupportedException">The agents see textures, whose pixels stay on the GPU.</exception>
    public Demonstration? Recording
    {
        get => decisions.Recording;
        set
        {
            if (value is not null && options.TextureObservations is not null)
                throw new NotSupportedException("What agents see of textures stays on the GPU, and cannot be recorded. Declare no TextureObservations, or record nothing.");
            value?.RequireSizes(options.Observations, options.Actions, nameof(value));
            decisions.Recording = value;
        }
    }

    /// <summary>Where it stands. Nothing is waited for.</summary>
    public AgentProgress Progress => endOfFrame with
    {
        Decisions = decisions.Count,
        Episodes = episodes.Count,
        MeanEpisodeReward = episodes.MeanReward,
    };

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
            if (!begun) Forget(agent);
        }
    }

    /// <summary>Removes an agent. What it decided last is learned from, as at the end of an episode that was cut off. Its brain stays for the next one.</summary>
    /// <exception cref="AgentException">It is not in this population.</exception>
    public void Remove(Agent agent)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it is to be removed, and is not in this population.");
        CloseEpisode(agent, isCutOff: !agent.IsEpisodeOver);
        Forget(agent);
    }

    /// <summary>
    /// One frame of all agents. In this order: actions whose answers have come begin; <see cref="Agent.OnActionReceived"/> of every agent
    /// that has an action; episodes that ended begin anew; agents whose decision is due are asked what they observe, and their brains what
    /// to do, in one dispatch; the brains learn, within the <see cref="FrameBudget"/>. With a latency of 0 the
    /// actions come behind the questions. Waits for the GPU only where a <see cref="AgentPopulationOptions.Latency"/> says so; allocates nothing once
    /// every kind of step has run.
    /// </summary>
    /// <exception cref="AgentException">An agent script did what it may not. All other agents were served; the next call goes on.</exception>
    /// <exception cref="InvalidOperationException">The driver lost an answer: its context is gone.</exception>
    /// <exception cref="DispatchesSkippedException">
    /// What an earlier call enqueued did not run, since a conditional render of the host was open. Its decisions and training are lost; the next call goes on.
    /// </exception>
    public void Update()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        device.Update();
        brains.Clock.BeginFrame();
        Frame++;
        errors.BeginFrame();
        bool waits = options.Latency == 0;
        if (!waits)
        {
            decisions.Deliver(this);
            Act();
        }

        BeginEpisodes();
        decisions.Ask(agents, Frame);
        if (waits)
        {
            decisions.Deliver(this);
            Act();
        }

        trainer.Train(FrameBudget, Count);
        if (brains.TakeSkippedStep() is > 0 and var skipped) errors.Add(DispatchesSkippedException.OfStep(skipped, nameof(Update)));
        endOfFrame = new AgentProgress
        {
            TrainingSteps = trainer.Learner?.Steps ?? 0,
            DroppedSteps = brains.DroppedSteps,
            SkippedDecisions = trainer.Learner?.SkippedDecisions ?? 0,
            TrainingTime = trainer.Time,
            GpuTime = TimeSpan.FromMicroseconds(brains.Clock.LastNanoseconds / 1e3),
            StepsThisFrame = trainer.StepsThisFrame,
        };
        errors.Throw();
    }

    /// <summary>A copy of the parameters of a brain as they are now. Waits and allocates.</summary>
    /// <param name="brain">The index of its agent; 0 where they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    public ClassifierParameters GetBrain(int brain)
    {
        RequireBrain(brain);
        return brains.GetParameters(brain);
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
        brains.SetParameters(brain, parameters);
    }

    /// <summary>Frees the brains at the device's next call, and lets the agents go. From any thread; a second call does nothing.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (Agent? agent in agents) agent?.Leave();
        decisions.Dispose();
        brains.Dispose();
        trainer.Dispose();
    }

    internal Brains Brains => brains;

    internal Learner? Learner => trainer.Learner;

    internal ObservationNormalizer? Normalizer => trainer.Normalizer;

    // ---- a frame ----

    private void Act()
    {
        foreach (Agent? agent in agents)
        {
            if (agent is null || agent.IsEpisodeOver) continue;
            agent.StepCount++;
            if (agent.Action < 0) continue;
            try
            {
                agent.OnActionReceived(agent.Action);
            }
            catch (Exception exception)
            {
                errors.Add(exception);   // thrown again at the end of the frame
            }
        }
    }

    private void BeginEpisodes()
    {
        foreach (Agent? agent in agents)
        {
            if (agent is null || !agent.IsEpisodeOver) continue;
            CloseEpisode(agent, isCutOff: false);
            try
            {
                agent.BeginEpisode(Frame);
            }
            catch (Exception exception)
            {
                errors.Add(exception);
            }
        }
    }

    private void CloseEpisode(Agent agent, bool isCutOff)
    {
        trainer.EndEpisode(agent, isCutOff);
        if (!isCutOff) episodes.Add(agent.CumulativeReward);
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
        if ((uint)brain >= (uint)brains.Count)
            throw new ArgumentOutOfRangeException(nameof(brain), brain, $"The brains are 0 to {brains.Count - 1}.");
    }
}
