namespace NeuralPlugin;

/// <summary>
/// Agents that learn while the game runs, and their brains: a two-layer network for each, or one shared by all. Add agents, and call
/// <see cref="Update"/> once a frame.
/// </summary>
/// <remarks>
/// An error in an agent script does not stop the others: the agent does nothing in that frame, all others are served, and then Update throws. Call
/// from the thread on which the device's context is current, otherwise <see cref="WrongContextException"/>; after Dispose of the population or its
/// device, <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed partial class AgentPopulation : IDisposable
{
    private const int Idle = 0;
    private const int Updating = 1;
    private const int Disposed = 2;

    private readonly NeuralDevice device;
    private readonly AgentPopulationOptions options;
    private readonly EpisodeStatistics episodes = new();
    private readonly FrameErrors errors = new();
    private readonly ProgressReports reports;
    private readonly DecisionRate rate;
    private readonly Agent?[] agents;
    private readonly AgentScripts scripts;
    private AgentMind mind;
    private Opponents? opponents;
    private int use = Idle;            // changed by exchanges alone, since Dispose may come from any thread, beside an Update too
    private int updatingThread;

    /// <summary>Makes the brains, with initial weights from the seed. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where the brains live, unless <see cref="AgentPopulationOptions.Placement"/> says otherwise.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <exception cref="ArgumentException">
    /// The options lack one that has no default, or do not fit each other: the demonstration or the reference has other sizes, or the optimizer's learning rate exceeds <see cref="ActorCritic.MostLearningRate"/>.
    /// </exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or exceed what it can run.</exception>
    /// <exception cref="NotSupportedException">Agents that see textures are given a demonstration, snapshots to play against, or brains on the processor.</exception>
    public AgentPopulation(NeuralDevice device, AgentPopulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        Require(options, nameof(options));
        device = AgentPlacement.DeviceFor(device, options);
        options = options with { Tuning = KernelTuning.For(device, options.Tuning) };
        this.device = device;
        this.options = options;
        using UnderConstruction made = new();
        if (options.SelfPlay is not null) opponents = made.Add(new Opponents(device, options));
        mind = made.Add(new AgentMind(device, options, errors, opponents));
        opponents?.BeginAnew(mind);
        FrameBudget = options.FrameBudget;
        reports = new ProgressReports(options.TimeProvider, StatsRecorder, errors);
        rate = new DecisionRate(options.TimeProvider);
        agents = new Agent?[options.Capacity];
        scripts = new AgentScripts(this, agents, episodes, errors);
        if (FrameBudget.StepsPerFrame == 0) AgentKernels.TuneForTheNextStart(device, options);
        made.Complete();
    }

    /// <summary>
    /// The kernels that the brains of such a population decide and learn with, for <see cref="NeuralDevice.WarmUp"/>, which also tunes them (<see cref="KernelTuning"/>): once it is
    /// done, the constructor compiles little. Makes nothing and does not wait.
    /// </summary>
    /// <param name="device">Where the brains will live; for those that will live on the processor beside it, there are none.</param>
    /// <param name="options">The options of the population.</param>
    /// <exception cref="ArgumentException">The options lack one that has no default, or do not fit each other.</exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or exceed what it can run.</exception>
    /// <exception cref="NotSupportedException">Agents that see textures are given a demonstration, snapshots to play against, or brains on the processor.</exception>
    public static KernelSet KernelsFor(NeuralDevice device, AgentPopulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(options);
        Require(options, nameof(options));
        return options.Placement == Placement.Processor ? new KernelSet([]) : AgentKernels.For(device, options);
    }

    /// <summary>The device of its brains: the one that was given, or the processor beside it.</summary>
    public NeuralDevice Device => device;

    /// <summary>The number of agents in it.</summary>
    public int Count { get; private set; }

    /// <summary>The number of brains: 1, or one for each agent's place.</summary>
    public int BrainCount => options.BrainCount;

    /// <summary>The maximum number of agents at a time.</summary>
    public int Capacity => options.Capacity;

    /// <summary>Calls of <see cref="Update"/> so far.</summary>
    public long Frame { get; private set; }

    /// <summary>Whether agents sample their actions from the brain's probabilities; false for the most probable one (the first, if several).</summary>
    public bool Explores
    {
        get => mind.Decisions.Explores;
        set => mind.Decisions.Explores = value;
    }

    /// <summary>The training budget per frame, starting with the next frame.</summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing; to learn nothing, see <see cref="Learns"/>.</exception>
    public FrameBudget FrameBudget { get; set => field = InFrameTrainer.Require(value); }

    /// <summary>
    /// Whether they learn. While false, brains, baselines and the normalization of observations stay as they are: setting it completes a training step of which only some brains have had their part
    /// (<see cref="FrameBudget"/>).
    /// </summary>
    /// <exception cref="WrongContextException">Such a step is open, and the device's context is not current on this thread.</exception>
    /// <exception cref="ObjectDisposedException">Such a step is open, and the population was disposed.</exception>
    public bool Learns
    {
        get => mind.Trainer.Learns;
        set
        {
            if (mind.Trainer.Learns && !value)
            {
                mind.Trainer.FinishStep();
                foreach (Agent? agent in agents)
                {
                    if (agent is not null) mind.Trainer.CloseDecisions(agent);
                }
            }

            mind.Trainer.Learns = value;
        }
    }

    /// <summary>Also receives the demonstrations of agents, raw, to be saved; null for none.</summary>
    /// <exception cref="ArgumentException">Its number of observations or its actions differ.</exception>
    /// <exception cref="NotSupportedException">The agents see textures, whose pixels stay on the GPU.</exception>
    public Demonstration? Recording
    {
        get => mind.Decisions.Recording;
        set
        {
            if (value is not null && options.TextureObservations is not null)
                throw new NotSupportedException("Textures that agents see stay on the GPU, and cannot be recorded. Declare no TextureObservations, or record nothing.");
            value?.RequireSizes(options.Observations, options.Policy, nameof(value));
            mind.Decisions.Recording = value;
        }
    }

    /// <summary>The current progress. Does not wait.</summary>
    public AgentProgress Progress => mind.Progress with
    {
        Decisions = mind.Decisions.Count,
        Episodes = episodes.Count,
        MeanEpisodeReward = episodes.MeanReward,
        MeanEpisodeLength = episodes.MeanLength,
        DecisionsPerSecond = rate.PerSecond,
    };

    /// <summary>Takes the game's own numbers, which are written alongside the progress.</summary>
    public StatsRecorder StatsRecorder { get; } = new();

    /// <summary>
    /// Writes the progress each time this many more decisions were made, in the call of <see cref="Update"/> that makes them; that call allocates and
    /// writes to the disk. The population disposes the writer with itself. Several may be added. If one cannot write, Update throws the system's
    /// error, once, and continues without it.
    /// </summary>
    /// <param name="writer">The writer.</param>
    /// <param name="everyDecisions">The number of decisions.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is zero or less.</exception>
    public void WriteProgress(ProgressWriter writer, long everyDecisions = 10_000)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(everyDecisions);
        reports.Add(writer, everyDecisions, mind.Decisions.Count);
    }

    /// <summary>Adds an agent, in the first free place, and begins its first episode. If each agent has its own brain, it gets the brain of that place.</summary>
    /// <exception cref="AgentException">It is in a population already.</exception>
    /// <exception cref="InvalidOperationException">The population is full.</exception>
    public void Add(Agent agent)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population is not null)
        {
            throw new AgentException(
                agent.Name, $"it was added, but is already in {(agent.Population == this ? "this" : "another")} population, at {agent.Index}. Add each agent once; Remove it first to move it.");
        }

        int place = Array.IndexOf(agents, null);
        if (place < 0) throw new InvalidOperationException($"The population has room for {Capacity} agents, and is full. Make it with a larger Capacity, or Remove one.");
        agents[place] = agent;
        agent.Population = this;
        agent.Index = place;
        agent.History = new ObservationHistory(options.Observations, options.NumStackedVectorObservations);
        Count++;
        bool begun = false;
        try
        {
            opponents?.BeginEpisode(agent);
            agent.BeginEpisode(Frame);
            begun = true;
        }
        finally
        {
            if (!begun && agent.Population == this) Forget(agent);
        }
    }

    /// <summary>Removes an agent. Its last decision is learned from, as at the end of an episode that was cut off. Its brain stays for the next agent.</summary>
    /// <exception cref="AgentException">It is not in this population.</exception>
    public void Remove(Agent agent)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ArgumentNullException.ThrowIfNull(agent);
        if (agent.Population != this) throw new AgentException(agent.Name, "it cannot be removed, because it is not in this population.");
        mind.Trainer.EndEpisode(agent, isCutOff: !agent.IsEpisodeOver || agent.IsInterrupted);
        if (agent is { IsEpisodeOver: true, ActsBySnapshot: false }) episodes.Add(agent.CumulativeReward, agent.StepCount);
        Forget(agent);
    }

    /// <summary>
    /// Runs one frame of all agents, in this order: actions whose answers have come begin; every agent that has an action gets
    /// <see cref="Agent.OnActionReceived(int)"/>; finished episodes start over; agents whose decision is due are asked for their observations, and
    /// their brains for actions, in one dispatch; the brains learn, within the <see cref="FrameBudget"/>. With a latency of 0 the actions come after
    /// the questions, and an episode that ends with them starts over in the next call. Waits for the GPU only if a
    /// <see cref="AgentPopulationOptions.Latency"/> requires it; allocates nothing once every kind of step has run.
    /// </summary>
    /// <exception cref="AgentException">An agent script did something forbidden. All other agents were served; the next call continues.</exception>
    /// <exception cref="InvalidOperationException">
    /// The driver lost an answer: its context is gone. Or an agent's script made this call during another one.
    /// </exception>
    /// <exception cref="DispatchesSkippedException">
    /// Work enqueued by an earlier call did not run because a conditional render of the host was open. Its decisions and training are lost; the next call continues.
    /// </exception>
    public void Update()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (use == Updating)
            throw new InvalidOperationException("AgentPopulation.Update was called during Update, by an agent's script. Call it once a frame, from the game's loop.");
        device.Update();   // before anything changes: it refuses a call beside another thread's
        updatingThread = Environment.CurrentManagedThreadId;
        ObjectDisposedException.ThrowIf(Interlocked.CompareExchange(ref use, Updating, Idle) != Idle, this);
        try
        {
            RunFrame();
        }
        finally
        {
            if (Interlocked.CompareExchange(ref use, Idle, Updating) == Disposed)
            {
                Leave();
                DisposeMind();
            }
        }

        errors.Throw();
    }

    private void RunFrame()
    {
        mind.Brains.Clock.BeginFrame();
        Frame++;
        errors.BeginFrame();
        bool waits = options.Latency == 0;
        if (!waits) scripts.CarryOut(mind);
        scripts.BeginEpisodes(mind);
        mind.Decisions.Ask(agents, Frame);
        if (waits) scripts.CarryOut(mind);
        if (IsDisposed) return;
        mind.Trainer.Train(FrameBudget, opponents is null ? Count : Count - Opponents.CountIn(agents));
        opponents?.EndFrame(mind, agents);
        rate.Note(mind.Decisions.Count);
        if (mind.Brains.TakeSkippedStep() is > 0 and var skipped) errors.Add(StepSides.ExceptionOf(skipped, nameof(Update)));
        reports.Write(this, mind.Decisions.Count);
    }

    /// <summary>Returns a copy of a brain's current parameters. Waits and allocates.</summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped a change of the scale of values that the brains need.</exception>
    public ClassifierParameters GetBrain(int brain)
    {
        RequireBrain(brain);
        return mind.Brains.GetParameters(brain);
    }

    /// <summary>Replaces the parameters of a brain: all of them or, if one is invalid, none. Waits.</summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <param name="parameters">Arrays of the lengths that <see cref="GetBrain"/> returns.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">An array has another length.</exception>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite.</exception>
    public void SetBrain(int brain, ClassifierParameters parameters)
    {
        RequireBrain(brain);
        mind.Brains.SetParameters(brain, parameters);
    }

    /// <summary>
    /// Frees the brains at the device's next call, and releases the agents. Any thread may call it; a second call does nothing. If it is called while <see cref="Update"/> is under way, the brains go at the end of
    /// that call, and so do the agents if another thread called it.
    /// </summary>
    public void Dispose()
    {
        int before = Interlocked.Exchange(ref use, Disposed);
        bool isByScript = before == Updating && updatingThread == Environment.CurrentManagedThreadId;
        if (before == Idle || isByScript) Leave();   // the frame of another thread still reads its agents
        if (before == Idle) DisposeMind();           // otherwise at the end of the frame
    }

    internal Brains Brains => mind.Brains;

    internal Learner? Learner => mind.Trainer.Learner;

    internal ObservationNormalizer? Normalizer => mind.Trainer.Normalizer;

    internal void RequireBetweenUpdates(string call)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (use == Updating) throw new InvalidOperationException($"AgentPopulation.{call} was called during Update, by an agent's script. Call it between two Updates, from the game's loop.");
    }

    /// <summary>Checks that the options are complete and fit each other, before anything is made.</summary>
    private static void Require(AgentPopulationOptions options, string name)
    {
        options.RequireAll(name);
        options.RequireSelfPlay(name);
        AgentPlacement.Require(options);
        RequireLearning(options);
    }

    /// <summary>Checks that agents with these options can learn as they say.</summary>
    private static void RequireLearning(AgentPopulationOptions options)
    {
        options.RequireNoTexturesWithADemonstration();
        options.Learning?.Check(options);
    }

    private bool IsDisposed => Volatile.Read(ref use) == Disposed;

    private void Leave()
    {
        foreach (Agent? agent in agents) agent?.Leave();
        Array.Clear(agents);
        reports.Dispose();
    }

    private void DisposeMind()
    {
        mind.Dispose();
        opponents?.Dispose();
    }

    private void Forget(Agent agent)
    {
        agents[agent.Index] = null;
        agent.Leave();
        Count--;
    }

    private void RequireBrain(int brain)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if ((uint)brain >= (uint)mind.Brains.Count)
            throw new ArgumentOutOfRangeException(nameof(brain), brain, $"The brains are 0 to {mind.Brains.Count - 1}.");
    }
}
