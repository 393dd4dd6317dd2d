using NUnit.Framework;

// One OpenGL context is shared by all tests, and is current on one thread.
[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]

namespace NeuralPlugin.Tests;

/// <summary>
/// The device that tests share: a context without a window; one whose commands complete late, as a card's do, if the environment says so
/// (NEURALPLUGIN_TEST_GL=late, <see cref="LateGl"/>); or the processor (NEURALPLUGIN_TEST_DEVICE=processor, or background for one with a thread of its
/// own; background-opengl for a context on a thread of its own). If the machine has no driver, a test is inconclusive; if the environment requires
/// one (NEURALPLUGIN_REQUIRE_GPU=1, as in CI), it fails.
/// </summary>
internal static class TestDevice
{
    private const string ContextInBackground = "background-opengl";

    private static NeuralDevice? plain;

    /// <summary>The shared device; becomes current on this thread.</summary>
    public static NeuralDevice Plain
    {
        get
        {
            plain ??= Create();
            plain.MakeCurrent();
            return plain;
        }
    }

    /// <summary>Whether it works on a thread of its own, so that no result is available in the call that requested it.</summary>
    public static bool IsInBackground => Chosen is "background" or ContextInBackground;

    private static string? Chosen => Environment.GetEnvironmentVariable("NEURALPLUGIN_TEST_DEVICE");

    private static bool IsProcessor => Chosen is "processor" or "background";

    /// <summary>Whether enqueued work is to be done some calls later: <c>late</c>.</summary>
    public static bool IsLate => Environment.GetEnvironmentVariable("NEURALPLUGIN_TEST_GL") == "late";

    /// <summary>The kernel families that such a device can run, known without one.</summary>
    public static IReadOnlyList<KernelFamily> Families =>
        [.. KernelFamily.All.Where(family => family.RunsOn(DeviceLimits.WithoutDevice with { RunsMethods = IsProcessor }))];

    /// <summary>The memory of a device without what earlier tests left to the finalizers.</summary>
    public static DeviceMemory MemoryInUse(NeuralDevice device)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        device.Update();
        return device.Memory;
    }

    /// <summary>
    /// Call between two frames of a test that assumes that the work of one is done in the next: waits for a device that is late, as each card is, or has a thread of its own.
    /// </summary>
    public static void EndFrame(NeuralDevice? device = null)
    {
        device ??= Plain;
        if (IsInBackground || IsLate || !device.IsSoftware) device.Finish();
    }

    /// <summary>A frame of agents whose answers must arrive in the next one.</summary>
    public static void Frame(AgentPopulation agents)
    {
        agents.Update();
        EndFrame(agents.Device);
    }

    /// <summary>For features of OpenGL alone, on the thread of the calls: textures of a game, options of a driver.</summary>
    public static void RequireOpenGL()
    {
        if (Chosen == ContextInBackground) Assert.Ignore("The context of this run is in the background, and shares nothing with a game.");
        if (IsProcessor) Assert.Ignore("The device of this run is the processor, which has no OpenGL.");
    }

    /// <summary>For details of one family, such as how many matrices its kernels bind.</summary>
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
