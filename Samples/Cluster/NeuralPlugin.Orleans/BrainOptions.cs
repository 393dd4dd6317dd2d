using System.Runtime.CompilerServices;

namespace NeuralPlugin.Orleans;

/// <summary>How the average of a round's differences becomes the next version.</summary>
public enum ServerRule
{
    /// <summary>Adds the average: federated averaging (McMahan et al., 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data").</summary>
    Average,

    /// <summary>v ← Momentum·v + average, then adds v (FedAvgM; Hsu et al., 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification").</summary>
    Momentum,

    /// <summary>Adam on the average, elementwise and without bias correction (FedAdam; Reddi et al., 2021, "Adaptive Federated Optimization", algorithm 2).</summary>
    Adam,
}

/// <summary>
/// Options of a brain's grains, named by the brain: <c>services.Configure&lt;BrainOptions&gt;("walkers", ...)</c> sets them for one brain, <c>ConfigureAll</c> for all. All silos need the same options.
/// </summary>
/// <exception cref="ArgumentOutOfRangeException">A property is set to a value outside its range.</exception>
public sealed class BrainOptions
{
    /// <summary>A round closes once its differences represent this many decisions.</summary>
    public long RoundDecisions { get; set => field = value >= 1 ? value : throw Unexpected(value, "1 decision or more"); } = 8192;

    /// <summary>A round closes at the latest this long after its first difference.</summary>
    public TimeSpan RoundTime { get; set => field = value > TimeSpan.Zero ? value : throw Unexpected(value, "a time above zero"); } = TimeSpan.FromSeconds(10);

    /// <summary>A difference from a version that is more than this many versions behind the current one is dropped and counted.</summary>
    public int MostStaleness { get; set => field = value >= 0 ? value : throw Unexpected(value, "0 versions or more"); } = 1;

    /// <summary>How the average of a round becomes the next version.</summary>
    public ServerRule Rule { get; set; }

    /// <summary>Multiplies what is added to the current version.</summary>
    public double ServerLearningRate { get; set => field = value > 0 && double.IsFinite(value) ? value : throw Unexpected(value, "a finite number above 0"); } = 1;

    /// <summary>The momentum of <see cref="ServerRule.Momentum"/>, and β₁ of <see cref="ServerRule.Adam"/>.</summary>
    public double Momentum { get; set => field = value is >= 0 and <= 1 ? value : throw Unexpected(value, "a number from 0 to 1"); } = 0.9;

    /// <summary>β₂ of <see cref="ServerRule.Adam"/>.</summary>
    public double SecondMomentum { get; set => field = value is >= 0 and < 1 ? value : throw Unexpected(value, "a number from 0 to below 1"); } = 0.99;

    /// <summary>τ of <see cref="ServerRule.Adam"/>, added to the root of the second moment.</summary>
    public double Adaptivity { get; set => field = value > 0 && double.IsFinite(value) ? value : throw Unexpected(value, "a finite number above 0"); } = 1e-3;

    /// <summary>
    /// The share of a round's senders that is ignored at either end of each coordinate before the mean is taken (Yin et al., 2018, "Byzantine-Robust Distributed Learning"): with 0.2, up to a fifth
    /// of them may lie. The others count the same, whatever number of decisions they claim. With 0, differences are averaged by decisions, in the memory of one brain; otherwise all differences of a round are kept.
    /// </summary>
    public double TrimmedShare { get; set => field = value is >= 0 and < 0.5 ? value : throw Unexpected(value, "a share from 0 to below 0.5"); }

    /// <summary>Differences with a larger Euclidean norm are refused.</summary>
    public double MostNorm { get; set => field = value > 0 ? value : throw Unexpected(value, "a number above 0"); } = 100;

    /// <summary>Differences that claim more decisions are refused, so that no sender outweighs all others.</summary>
    public long MostDecisions { get; set => field = value >= 1 ? value : throw Unexpected(value, "1 decision or more"); } = 1_000_000;

    /// <summary>The same for the averages of regions, which represent all decisions of their servers.</summary>
    public long MostRegionDecisions { get; set => field = value >= 1 ? value : throw Unexpected(value, "1 decision or more"); } = 100_000_000;

    /// <summary>
    /// The number of senders that are counted by name, so that invented names use no memory. A further one takes the place of the one whose last difference is in the oldest version, if that is at least
    /// <see cref="MostStaleness"/> versions old; the counts of the forgotten, and of those that find no place, are added to "(others)".
    /// </summary>
    public int MostNamedSenders { get; set => field = value >= 0 ? value : throw Unexpected(value, "0 names or more"); } = 4096;

    /// <summary>Whether the first brain that a server offers under this name becomes version 1. To restrict that to an operator, set it to true only while the operator offers the brain.</summary>
    public bool AllowsNewBrains { get; set; } = true;

    /// <summary>How long to wait for a call of the storage before it counts as failed.</summary>
    public TimeSpan StorageTimeout { get; set => field = value > TimeSpan.Zero ? value : throw Unexpected(value, "a time above zero"); } = TimeSpan.FromSeconds(5);

    /// <summary>The delay between a failed write and the next attempt; it doubles up to sixteen times this value.</summary>
    public TimeSpan StorageRetry { get; set => field = value > TimeSpan.Zero ? value : throw Unexpected(value, "a time above zero"); } = TimeSpan.FromMilliseconds(250);

    /// <summary>A region forwards its part of a round once it has this many decisions.</summary>
    public long RegionDecisions { get; set => field = value >= 1 ? value : throw Unexpected(value, "1 decision or more"); } = 8192;

    /// <summary>A region forwards its part at the latest this long after its first difference. Keep it below <see cref="RoundTime"/>.</summary>
    public TimeSpan RegionTime { get; set => field = value > TimeSpan.Zero ? value : throw Unexpected(value, "a time above zero"); } = TimeSpan.FromSeconds(5);

    /// <summary>How long a subscription lasts unless it is renewed.</summary>
    public TimeSpan SubscriptionTime { get; set => field = value > TimeSpan.Zero ? value : throw Unexpected(value, "a time above zero"); } = TimeSpan.FromMinutes(1);

    /// <summary>The number of best brains that are kept for islands.</summary>
    public int Champions { get; set => field = value >= 1 ? value : throw Unexpected(value, "1 brain or more"); } = 8;

    private static ArgumentOutOfRangeException Unexpected(object value, string expected, [CallerMemberName] string name = "") => new(name, value, $"Expected {expected}.");
}
