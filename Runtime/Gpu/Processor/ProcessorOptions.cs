namespace NeuralPlugin;

/// <summary>The processor resources that a device may use, for <see cref="NeuralDevice.CreateOnProcessor"/>.</summary>
public sealed record ProcessorOptions
{
    /// <summary>More threads than this spend longer waiting for each other than computing.</summary>
    private const int MostThreads = 8;

    /// <summary>
    /// Whether the device works on a thread of its own, beside the game: calls enqueue and return, and their results arrive in a later call, as with a
    /// graphics card. False by default: each call computes before it returns.
    /// </summary>
    public bool Background { get; init; }

    /// <summary>
    /// The number of threads that compute: at least 1. Results do not depend on it. The calling thread is one of them or, in the background, the device's own. By
    /// default one per processor, at most 8, and in the background one fewer, left to the game. Set fewer if the game's own threads are busy; 1 starts no
    /// additional thread.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public int Threads
    {
        get => field > 0 ? field : Math.Clamp(Environment.ProcessorCount - (Background ? 1 : 0), 1, MostThreads);
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The number of threads of a device on the processor must be at least 1.");
    }

    /// <summary>
    /// How long a thread of the device looks for more work before it sleeps. Waking one takes some ten microseconds, and one that is looking
    /// uses processor time. With zero, it sleeps at once.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public TimeSpan SpinTime
    {
        get;
        init => field = value >= TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The time that a thread spins must not be negative.");
    } = TimeSpan.FromMicroseconds(50);
}
