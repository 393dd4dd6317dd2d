namespace NeuralPlugin.Orleans;

/// <summary>How a brain's grain moves from the average of a round's differences to the next version.</summary>
public enum ServerRule
{
    /// <summary>The average is added: federated averaging (McMahan et al., 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data").</summary>
    Average,

    /// <summary>v ← Momentum·v + average; v is added (FedAvgM; Hsu et al., 2019, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification").</summary>
    Momentum,

    /// <summary>Adam on the average, element by element, without correction of the bias (FedAdam; Reddi et al., 2021, "Adaptive Federated Optimization", algorithm 2).</summary>
    Adam,
}

/// <summary>
/// What rules the grains of a brain. Options have the brain's name: <c>services.Configure&lt;BrainOptions&gt;("walkers", ...)</c> is for one brain, <c>ConfigureAll</c> for all. All silos must have the same.
/// </summary>
public sealed class BrainOptions
{
    /// <summary>A round closes as soon as its differences have so many decisions behind them.</summary>
    public long RoundDecisions { get; set; } = 8192;

    /// <summary>And at the latest so long after its first difference.</summary>
    public TimeSpan RoundTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A difference from a version that is older than the current one by more than this is dropped, and counted.</summary>
    public int MostStaleness { get; set; } = 1;

    /// <summary>How the average becomes the next version.</summary>
    public ServerRule Rule { get; set; }

    /// <summary>The factor of what is added to the current version.</summary>
    public double ServerLearningRate { get; set; } = 1;

    /// <summary>Of <see cref="ServerRule.Momentum"/>; and the first moment's share of the past of <see cref="ServerRule.Adam"/>.</summary>
    public double Momentum { get; set; } = 0.9;

    /// <summary>The second moment's share of the past, of <see cref="ServerRule.Adam"/>.</summary>
    public double SecondMomentum { get; set; } = 0.99;

    /// <summary>Is added to the root of the second moment, of <see cref="ServerRule.Adam"/>.</summary>
    public double Adaptivity { get; set; } = 1e-3;

    /// <summary>
    /// Of the senders of a round, the share that is left out at either end of each coordinate before the mean is taken (Yin et al., 2018, "Byzantine-Robust Distributed Learning"): with 0.2, a fifth
    /// of them may lie. The rest count the same, whatever decisions they claim. 0 averages by decisions, in the memory of one brain; more keeps a round's differences.
    /// </summary>
    public double TrimmedShare { get; set; }

    /// <summary>A difference whose Euclidean norm is larger is refused.</summary>
    public double MostNorm { get; set; } = 100;

    /// <summary>A difference that claims more decisions is refused: no sender can outweigh all others.</summary>
    public long MostDecisions { get; set; } = 1_000_000;

    /// <summary>Senders that are counted by name, beyond which they are counted together: who invents names takes no memory.</summary>
    public int MostNamedSenders { get; set; } = 4096;

    /// <summary>Whether the first brain that a server offers under this name becomes its first version; else an operator offers it once, and sets this to false behind it.</summary>
    public bool AllowsNewBrains { get; set; } = true;

    /// <summary>How long a write of the storage is waited for, and then tried again.</summary>
    public TimeSpan StorageTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long after a write has failed the next one is tried; it doubles up to sixteen times as much.</summary>
    public TimeSpan StorageRetry { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A region hands its part of a round on as soon as it has so many decisions.</summary>
    public long RegionDecisions { get; set; } = 8192;

    /// <summary>And at the latest so long after its first difference: less than <see cref="RoundTime"/>, so that regions come in time.</summary>
    public TimeSpan RegionTime { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>A server that has not renewed its subscription for so long is forgotten.</summary>
    public TimeSpan SubscriptionTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The best brains of islands that are kept.</summary>
    public int Champions { get; set; } = 8;
}
