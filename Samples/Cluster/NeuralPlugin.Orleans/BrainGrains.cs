using Orleans.Concurrency;

namespace NeuralPlugin.Orleans;

/// <summary>Where a server's brain gets versions from, and takes what it has learned: <see cref="IBrainGrain"/>, or an <see cref="IRegionGrain"/> before it.</summary>
public interface IBrainSource : IGrainWithStringKey
{
    /// <summary>Offers a brain: where there is none under this name it becomes version 1.</summary>
    /// <param name="brain">The bytes of its file.</param>
    /// <returns>The current version.</returns>
    /// <exception cref="BrainShapeException">The brain under this name has another shape.</exception>
    /// <exception cref="UnknownBrainException">There is none under this name, and new ones are not allowed; or it is no name.</exception>
    /// <exception cref="DifferenceRefusedException">The bytes are those of no brain.</exception>
    /// <exception cref="StoredBrainException">What the storage has is damaged.</exception>
    [Alias("Offer")]
    Task<BrainVersion> Offer(byte[] brain);

    /// <summary>The current version.</summary>
    /// <param name="known">The version that the caller has; 0 for none.</param>
    /// <returns>Null where that is the current one.</returns>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    /// <exception cref="StoredBrainException">What the storage has is damaged.</exception>
    [AlwaysInterleave]
    [Alias("GetVersion")]
    Task<BrainVersion?> GetVersion(long known);

    /// <summary>Takes what a server has learned into the round that is open.</summary>
    /// <exception cref="DifferenceRefusedException">It is damaged, of another shape, not finite, or larger than the bounds.</exception>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    /// <exception cref="StoredBrainException">What the storage has is damaged.</exception>
    [Alias("Submit")]
    Task<DifferenceReceipt> Submit(BrainDifference difference);

    /// <summary>Tells an observer of each version from now on, for as long as it renews this within <see cref="BrainOptions.SubscriptionTime"/>.</summary>
    /// <returns>The current version; 0 where there is no brain.</returns>
    [AlwaysInterleave]
    [Alias("Subscribe")]
    Task<long> Subscribe(IBrainObserver observer);

    /// <summary>Where it stands, and what came of whom. A region counts its own senders, since it last came to life.</summary>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    [Alias("GetReport")]
    Task<BrainReport> GetReport();

    /// <summary>Tells an observer nothing more.</summary>
    [AlwaysInterleave]
    [Alias("Unsubscribe")]
    Task Unsubscribe(IBrainObserver observer);
}

/// <summary>A brain that many servers learn together, by its name.</summary>
[Alias("NeuralPlugin.IBrainGrain")]
public interface IBrainGrain : IBrainSource
{
    /// <summary>
    /// For an operator: where the current version is damaged in the storage, publishes the one before it again, under a new and larger number. Else it changes nothing.
    /// </summary>
    /// <exception cref="StoredBrainException">The one before is damaged, too.</exception>
    [Alias("Recover")]
    Task<long> Recover();

    /// <summary>Tells a region of each version from now on; as <see cref="IBrainSource.Subscribe"/>.</summary>
    [AlwaysInterleave]
    [Alias("SubscribeRegion")]
    Task<long> SubscribeRegion(string region);
}

/// <summary>
/// A part of a brain's servers, by the brain's name, a slash and the region's: it averages their differences and hands the average on, and it hands out versions. So neither the brain's grain nor the
/// way to it carries more than one difference a region and round.
/// </summary>
[Alias("NeuralPlugin.IRegionGrain")]
public interface IRegionGrain : IBrainSource
{
    /// <summary>There is a new version.</summary>
    [OneWay]
    [Alias("Published")]
    Task Published(long version);
}

/// <summary>Is told of new versions.</summary>
[Alias("NeuralPlugin.IBrainObserver")]
public interface IBrainObserver : IGrainObserver
{
    /// <summary>There is a new version. It may come late, twice or never: who must know asks.</summary>
    [OneWay]
    [Alias("Published")]
    Task Published(long version);
}

/// <summary>
/// The best brains of islands: servers whose agents have brains of their own. They show their best and are given a better one for their worst (population-based training; Jaderberg et al., 2017, "Population
/// Based Training of Neural Networks"). One a name.
/// </summary>
[Alias("NeuralPlugin.IIslandGrain")]
public interface IIslandGrain : IGrainWithStringKey
{
    /// <summary>Shows the best brain of an island.</summary>
    /// <param name="best">It, with its score and its sender.</param>
    /// <param name="worst">The score of the island's worst.</param>
    /// <returns>One of another island that is better than the worst, the best there is; null for none.</returns>
    /// <exception cref="BrainShapeException">The brains under this name have another shape.</exception>
    /// <exception cref="DifferenceRefusedException">The bytes are those of no brain, or the score is not finite.</exception>
    [Alias("Exchange")]
    Task<Champion?> Exchange(Champion best, double worst);

    /// <summary>The best brains, the best one first.</summary>
    [Alias("GetChampions")]
    Task<IReadOnlyList<Champion>> GetChampions();
}
