namespace NeuralPlugin.Orleans;

/// <summary>Options of a <see cref="BrainClient"/>.</summary>
public sealed record BrainClientOptions
{
    /// <summary>
    /// The server's name, 1 to 128 characters and different on each server; the cluster counts differences by it. Random by default, so that every start of a process is another server: set a name that outlives it, for
    /// example that of a pod in a StatefulSet.
    /// </summary>
    public string Server { get; init; } = $"{Environment.MachineName}-{Guid.NewGuid():N}";

    /// <summary>The region to use, a grain that averages for a part of the servers; null for the brain's own grain.</summary>
    public string? Region { get; init; }

    /// <summary>The number of decisions between two differences. 2048 is a rollout with the default settings of <see cref="ActorCritic"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public long EveryDecisions { get; init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected 1 decision or more."); } = 2048;

    /// <summary>
    /// Whether to send in the first frame without training steps, when a rollout has been learned, and to adopt in such a frame too. Differences then cover whole rollouts. Adopting overwrites what was
    /// learned in the few frames since its read began, which are then most often frames without a step; their observations are missing from the statistics. The send happens up to a twentieth of <see cref="EveryDecisions"/> early or a half late.
    /// </summary>
    public bool WaitsForPause { get; init; } = true;

    /// <summary>How often to renew the subscription and poll for a new version.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The delay after the first failed call. It doubles with each failure and varies by ±25 %, so that servers do not return all at once.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest delay.</summary>
    public TimeSpan LastRetry { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>The connection of a game's brain to the cluster.</summary>
public enum BrainClientState
{
    /// <summary>The cluster has not answered yet.</summary>
    Joining,

    /// <summary>It takes part.</summary>
    Connected,

    /// <summary>The cluster does not answer and is asked again later. The game keeps learning on its own.</summary>
    Away,

    /// <summary>The cluster has a brain of another shape under this name. The client has given up.</summary>
    Refused,

    /// <summary>The client was disposed.</summary>
    Stopped,
}

/// <summary>The status of a <see cref="BrainClient"/>.</summary>
/// <param name="State">The connection to the cluster.</param>
/// <param name="Version">The version that the brain was last based on; 0 for none.</param>
/// <param name="Sent">Differences that were added to rounds.</param>
/// <param name="Dropped">Differences that were too old.</param>
/// <param name="Refused">Differences that were refused.</param>
/// <param name="Adopted">Versions that were adopted.</param>
/// <param name="Failures">Consecutive failed calls.</param>
/// <param name="BytesSent">Bytes of differences that were sent.</param>
/// <param name="BytesReceived">Bytes of versions that were received.</param>
/// <param name="LastError">The last error; null for none.</param>
public readonly record struct BrainClientStatus(
    BrainClientState State, long Version, long Sent, long Dropped, long Refused, long Adopted, int Failures, long BytesSent, long BytesReceived, string? LastError);
