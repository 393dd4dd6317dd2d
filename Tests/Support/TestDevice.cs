using NUnit.Framework;

// One OpenGL context is shared by all tests, and it is current on one thread.
[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]

namespace NeuralPlugin.Tests;

/// <summary>
/// The device that tests share. Where the machine has no driver a test is inconclusive; where the environment says that one
/// must be there (NEURALPLUGIN_REQUIRE_GPU=1, as in CI) it fails.
/// </summary>
internal static class TestDevice
{
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

    public static NeuralDevice Create(HeadlessOptions? options = null)
    {
        try
        {
            return NeuralDevice.CreateHeadless(options);
        }
        catch (DeviceNotSupportedException exception) when (Environment.GetEnvironmentVariable("NEURALPLUGIN_REQUIRE_GPU") != "1")
        {
            Assert.Inconclusive($"This machine has no OpenGL 4.3 driver: {exception.Message}");
            throw;
        }
    }
}
