namespace NeuralPlugin;

/// <summary>Who has which brain.</summary>
public enum BrainSharing
{
    /// <summary>Every agent has a brain of its own, and learns from what happens to it alone.</summary>
    OneEach,

    /// <summary>All agents have one brain, and learn together.</summary>
    Shared,
}

/// <summary>What the agents of a population have in common.</summary>
public sealed record AgentPopulationOptions
{
    /// <summary>Numbers that an agent adds to its sensor at each decision. Has to be given.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Observations { get; init => field = Requirements.Size(value, "observations"); }

    /// <summary>
    /// What agents see besides, of a texture that the game rendered (<see cref="Agent.CollectTexture"/>); null for nothing. Not
    /// together with a <see cref="BehaviorCloning.Demonstration"/> that was given or a <see cref="AgentPopulation.Recording"/>: pixels stay on the GPU.
    /// </summary>
    public TextureObservations? TextureObservations { get; init; }

    /// <summary>
    /// Actions to choose from, one at a time: 0 to this number less one. The same as one branch of an <see cref="ActionSpec"/>; one of the two is needed. Of several branches, the actions of all.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 2.</exception>
    public int Actions
    {
        get => ActionSpec?.SumOfDiscreteBranchSizes ?? 0;
        init => ActionSpec = value >= 2 ? ActionSpec.MakeDiscrete(value)
            : throw new ArgumentOutOfRangeException(nameof(value), value, "An agent needs at least 2 actions to choose from.");
    }

    /// <summary>What actions are, where one is more than one choice: several discrete branches, continuous actions, or both. Null before <see cref="Actions"/> or this is given.</summary>
    public ActionSpec? ActionSpec { get; init; }

    /// <summary>Most agents at a time; as many brains, where each has its own.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int Capacity { get; init => field = Requirements.Size(value, "agents"); } = 1;

    /// <summary>Who has which brain.</summary>
    public BrainSharing Brains { get; init; } = BrainSharing.OneEach;

    /// <summary>
    /// Where the brains live: on the device of the population, on the processor beside it, or where a decision of all agents and a training step together
    /// take less time, which a probe of some milliseconds finds when the population is made. Agents that see textures have theirs on the device.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the values.</exception>
    public Placement Placement
    {
        get;
        init => field = Enum.IsDefined(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected Gpu, Processor or Auto.");
    }

    /// <summary>Hidden units of a brain.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public int HiddenUnits { get; init => field = Requirements.Size(value, "hidden units"); } = 32;

    /// <summary>
    /// How they learn: <see cref="ActorCritic"/>, <see cref="PolicyGradient"/> or <see cref="BehaviorCloning"/>; null for not at all. Unless it is
    /// given, a brain that all share learns by <see cref="ActorCritic"/> with its own defaults, and brains of their own by <see cref="PolicyGradient"/>.
    /// </summary>
    public AgentLearning? Learning
    {
        get => isLearningGiven ? field : Brains == BrainSharing.Shared ? DefaultOfSharedBrains : DefaultOfOwnBrains;
        init => (field, isLearningGiven) = (value, true);
    }

    /// <summary>
    /// How much they learn in a frame: a number of training steps, or a time, into which whole steps fit. A step longer than that time
    /// runs in every few frames. What decisions cost comes besides.
    /// </summary>
    /// <exception cref="ArgumentException">It is default(FrameBudget), which allows nothing.</exception>
    public FrameBudget FrameBudget { get; init => field = InFrameTrainer.Require(value); } = FrameBudget.Steps(1);

    /// <summary>
    /// Frames from a decision's observations to its action, exactly: with the same seed and a budget in steps the same run comes again,
    /// bit for bit, on the same device, as long as every loss is finite. Where the GPU is late, the call waits for it; 0 always waits. Null:
    /// as soon as the answer is there, without a wait.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or more than 16.</exception>
    public int? Latency
    {
        get;
        init => field = value is null or (>= 0 and <= MaximumLatency) ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"The latency must be 0 to {MaximumLatency} frames, or null for as soon as possible.");
    }

    /// <summary>
    /// Whether each observation is brought to mean 0 and variance 1 by what all agents have observed of it, and cut off at ±5.
    /// </summary>
    public bool NormalizeObservations { get; init; } = true;

    /// <summary>Chooses the initial weights and the exploration.</summary>
    public int Seed { get; init; } = 1;

    internal const int MaximumLatency = 16;

    private static readonly AgentLearning DefaultOfSharedBrains = new ActorCritic();
    private static readonly AgentLearning DefaultOfOwnBrains = new PolicyGradient();

    private readonly bool isLearningGiven;

    private const int MostRequests = 4;

    /// <summary>The clock by which learning is held to the budget; a test hands in one of its own.</summary>
    internal TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>What the outputs of a policy are.</summary>
    internal PolicyShape Policy => ActionSpec?.Policy ?? throw new ArgumentException("The actions of agents are missing. Give AgentPopulationOptions.Actions, or an ActionSpec.");

    /// <summary>Numbers that are kept of an action beside a choice in one branch, which needs none.</summary>
    internal int TakenNumbers => Policy.IsOneBranch ? 0 : Policy.Numbers;

    /// <summary>Outputs of a brain: those of its policy and, where it estimates values, the value.</summary>
    internal int Outputs => Policy.Outputs + (EstimatesValues ? 1 : 0);

    /// <summary>Brains that the agents have.</summary>
    internal int BrainCount => Brains == BrainSharing.OneEach ? Capacity : 1;

    /// <summary>Frames whose questions are under way at a time, at most.</summary>
    internal int RequestCount => Latency is { } latency ? latency + 1 : MostRequests;

    /// <summary>Most textures that are kept at a time: those of questions, of one agent more that is asked, and of what is learned from.</summary>
    internal int MostLooks => checked((Learning?.MostDecisionsKept(this) ?? 0) + ((EstimatesValues ? 2 : 1) * RequestCount * Capacity) + 1);

    private bool EstimatesValues => Learning?.EstimatesValues ?? false;

    /// <exception cref="ArgumentException">What has no default was not given. The compilers of Unity know no <c>required</c> members, so it is said when the program runs.</exception>
    internal void RequireAll(string name)
    {
        string? missing = Observations == 0 ? nameof(Observations) : ActionSpec is null ? nameof(Actions) : null;
        if (missing is not null)
            throw new ArgumentException($"{missing} of the options was not given, and has no default. Make them with new {nameof(AgentPopulationOptions)} {{ {missing} = ... }}.", name);
    }

    /// <exception cref="NotSupportedException">Agents are to see textures, and are given a demonstration.</exception>
    internal void RequireNoTexturesWithADemonstration()
    {
        if (TextureObservations is null || Learning?.Given is null) return;
        throw new NotSupportedException(
            "A demonstration has no textures, and the agents see one. Let agents demonstrate in the game (Demonstrates), or declare no TextureObservations.");
    }
}
