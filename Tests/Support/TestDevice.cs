using NUnit.Framework;

// One OpenGL context is shared by all tests, and it is current on one thread.
[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]

namespace NeuralPlugin.Tests;

/// <summary>
/// The devices that tests share. Where the machine has no driver a test is inconclusive; where the environment says that one
/// must be there (NEURALPLUGIN_REQUIRE_GPU=1, as in CI) it fails.
/// </summary>
internal static class TestDevice
{
    /// <summary>Rows after which the folding device folds: small, so that tests at odd sizes cross several blocks.</summary>
    public const int SmallFoldHeight = 8;

    private static NeuralDevice? plain;
    private static NeuralDevice? folding;

    public static NeuralDevice Plain => Current(ref plain, new HeadlessOptions());

    /// <summary>A device on which every matrix of more than eight rows is folded.</summary>
    public static NeuralDevice Folding => Current(ref folding, new HeadlessOptions { FoldHeight = SmallFoldHeight });

    public static NeuralDevice Get(bool folded) => folded ? Folding : Plain;

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

    private static NeuralDevice Current(ref NeuralDevice? device, HeadlessOptions options)
    {
        device ??= Create(options);
        device.MakeCurrent();
        return device;
    }
}
