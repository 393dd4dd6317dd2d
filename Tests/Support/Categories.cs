namespace NeuralPlugin.Tests;

/// <summary>
/// What Tests/run chooses tests by. It runs the tests several times, in environments that differ, and these say of a test which of
/// the runs it has something to tell in; a test without a category runs with each OpenGL version.
/// </summary>
internal static class Categories
{
    /// <summary>
    /// The long form of a test, whose short form runs always: <c>Tests/run --nightly</c> runs both. The short one finds what breaks at
    /// once, the long one what needs many cases or much time to be seen.
    /// </summary>
    public const string Nightly = "Nightly";

    /// <summary>
    /// Runs with the driver's own OpenGL version alone: what does not touch OpenGL or starts it in a process of its own, what counts
    /// managed bytes, and whole scenes, whose parts have tests of their own.
    /// </summary>
    public const string Once = "Once";

    /// <summary>
    /// Runs again on a driver whose commands complete some calls later, as a card's do (<see cref="LateGl"/>): what is enqueued and asked for later. All tests
    /// pass there; <c>Tests/run --nightly</c> runs them all.
    /// </summary>
    public const string Late = "Late";

    /// <summary>
    /// Runs on the processor alone: what is about checks, files and learning, where OpenGL adds nothing but time, and where the fast device tells the same sooner.
    /// </summary>
    public const string OnProcessor = "OnProcessor";

    /// <summary>
    /// Runs again for each kernel family that Tests/run names, and on the processor: kernels, networks, trainers, populations and agents. With
    /// <see cref="Once"/> too, on the processor alone.
    /// </summary>
    public const string EveryFamily = "EveryFamily";
}
