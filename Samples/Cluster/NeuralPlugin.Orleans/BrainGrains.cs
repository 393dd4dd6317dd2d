using Orleans.Concurrency;

namespace NeuralPlugin.Orleans;

/// <summary>The grain with which a server exchanges versions and differences: an <see cref="IBrainGrain"/>, or an <see cref="IRegionGrain"/> in front of it.</summary>
public interface IBrainSource : IGrainWithStringKey
{
    /// <summary>Offers a brain, which becomes version 1 if there is none under this name.</summary>
    /// <param name="brain">The bytes of its file.</param>
    /// <returns>The current version.</returns>
    /// <exception cref="BrainShapeException">The brain under this name has another shape.</exception>
    /// <exception cref="UnknownBrainException">There is none under this name and new ones are not allowed, or the name is not valid.</exception>
    /// <exception cref="DifferenceRefusedException">The bytes are not those of a brain, or its counts or its scale of values are too large for a first version.</exception>
    /// <exception cref="StoredBrainException">The stored record is damaged, or the storage did not return it.</exception>
    [Alias("Offer")]
    Task<BrainVersion> Offer(byte[] brain);

    /// <summary>The current version.</summary>
    /// <param name="known">The caller's version; 0 for none.</param>
    /// <returns>The current version; null if the caller has it.</returns>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    /// <exception cref="StoredBrainException">The stored record is damaged, or the storage did not return it.</exception>
    [AlwaysInterleave]
    [Alias("GetVersion")]
    Task<BrainVersion?> GetVersion(long known);

    /// <summary>Adds what a server has learned to the open round.</summary>
    /// <exception cref="DifferenceRefusedException">It is damaged, has another shape, is not finite, or exceeds a bound.</exception>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    /// <exception cref="StoredBrainException">The stored record is damaged, or the storage did not return it.</exception>
    [Alias("Submit")]
    Task<DifferenceReceipt> Submit(BrainDifference difference);

    /// <summary>Notifies an observer of each new version. The subscription ends unless it is renewed within <see cref="BrainOptions.SubscriptionTime"/>.</summary>
    /// <returns>The current version; 0 if there is no brain.</returns>
    [AlwaysInterleave]
    [Alias("Subscribe")]
    Task<long> Subscribe(IBrainObserver observer);

    /// <summary>The status, with counts by sender. A region counts its own senders; if its silo dies, without those that were in none of its averages yet.</summary>
    /// <exception cref="UnknownBrainException">There is no brain under this name.</exception>
    [Alias("GetReport")]
    Task<BrainReport> GetReport();

    /// <summary>Ends an observer's subscription.</summary>
    [AlwaysInterleave]
    [Alias("Unsubscribe")]
    Task Unsubscribe(IBrainObserver observer);
}

/// <summary>A brain that many servers learn together; its key is the brain's name.</summary>
[Alias("NeuralPlugin.IBrainGrain")]
public interface IBrainGrain : IBrainSource
{
    /// <summary>
    /// For operators: if the stored current version is damaged, publishes the previous version again under a new, larger number. Otherwise it changes nothing.
    /// </summary>
    /// <exception cref="StoredBrainException">The previous version is damaged too, or the storage did not return the record.</exception>
    [Alias("Recover")]
    Task<long> Recover();

    /// <summary>Notifies a region of each new version, like <see cref="IBrainSource.Subscribe"/>. Only the region itself may ask.</summary>
    /// <exception cref="UnauthorizedAccessException">The caller is not the grain of this region.</exception>
    [AlwaysInterleave]
    [Alias("SubscribeRegion")]
    Task<long> SubscribeRegion(string region);
}

/// <summary>
/// A part of a brain's servers; its key is the brain's name, a slash and the region's name. It forwards the average of their differences and distributes versions, so that the brain's grain
/// receives one difference per region and round.
/// </summary>
[Alias("NeuralPlugin.IRegionGrain")]
public interface IRegionGrain : IBrainSource
{
    /// <summary>Announces a new version.</summary>
    [OneWay]
    [Alias("Published")]
    Task Published(long version);
}

/// <summary>Receives notifications of new versions.</summary>
[Alias("NeuralPlugin.IBrainObserver")]
public interface IBrainObserver : IGrainObserver
{
    /// <summary>Announces a new version. Notifications may come late, twice or never, so subscribers also poll.</summary>
    [OneWay]
    [Alias("Published")]
    Task Published(long version);
}

/// <summary>
/// The best brains of islands, which are servers whose agents have brains of their own. An island submits its best brain and gets a better one for its worst (population-based training; Jaderberg et al., 2017, "Population
/// Based Training of Neural Networks").
/// </summary>
[Alias("NeuralPlugin.IIslandGrain")]
public interface IIslandGrain : IGrainWithStringKey
{
    /// <summary>Submits the best brain of an island.</summary>
    /// <param name="best">The brain with its score and its island.</param>
    /// <param name="worst">The score of the island's worst brain.</param>
    /// <returns>The best brain of another island, if it is better than the worst; otherwise null.</returns>
    /// <exception cref="BrainShapeException">The brains under this name have another shape.</exception>
    /// <exception cref="DifferenceRefusedException">The bytes are not those of a brain, or the score is not finite.</exception>
    [Alias("Exchange")]
    Task<Champion?> Exchange(Champion best, double worst);

    /// <summary>The best brains in descending order of their scores.</summary>
    [Alias("GetChampions")]
    Task<IReadOnlyList<Champion>> GetChampions();
}
