namespace NeuralPlugin.Cluster.Tests;

/// <summary>The categories by which Tests/run chooses tests of the cluster.</summary>
internal static class Categories
{
    /// <summary>The long form of a test, which <c>Tests/run --nightly</c> runs too.</summary>
    public const string Nightly = "Nightly";
}
