namespace NeuralPlugin;

/// <summary>How brains are shared.</summary>
public enum BrainSharing
{
    /// <summary>Every agent has its own brain, which learns only from that agent's experience.</summary>
    OneEach,

    /// <summary>All agents share one brain, and learn together.</summary>
    Shared,
}

/// <summary>The options that the agents of a population share.</summary>
public sealed record AgentPopulationOptions
{
    /// <summary>The numbers that an agent adds to its sensor at each decision. Required.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Observations { get; init => field = Requirements.Size(value, "observations"); }

    /// <summary>
    /// The number of decisions whose observations a brain reads at once, oldest first: those of the present one, and of the agent's last ones in the
    /// same episode. Zeros, as in ML-Agents, before an episode has that many. Each of them is normalized by the same statistics, which count every
    /// observation once. Textures are not stacked: a brain sees the present one.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int NumStackedVectorObservations { get; init => field = Requirements.Size(value, "stacked observations"); } = 1;

    /// <summary>
    /// What agents also see of a texture that the game rendered (<see cref="Agent.CollectTexture"/>); null for nothing. Cannot be combined with a
    /// given <see cref="BehaviorCloning.Demonstration"/> or a <see cref="AgentPopulation.Recording"/>: pixels stay on the GPU.
    /// </summary>
    public TextureObservations? TextureObservations { get; init; }

    /// <summary>
    /// The number of actions to choose from, one at a time: 0 to this number minus one. The same as one branch of an <see cref="ActionSpec"/>; one of
    /// the two is required. With several branches, the sum over all.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 2.</exception>
    public int Actions
    {
        get => ActionSpec?.SumOfDiscreteBranchSizes ?? 0;
        init => ActionSpec = value >= 2 ? ActionSpec.MakeDiscrete(value)
            : throw new ArgumentOutOfRangeException(nameof(value), value, "An agent needs at least 2 actions to choose from.");
    }

    /// <summary>
    /// The kinds of actions, if one is more than one choice: several discrete branches, continuous actions, or both. Null until <see cref="Actions"/>
    /// or this is given.
    /// </summary>
    public ActionSpec? ActionSpec { get; init; }

    /// <summary>The maximum number of agents at a time; also the number of brains, if each agent has its own.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Capacity { get; init => field = Requirements.Size(value, "agents"); } = 1;

    /// <summary>How brains are shared.</summary>
    public BrainSharing Brains { get; init; } = BrainSharing.OneEach;

