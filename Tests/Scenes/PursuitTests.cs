using NeuralPlugin.Samples;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The promise of the pursuit: the brain steers like the player in states that neither has seen. Without pictures.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class PursuitTests
{
    [Test]
    public void TheBrainSteersAsThePlayerDoes([Values(1, 2, 3)] int seed)
    {
        using PursuitTrial trial = Run(seed, PursuitCommand.DefaultFrames, PursuitCommand.DefaultBudget);
        Report(seed, trial);
        Assert.That(trial.BalancedAccuracy, Is.GreaterThanOrEqualTo(0.9));
        Assert.That(trial.LargestShare, Is.LessThanOrEqualTo(0.5), "of what the player has shown");
        Assert.That(trial.LargestUnseenShare, Is.LessThanOrEqualTo(0.5), "of the unseen states");
        Assert.That(trial.Recalls, Is.All.GreaterThan(0.75));
        Assert.That(trial.Progress.TrainingSteps, Is.EqualTo(2400));
    }

    /// <summary>Its knowledge is learned: a brain that does not learn is right only by chance.</summary>
    [Test]
    public void WithoutTrainingTheBrainKnowsNothing()
    {
        using PursuitTrial trial = Run(seed: 1, frames: 60, TrainingBudget.Off);
        Assert.That(trial.Progress.TrainingSteps, Is.Zero);
        Assert.That(trial.BalancedAccuracy, Is.LessThan(0.6));
    }

    [Test]
    public void TheSameSeedIsTheSameRun()
    {
        using PursuitTrial first = Run(seed: 7, frames: 60, PursuitCommand.DefaultBudget);
        using PursuitTrial second = Run(seed: 7, frames: 60, PursuitCommand.DefaultBudget);
        using PursuitTrial other = Run(seed: 8, frames: 60, PursuitCommand.DefaultBudget);
        Assert.That(second.World.Pursuers.ToArray(), Is.EqualTo(first.World.Pursuers.ToArray()));
        Assert.That(second.Recalls, Is.EqualTo(first.Recalls));
        Assert.That(other.World.Pursuers.ToArray(), Is.Not.EqualTo(first.World.Pursuers.ToArray()));
    }

    /// <summary>The four rules of the script, each in the middle of its range. The observations: ahead, to the right, distance, speed.</summary>
    [TestCase(new[] { -0.8f, 0.6f, 0.9f, 0.9f }, PursuitWorld.Brake, TestName = "Fast, and the quarry is behind")]
    [TestCase(new[] { -0.8f, 0.6f, 0.9f, 0.2f }, PursuitWorld.Right, TestName = "Slow, and the quarry is behind to the right")]
    [TestCase(new[] { 0.8f, -0.6f, 0.9f, 0.9f }, PursuitWorld.Left, TestName = "The quarry is to the left")]
    [TestCase(new[] { 1f, 0f, 0.9f, 0.9f }, PursuitWorld.Straight, TestName = "The quarry is ahead and far")]
    [TestCase(new[] { 1f, 0f, 0.1f, 0.9f }, PursuitWorld.Brake, TestName = "The quarry is ahead and near, and it is fast")]
    [TestCase(new[] { 1f, 0f, 0.1f, 0.1f }, PursuitWorld.Straight, TestName = "The quarry is ahead and near, and it is slow")]
    public void TheScriptSteers(float[] seen, int action) => Assert.That(PursuitWorld.Script(seen), Is.EqualTo(action));

    private static PursuitTrial Run(int seed, int frames, TrainingBudget budget)
    {
        PursuitTrial trial = new(TestDevice.Plain, seed, budget);
        for (int frame = 0; frame < frames; frame++) trial.Step();
        return trial;
    }

    private static void Report(int seed, PursuitTrial trial)
    {
        TestContext.Out.WriteLine(
            $"seed {seed}: balanced accuracy {trial.BalancedAccuracy:P1}, largest share {trial.LargestShare:P1} of what was shown, {trial.LargestUnseenShare:P1} of the unseen");
    }
}
