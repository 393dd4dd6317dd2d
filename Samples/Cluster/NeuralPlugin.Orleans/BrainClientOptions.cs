namespace NeuralPlugin.Orleans;

/// <summary>How a game's brain takes part.</summary>
public sealed record BrainClientOptions
{
    /// <summary>The server's name, by which the cluster counts what it sends; a new one each time unless it is given. It has 1 to 128 characters.</summary>
    public string Server { get; init; } = $"{Environment.MachineName}-{Guid.NewGuid():N}";

    /// <summary>The region that it goes through, a grain that averages for some of the servers; null for the brain's own grain.</summary>
    public string? Region { get; init; }

    /// <summary>It sends what was learned each time so many decisions more were made. 2048 are a rollout of <see cref="ActorCritic"/>'s own settings.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is zero or less.</exception>
    public long EveryDecisions { get; init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected 1 decision or more."); } = 2048;

    /// <summary>
    /// Whether it sends in the first frame without training steps, when a rollout is learned, a twentieth of the decisions sooner or half of them later; and adopts in one without. So what was sent is whole, and
    /// no step is lost in the frames that reading takes.
    /// </summary>
    public bool WaitsForPause { get; init; } = true;

    /// <summary>How often it asks for a new version where nobody tells it of one, and renews its subscription.</summary>
    public TimeSpan PollTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long it waits after a first failure of the cluster; it doubles with each, and varies by a quarter, so that servers do not come back at once.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest wait.</summary>
    public TimeSpan LastRetry { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>How a game's brain stands to the cluster.</summary>
public enum BrainClientState
{
    /// <summary>It has not been answered yet.</summary>
    Joining,

    /// <summary>It takes part.</summary>
    Connected,

    /// <summary>The cluster does not answer, and is asked again later. The game learns on, for itself.</summary>
    Away,

    /// <summary>The cluster has a brain of another shape under this name. It takes no part any more.</summary>
    Refused,

    /// <summary>It was disposed.</summary>
    Stopped,
}

/// <summary>Where a game's brain stands.</summary>
/// <param name="State">How it stands to the cluster.</param>
/// <param name="Version">The version that its brain goes on from; 0 for none.</param>
/// <param name="Sent">Differences that are in rounds.</param>
/// <param name="Dropped">Differences that were too old.</param>
/// <param name="Refused">Differences that were refused.</param>
/// <param name="Adopted">Versions that were adopted.</param>
/// <param name="Failures">Calls in a row that have failed.</param>
/// <param name="BytesSent">Of differences.</param>
/// <param name="BytesReceived">Of versions.</param>
/// <param name="LastError">What went wrong last; null for nothing.</param>
public readonly record struct BrainClientStatus(
    BrainClientState State, long Version, long Sent, long Dropped, long Refused, long Adopted, int Failures, long BytesSent, long BytesReceived, string? LastError);
