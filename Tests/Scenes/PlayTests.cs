using NeuralPlugin.Samples;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The promise of the race: the ghost drives alone as the player did, and can be saved. Without pictures.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class PlayTests
{
    private const int Shown = 1_400;
    private const int Alone = 600;

    private static readonly TrainingBudget FourSteps = TrainingBudget.OfSteps(4);

    [Test]
    public void TheGhostDrivesAloneAsItWasShown([Values(1, 2, 3)] int seed)
    {
        using PlayTrial trial = Run(seed, Shown, FourSteps);
        double predicted = trial.Agreement.Value;
        trial.HandOver();
        long learned = trial.Progress.TrainingSteps;
        Run(trial, Alone);
        TestContext.Out.WriteLine(
            $"seed {seed}: {predicted:P0} of the keys, {trial.GhostOnRoad.Value:P0} on the road, at {trial.GhostOffset.Value:F2} where the player was at {trial.PlayerOffset.Value:F2}, {trial.LapsAlone:F2} laps");
        Assert.That(predicted, Is.GreaterThan(0.6), "four actions, so a quarter is chance");
        Assert.That(trial.GhostOnRoad.Value, Is.GreaterThan(0.95));
        Assert.That(trial.LapsAlone, Is.GreaterThan(0.7));
        Assert.That(trial.GhostOffset.Value, Is.EqualTo(trial.PlayerOffset.Value).Within(0.2).And.GreaterThan(0.2), "the right half of the road is the player's habit");
        Assert.That(trial.Progress.TrainingSteps, Is.EqualTo(learned), "the ghost alone learns nothing");
    }

    /// <summary>Its behavior is learned.</summary>
    [Test]
    public void WithoutTrainingTheGhostLeavesTheRoad()
    {
        using PlayTrial trial = Run(seed: 1, Alone, TrainingBudget.Off);
        Assert.That(trial.GhostOnRoad.Value, Is.LessThan(0.6));
    }

    [Test]
    public async Task AGhostIsKeptForTheNextRun()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory().FullName, "ghost.safetensors");
        try
        {
            using PlayTrial trial = Run(seed: 1, Shown, FourSteps);
            trial.HandOver();
            Task saving = trial.SaveAsync(file);
            while (!saving.IsCompleted) trial.Step();
            await saving;

            using PlayTrial next = Run(seed: 5, frames: 0, TrainingBudget.Off);
            next.Load(file);
            next.HandOver();
            Run(next, Alone);
            Assert.That(next.GhostOnRoad.Value, Is.GreaterThan(0.95));
            Assert.That(next.Brain().HiddenWeights, Is.EqualTo(trial.Brain().HiddenWeights));
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }

    [Test]
    public void ThePlayerTakesOverAgain()
    {
        using PlayTrial trial = Run(seed: 1, frames: 20, FourSteps);
        trial.HandOver();
        Run(trial, 20);
        trial.HandOver();
        long before = trial.Progress.TrainingSteps;
        Run(trial, 200);
        Assert.That(trial.IsGhostAlone, Is.False);
        Assert.That(trial.Progress.TrainingSteps, Is.GreaterThan(before));
    }

    [Test]
    public void AFileThatIsNoGhostIsSaid()
    {
        using PlayTrial trial = Run(seed: 1, frames: 0, TrainingBudget.Off);
        Assert.That(() => trial.Load("no such file"), Throws.TypeOf<UserErrorException>().With.Message.Contains("no such file"));
    }

    [Test]
    public void AKeyScriptPressesAndReleases()
    {
        KeyScript script = KeyScript.Parse(["# turns", "0 left down", "", "2 LEFT up", "2 brake down"], "keys");
        List<string> pressed = [];
        for (int frame = 0; frame < 4; frame++)
        {
            script.NextFrame();
            pressed.Add(string.Join('+', Enum.GetValues<SceneKey>().Where(script.IsDown)));
        }

        Assert.That(pressed, Is.EqualTo(new[] { "Left", "Left", "Brake", "Brake" }));
    }

    [TestCase("left down")]
    [TestCase("1 left down", "0 left up")]
    [TestCase("0 sideways down")]
    [TestCase("0 left pressed")]
    [TestCase("-1 left down")]
    [TestCase("0 1 down")]
    public void ALineThatIsNoChangeIsSaidWithItsNumber(params string[] lines) =>
        Assert.That(() => KeyScript.Parse(lines, "keys"), Throws.TypeOf<UserErrorException>().With.Message.Contains($"keys, line {lines.Length}").And.Message.Contains(lines[^1]));

    private static PlayTrial Run(int seed, int frames, TrainingBudget budget)
    {
        RaceWorld world = new(cars: 2, seed);
        ScriptedDriver driver = new(world, int.MaxValue);
        PlayTrial trial = new(TestDevice.Plain, seed, budget, world, () => PlayScene.ActionOf(driver));
        for (int frame = 0; frame < frames; frame++)
        {
            driver.NextFrame();
            trial.Step();
        }

        return trial;
    }

    private static void Run(PlayTrial trial, int frames)
    {
        for (int frame = 0; frame < frames; frame++) trial.Step();
    }
}
