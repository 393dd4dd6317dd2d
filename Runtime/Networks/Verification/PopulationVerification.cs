namespace NeuralPlugin;

/// <summary>
/// Steps and predictions of small populations, in the dispatches that real ones have: each member is compared with its own network in double precision, dispatch by dispatch, on the inputs that the dispatch received.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="family">The family.</param>
/// <param name="isQuick">Whether to run a few cases alone, in the configuration that the device's networks have.</param>
internal sealed class PopulationVerification(NeuralDevice device, KernelFamily family, bool isQuick = false)
{
    /// <summary>The member with a feature that is not a number, and the one with a gradient that is too large.</summary>
    private const int SpoiledMember = 1, OverflowingMember = 3;

    private static readonly PopulationShape Small = new(Members: 11, Inputs: 5, Hidden: 7, Outputs: 3), Wider = new(Members: 5, Inputs: 5, Hidden: 37, Outputs: 3);

    private readonly SeededRandom random = new(seed: 2);
    private readonly VerifiedKernels kernels = new(isQuick ? KernelTuning.Of(device) : null);
    private readonly KernelRejections rejections = new(device);
    private (VerifiedPopulation Verified, VerifiedConfiguration Configuration)[]? all;

    /// <summary>Batches of one dispatch and of several, for which some kernels take many rows, by drivers with room for the update in the last of them and without: those of fewest bindings, and of fewer than any, where every family updates in a dispatch of its own.</summary>
    public static IReadOnlyList<VerifiedPopulation> Cases =>
    [
        new(Small, Rows: 3, new Sgd(0.1f)), new(Small, Rows: 3, new Adam(0.01f)) { IsQuick = true }, new(Small, Rows: 11, new Sgd(0.1f)), new(Small, Rows: 11, new Adam(0.01f)), new(Wider, Rows: 11, new Adam(0.01f)),
        new(Small, Rows: 11, new Adam(0.01f)) { MostBindings = Dispatch.MostBindingsOfAKind }, new(Small, Rows: 11, new Sgd(0.1f)) { MostBindings = 1 }, new(Small, Rows: 11, new Adam(0.01f)) { MostBindings = 1 },
        new(Small, Rows: 197, new Sgd(0.1f)), new(Small, Rows: 197, new Adam(0.01f)),
        new(Small, Rows: 3, Optimizer: null) { IsQuick = true }, new(Wider, Rows: 11, Optimizer: null),
    ];

    /// <summary>The dispatches of all cases, with nothing made, in the order in which they run.</summary>
    public IEnumerable<Dispatch> Planned => All.SelectMany(one => one.Configuration.Planned);

    /// <summary>All cases; of a device without shaders, whose kernels bind as many matrices as they like, those of a driver with room for all.</summary>
    private (VerifiedPopulation Verified, VerifiedConfiguration Configuration)[] All => all ??=
    [
        .. Cases.Where(verified => (!isQuick || verified.IsQuick) && (verified.MostBindings == int.MaxValue || !device.Limits.RunsMethods))
            .SelectMany(verified => ConfigurationsOf(verified).Select(configuration => (verified, configuration))),
    ];

    public IEnumerable<KernelCheck> Run() => All.SelectMany(one => Run(one.Verified, one.Configuration));

    public IEnumerable<KernelCheck> Run(VerifiedPopulation verified) => ConfigurationsOf(verified).SelectMany(configuration => Run(verified, configuration));

    private IEnumerable<VerifiedConfiguration> ConfigurationsOf(VerifiedPopulation verified) =>
        kernels.ConfigurationsOf(family.For(device.Limits with { MostBindings = Math.Min(device.Limits.MostBindings, verified.MostBindings) }), verified.Plan, always: false);

    private IEnumerable<KernelCheck> Run(VerifiedPopulation verified, VerifiedConfiguration configuration)
    {
        if (verified.Optimizer is { } optimizer)
        {
            bool runsWhole = true;
            foreach (bool isSpoiled in new[] { false, true })
            {
                if (!runsWhole) yield break;   // what guards an update is in the dispatches before it
                using VerifiedPopulationStep step = new(device, verified, optimizer, configuration.Kernels, random);
                if (isSpoiled) step.Spoil(SpoiledMember, OverflowingMember);
                foreach (KernelCheck check in step.Run(configuration, rejections)) yield return check;
                runsWhole = !step.HasRejected;
            }
        }
        else
        {
            using VerifiedPopulationMembers members = new(device, verified, configuration.Kernels, random);
            yield return members.Predict(configuration, rejections);
        }
    }
}

/// <summary>A population's step or prediction that reaches some kernels.</summary>
/// <param name="Shape">The population.</param>
/// <param name="Rows">Rows of each member's batch.</param>
/// <param name="Optimizer">The optimizer of a step; null for a prediction.</param>
internal sealed record VerifiedPopulation(PopulationShape Shape, int Rows, Optimizer? Optimizer)
{
    /// <summary>The image units and storage buffers of the driver, if it has more.</summary>
    public int MostBindings { get; init; } = int.MaxValue;

    /// <summary>Whether it is one of the few that a quick verification has.</summary>
    public bool IsQuick { get; init; }

    public PopulationGraph GraphWith(FamilyKernels kernels) => new(kernels, Shape, new Relu(), new SoftmaxCrossEntropy());

    /// <summary>Its dispatches, with nothing made.</summary>
    public IEnumerable<Dispatch> Plan(FamilyKernels kernels) =>
        Optimizer is null ? [GraphWith(kernels).PlannedForward(Rows, softmax: true)] : GraphWith(kernels).PlannedStep(Rows, Optimizer);

    public override string ToString() =>
        $"a population's {(Optimizer is null ? "prediction" : $"step by {Optimizer.Name}")}, {Shape.Members} × {Rows} × {Shape.Inputs}-{Shape.Hidden}-{Shape.Outputs}";
}
