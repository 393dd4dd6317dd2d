namespace NeuralPlugin;

/// <summary>What a device on the processor may use of it, for <see cref="NeuralDevice.CreateOnProcessor"/>.</summary>
public sealed record ProcessorOptions
{
    /// <summary>More threads than this wait for each other longer than they compute.</summary>
    private const int MostThreads = 8;

    /// <summary>
    /// Threads that compute, that of the calls included: at least 1. Results do not depend on it. By default one a processor, at most 8, so
    /// give fewer in a game whose own threads are busy; 1 starts no thread.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public int Threads
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The number of threads of a device on the processor must be at least 1.");
    } = Math.Min(Environment.ProcessorCount, MostThreads);

    /// <summary>
    /// How long a further thread looks for more work before it sleeps. Waking one takes some ten microseconds, and one that looks
    /// takes a processor's time. Zero lets it sleep at once.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public TimeSpan SpinTime
    {
        get;
        init => field = value >= TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The time that a thread spins must not be negative.");
    } = TimeSpan.FromMicroseconds(50);
}