    /// <summary>
    /// Where the brains live: on the population's device, on the processor beside it, or on whichever takes less time for a decision of all agents
    /// and a training step together, as a probe of some milliseconds finds when the population is made. Agents that see textures have theirs on the
    /// device.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a defined value.</exception>
    public Placement Placement
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected Gpu, Processor or Auto.");
    }

    /// <summary>Hidden units of a brain.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int HiddenUnits { get; init => field = Requirements.Size(value, "hidden units"); } = 32;

    /// <summary>
    /// How they learn: <see cref="ActorCritic"/>, <see cref="PolicyGradient"/> or <see cref="BehaviorCloning"/>; null for no learning. If none is
    /// set, they learn by <see cref="ActorCritic"/> with its own defaults.
    /// </summary>
    public AgentLearning? Learning
    {
        get => isLearningGiven ? field : DefaultLearning;
        init => (field, isLearningGiven) = (value, true);
    }

    /// <summary>
    /// Self-play against earlier snapshots of the brain; null for none. The agents must share one brain (<see cref="Brains"/>), have teams
    /// (<see cref="Agent.TeamId"/>) and see no textures.
    /// </summary>
    public SelfPlay? SelfPlay { get; init; }

    /// <summary>
    /// The training budget per frame: a number of training steps, each frame or each second, or a time, each frame or as a fraction of all time. A step that is
    /// longer than a time runs in parts over several frames, some brains in each, with the same bits; that of a shared brain, or of brains that see textures, runs whole once every few
    /// frames. Decisions are not part of the budget.
    /// </summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; init => field = InFrameTrainer.Require(value); } = FrameBudget.Steps(1);

    /// <summary>
    /// Frames from a decision's observations to its action, exactly: the same seed and a budget in steps repeat a run bit for bit on the same device,
    /// as long as every loss is finite. If the GPU is late, the call waits for it; 0 always waits. Null: as soon as the answer has arrived, without
    /// waiting.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or more than 16.</exception>
    public int? Latency
    {
        get;
        init => field = value is null or (>= 0 and <= MaximumLatency) ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"The latency must be 0 to {MaximumLatency} frames, or null for as soon as possible.");
    }

    /// <summary>
    /// Whether each observation is normalized to mean 0 and variance 1 by the statistics of all agents' observations, and clamped to ±5. Without
    /// statistics (nothing has learned, and no file or <see cref="BrainState"/> brought any) brains get raw numbers.
    /// </summary>
    public bool NormalizeObservations { get; init; } = true;

    /// <summary>Chooses the initial weights and the exploration.</summary>
    public int Seed { get; init; } = 1;

    internal const int MaximumLatency = 16;

    private static readonly AgentLearning DefaultLearning = new ActorCritic();

    private readonly bool isLearningGiven;

    private const int MostRequests = 4;

    /// <summary>The clock that measures learning against the budget; tests supply their own.</summary>
    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>
    /// The configurations of the kernels of all networks of a population, which decide bits: those of its device when it was made, and of the file that it continues from. Null before.
    /// </summary>
    internal KernelTuning? Tuning { get; init; }

    /// <summary>The layout of a policy's outputs.</summary>
    internal PolicyShape Policy => ActionSpec?.Policy ?? throw new ArgumentException("The actions of agents are missing. Give AgentPopulationOptions.Actions, or an ActionSpec.");

    /// <summary>The observations that a brain reads at a decision: those of all stacked decisions.</summary>
    internal int StackedObservations => checked(Observations * NumStackedVectorObservations);

    /// <summary>Outputs of a brain: those of its policy and, if it estimates values, the value.</summary>
    internal int Outputs => Policy.Outputs + (EstimatesValues ? 1 : 0);

    /// <summary>The number of brains.</summary>
    internal int BrainCount => Brains == BrainSharing.OneEach ? Capacity : 1;

    /// <summary>The maximum number of frames with open questions at a time.</summary>
    internal int RequestCount => Latency is { } latency ? latency + 1 : MostRequests;

    /// <summary>The maximum number of textures kept at a time: for questions, for one more agent being asked, and for the decisions to learn from.</summary>
    internal int MostLooks => checked((Learning?.MostDecisionsKept(this) ?? 0) + ((EstimatesValues ? 2 : 1) * RequestCount * Capacity) + 1);

    private bool EstimatesValues => Learning?.EstimatesValues ?? false;

    /// <exception cref="ArgumentException">An option without a default is missing. Unity's compilers do not know <c>required</c> members,
    /// so it is reported at run time.</exception>
    internal void RequireAll(string name)
    {
        string? missing = Observations == 0 ? nameof(Observations) : ActionSpec is null ? nameof(Actions) : null;
        if (missing is not null)
            throw new ArgumentException($"{missing} of the options was not given, and has no default. Make them with new {nameof(AgentPopulationOptions)} {{ {missing} = ... }}.", name);
    }

    /// <exception cref="ArgumentException">Self-play is to have brains of their own.</exception>
    /// <exception cref="NotSupportedException">Agents that see textures are to play against snapshots.</exception>
    internal void RequireSelfPlay(string name)
    {
        if (SelfPlay is null) return;
        if (Brains != BrainSharing.Shared)
        {
            throw new ArgumentException(
                $"Self-play takes snapshots of one brain, but each agent has its own. Set {nameof(AgentPopulationOptions)}.{nameof(Brains)} to {nameof(BrainSharing)}.{nameof(BrainSharing.Shared)}.", name);
        }

        if (TextureObservations is not null)
            throw new NotSupportedException("Agents that see textures cannot play against snapshots. Declare no TextureObservations, or no SelfPlay.");
    }

    /// <exception cref="NotSupportedException">Agents that see textures are given a demonstration.</exception>
    internal void RequireNoTexturesWithADemonstration()
    {
        if (TextureObservations is null || Learning?.Given is null) return;
        throw new NotSupportedException(
            "A demonstration has no textures, but the agents see one. Let agents demonstrate in the game (Demonstrates), or declare no TextureObservations.");
    }
}
