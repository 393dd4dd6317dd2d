namespace NeuralPlugin.Tests;

/// <summary>
/// The categories by which Tests/run selects tests. It runs the tests several times, in different environments, and a test's categories say
/// in which runs its result is of interest; a test without a category runs with each OpenGL version.
/// <para>
/// Most of the time of a run on a fresh machine is the software driver's, which compiles a new variant of a kernel in a fifth of a second, and the step of a
/// population with a composed loss in up to ten. Tests that share shapes, losses and optimizers share variants; further ones are for <see cref="OnProcessor"/>
/// or <see cref="Nightly"/>, which a single test case may have.
/// </para>
/// </summary>
internal static class Categories
{
    /// <summary>
    /// The long form of a test whose short form always runs: <c>Tests/run --nightly</c> runs both. The short one finds breakage at
    /// once; the long one finds bugs that need many cases or much time to show.
    /// </summary>
    public const string Nightly = "Nightly";

    /// <summary>
    /// Runs only with the driver's own OpenGL version: tests that do not touch OpenGL or start it in a process of its own, tests that count
    /// managed bytes, and complete scenes, whose parts have tests of their own.
    /// </summary>
    public const string Once = "Once";

    /// <summary>
    /// Of the tests with <see cref="Once"/>, those whose outcome a graphics card can change: they also run where there is one (<see cref="StandaloneRun"/>). They need neither the sources nor Mesa's driver.
    /// </summary>
    public const string Card = "Card";

    /// <summary>
    /// Compares elapsed times that depend on how busy the machine is: of the tests with <see cref="Once"/>, those that run while no others do.
    /// </summary>
    public const string Timed = "Timed";

    /// <summary>
    /// Runs again on a driver whose commands complete some calls later, as a card's do (<see cref="LateGl"/>): tests of work that is enqueued and polled later. All
    /// tests pass there; <c>Tests/run --nightly</c> runs them all.
    /// </summary>
    public const string Late = "Late";

    /// <summary>
    /// Runs on the processor alone: tests of checks, files and learning, for which OpenGL adds only time and the fast device gives the same result sooner.
    /// </summary>
    public const string OnProcessor = "OnProcessor";

    /// <summary>
    /// Runs again for each kernel family that Tests/run names, and on the processor: tests of kernels, networks, trainers, populations and agents. A plain run
    /// leaves out of further families and of the oldest OpenGL those of what agents see, and do around their decisions, and those of whether they learn a task. With
    /// <see cref="Once"/> too, on the processor alone, unless Tests/run names the fixture for a device with a thread of its own.
    /// </summary>
    public const string EveryFamily = "EveryFamily";
}
