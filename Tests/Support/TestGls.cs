namespace NeuralPlugin.Tests;

/// <summary>Makes contexts that stand in for the host's, on the driver of <see cref="TestDevice.Plain"/>.</summary>
internal static class TestGls
{
    public static TestGl Create()
    {
        RequireDriver();
        return new TestGl();
    }

    /// <summary>Makes the driver's context current, so that others come from the same driver; inconclusive if there is none.</summary>
    public static void RequireDriver()
    {
        TestDevice.RequireOpenGL();
        _ = TestDevice.Plain;
    }
}
