using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Makes contexts by hand where the driver allows it: Mesa's surfaceless platform stands for the host.</summary>
internal static class TestGls
{
    public static TestGl Create()
    {
        RequireMesa();
        return new TestGl();
    }

    public static void RequireMesa()
    {
        if (!TestDevice.Plain.Version.Contains("Mesa", StringComparison.Ordinal))
            Assert.Inconclusive($"This test needs Mesa's driver, not {TestDevice.Plain.Renderer}.");
    }
}
