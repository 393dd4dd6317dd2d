using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Thousands of corrupted files, which produce every rejection. A million: dotnet run -c Release --project Tests -- fuzz 1000000.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class FuzzTests
{
    private const int Inputs = 20_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Every message of the IDX reader.</summary>
    private static readonly string[] IdxProblems =
    [
        "is not a regular file", "gzip stream is incomplete", "pixels are accepted", "begins with the magic number", "has a header of",
        "contains no images", "contains no labels", "bytes are accepted", "but only # follow", "continues after its end",
    ];

    [Test]
    public void EveryReaderRefusesSpoiledFilesInItsOwnWordsAlone()
    {
        using Fuzzing fuzzing = new(seed: 1);
        Assert.That(Task.Run(() => fuzzing.Run(Inputs)).Wait(Patience), "no reader hangs");
        Assert.That(fuzzing.Findings, Is.Empty);
        Assert.That(fuzzing.Accepted, Is.GreaterThan(Inputs / 100), "some are still right");
        FileDefect[] others = [.. DemonstrationTests.Defects, FileDefect.WrongRow];   // these have tests of their own
        Assert.That(fuzzing.Defects.Keys.Except(others), Is.EquivalentTo(Enum.GetValues<FileDefect>().Except(others)), "every rejection is met");
        foreach (string problem in IdxProblems) Assert.That(fuzzing.IdxProblems.Keys, Has.Some.Contains(problem));
        Assert.That(fuzzing.IdxProblems.Keys.Where(met => !IdxProblems.Any(met.Contains)), Is.Empty, "no message that is not listed");
    }
}
