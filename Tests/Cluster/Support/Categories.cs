namespace NeuralPlugin.Cluster.Tests;

/// <summary>What Tests/run chooses tests of the cluster by.</summary>
internal static class Categories
{
    /// <summary>The long form of a test, which <c>Tests/run --nightly</c> runs too.</summary>
    public const string Nightly = "Nightly";
}
