using NUnit.Framework;

// One OpenGL context is shared by all tests, and it is current on one thread.
[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]

namespace NeuralPlugin.Tests;

/// <summary>
/// The device that tests share: a context without a window; one whose commands complete late, as a card's do, where the environment says so
/// (NEURALPLUGIN_TEST_GL=late, <see cref="LateGl"/>); or the processor (NEURALPLUGIN_TEST_DEVICE=processor, or background for one with a thread of its
/// own; background-opengl for a context on a thread of its own). Where the machine has no driver a test is inconclusive; where the environment says that one must be there (NEURALPLUGIN_REQUIRE_GPU=1, as in
/// CI) it fails.
/// </summary>
internal static class TestDevice
{
    private const string ContextInBackground = "background-opengl";

    private static NeuralDevice? plain;

    /// <summary>It becomes current on this thread.</summary>
    public static NeuralDevice Plain
    {
        get
        {
            plain ??= Create();
            plain.MakeCurrent();
            return plain;
        }
    }

    /// <summary>Whether it works on a thread of its own, so that nothing is there in the call that asked for it.</summary>
    public static bool IsInBackground => Chosen is "background" or ContextInBackground;

    private static string? Chosen => Environment.GetEnvironmentVariable("NEURALPLUGIN_TEST_DEVICE");

    private static bool IsProcessor => Chosen is "processor" or "background";

    /// <summary>Whether what is enqueued is to be done some calls later: <c>late</c>.</summary>
    public static bool IsLate => Environment.GetEnvironmentVariable("NEURALPLUGIN_TEST_GL") == "late";

    /// <summary>The kernel families that such a device can run, known without one.</summary>
    public static IReadOnlyList<KernelFamily> Families =>
        [.. KernelFamily.All.Where(family => family.RunsOn(DeviceLimits.WithoutDevice with { RunsMethods = IsProcessor }))];

    /// <summary>
    /// Between two frames of a test that takes for granted that the work of one is done in the next: a device that is late or has a thread of its own is waited for.
    /// </summary>
    public static void EndFrame(NeuralDevice? device = null)
    {
        if (IsInBackground || IsLate) (device ?? Plain).Finish();
    }

    /// <summary>A frame of agents whose answers are to be there in the next one.</summary>
    public static void Frame(AgentPopulation agents)
    {
        agents.Update();
        EndFrame(agents.Device);
    }

    /// <summary>For what is OpenGL's alone, on the thread of the calls: textures of a game, options of a driver.</summary>
    public static void RequireOpenGL()
    {
        if (Chosen == ContextInBackground) Assert.Ignore("The context of this run is in the background, and shares nothing with a game.");
        if (IsProcessor) Assert.Ignore("The device of this run is the processor, which has no OpenGL.");
    }

    /// <summary>For what one family does in its own way, such as how many matrices its kernels bind.</summary>
    public static void RequireFamily(KernelFamily family)
    {
        if (KernelFamily.Of(Plain) != family) Assert.Ignore($"The kernels of this run are not those of {family.Name}.");
    }

    public static NeuralDevice Create(HeadlessOptions? options = null)
    {
        if (IsProcessor && options is null) return NeuralDevice.CreateOnProcessor(new ProcessorOptions { Background = IsInBackground });
        try
        {
            HeadlessOptions? chosen = IsLate ? (options ?? new HeadlessOptions()) with { Functions = LateGl.Over } : options;
            return Chosen == ContextInBackground ? NeuralDevice.CreateInBackground(chosen) : NeuralDevice.CreateHeadless(chosen);
        }
        catch (DeviceNotSupportedException exception) when (Environment.GetEnvironmentVariable("NEURALPLUGIN_REQUIRE_GPU") != "1")
        {
            Assert.Inconclusive($"This machine has no OpenGL 4.3 driver: {exception.Message}");
            throw;
        }
    }
}
