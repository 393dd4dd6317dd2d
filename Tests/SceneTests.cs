using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using NeuralPlugin.Samples;
using NUnit.Framework;
using SkiaSharp;
using Spectre.Console;

namespace NeuralPlugin.Tests;

/// <summary>The scenes, as Samples/run runs them, without a window.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class SceneTests
{
    private string folder = "";

    private static string[] Scenes => ["boundary", "arena", "pursuit", "play", "digits"];

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    [TestCaseSource(nameof(Scenes))]
    public void ASceneIsDrawnAndItsSeedShowsTheSameRun(string scene)
    {
        string[] options = [scene, "--frames", "6", "--budget-steps", "2", "--seed", "3", "--every", "3", "--out", folder];
        string first = Run(options), second = Run(options);
        Assert.That(Figures(second), Is.EqualTo(Figures(first)).And.Not.Empty);
        string[] pictures = [.. Directory.EnumerateFiles(folder, "*.png").Order()];
        Assert.That(pictures.Select(Path.GetFileName), Is.EqualTo(new[] { $"{scene}-00003.png", $"{scene}-00006.png" }));
        foreach (string picture in pictures) Assert.That(Colors(picture), Is.GreaterThan(50), picture);
        Assert.That(new FileInfo(Path.Combine(folder, $"{scene}.apng")).Length, Is.GreaterThan(10_000));
    }

    /// <summary>The picture has the network's box, and the run is the same.</summary>
    [TestCase("arena")]
    [TestCase("pursuit")]
    [TestCase("boundary")]
    [TestCase("digits")]
    public void AClickShowsANetwork(string scene)
    {
        string[] options = [scene, "--frames", "6", "--budget-steps", "2", "--every", "6", "--device", "processor", "--out", folder];
        string plain = Run(options);
        byte[] before = File.ReadAllBytes(Path.Combine(folder, $"{scene}-00006.png"));
        string clicked = Run([.. options, "--click", "300,250"]);
        Assert.That(Figures(clicked), Is.EqualTo(Figures(plain)));
        Assert.That(File.ReadAllBytes(Path.Combine(folder, $"{scene}-00006.png")), Is.Not.EqualTo(before));
    }

    /// <summary>Also while the race is paused and just before it ends; and the next run continues with it, by an option or by a key.</summary>
    [TestCase("processor")]
    [TestCase("opengl", Category = Categories.Nightly)]
    public void AKeySavesTheGhostAndAnotherLoadsIt(string device)
    {
        string keys = Path.Combine(folder, "keys"), ghost = Path.Combine(folder, "ghost.safetensors");
        string[] options = ["play", "--device", device, "--seed", "3", "--every", "8", "--out", folder, "--keys", keys];
        File.WriteAllLines(keys, ["3 pause down", "4 pause up", "6 save down"]);
        Run([.. options, "--frames", "7", "--budget-steps", "2"]);
        Assert.That(File.Exists(ghost));

        File.WriteAllLines(keys, ["0 right down"]);
        string[] untrained = [.. options, "--frames", "120", "--hand-over", "1", "--budget-steps", "0"];
        string fresh = Run(untrained), loaded = Run([.. untrained, "--ghost", ghost]);
        File.WriteAllLines(keys, ["0 right down", "0 load down"]);
        string loadedByKey = Run(untrained);
        Assert.That(Figures(loaded), Is.Not.EqualTo(Figures(fresh)));
        Assert.That(Figures(loadedByKey), Is.EqualTo(Figures(loaded)));
    }

    [TestCaseSource(nameof(Scenes))]
    public void ASceneRunsWithoutTraining(string scene)
    {
        Assert.That(Steps(Run(scene, "--frames", "3", "--budget-steps", "0", "--out", folder)), Is.Zero);
        Assert.That(Steps(Run(scene, "--frames", "3", "--budget-ms", "0", "--out", folder)), Is.Zero);
    }

    /// <summary>A hundred times the budget gives more steps, except in the arena, whose steps are limited by its creatures' decisions.</summary>
    [TestCaseSource(nameof(Scenes))]
    public void ASceneTrainsWithinATime(string scene)
    {
        string frames = scene == "arena" ? "100" : "25";
        string little = Run(scene, "--frames", frames, "--budget-ms", "0.2", "--every", frames, "--out", folder);
        string much = Run(scene, "--frames", frames, "--budget-ms", "20", "--every", frames, "--out", folder);
        Assert.That(little, Does.Contain("0.2 ms a frame"));
        Assert.That(much, Does.Contain("20 ms a frame"));
        Assert.That(Steps(much), Is.GreaterThan(scene == "arena" ? 0 : Steps(little)));
    }

    [TestCaseSource(nameof(Scenes))]
    public void ASceneLearnsOnTheProcessorAndNamesItInItsFirstLine(string scene)
    {
        string[] options = [scene, "--frames", "6", "--budget-steps", "2", "--seed", "3", "--every", "6", "--device", "processor", "--out", folder];
        string first = Run(options), second = Run(options);
        Assert.That(first.Split('\n')[0], Does.Contain("on the processor"));
        Assert.That(Figures(second), Is.EqualTo(Figures(first)).And.Not.Empty);
        Assert.That(Colors(Path.Combine(folder, $"{scene}-00006.png")), Is.GreaterThan(50));
    }

    [Test]
    public void DigitsAreLearnedAsWellOnTheProcessor()
    {
        string[] options = ["digits", "--epochs", "4", "--out", folder];
        string onProcessor = Run([.. options, "--device", "processor"]), onOpenGL = Run(options);
        Assert.That(onProcessor.Split('\n')[0], Does.Contain("the processor"));
        Assert.That(Accuracy(onProcessor), Is.GreaterThan(93).And.EqualTo(Accuracy(onOpenGL)).Within(0.5));

        static double Accuracy(string output) => double.Parse(TestAccuracy().Matches(output)[^1].Groups["percent"].Value, CultureInfo.InvariantCulture);
    }

    [Test]
    public void TheBenchmarkHasARowForEachSceneAndCase()
    {
        string output = Run("benchmark", "--frames", "2", "--out", folder);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "benchmark.json")));
        JsonElement[] rows = [.. json.RootElement.EnumerateArray()];
        Assert.That(rows.Select(row => row.GetProperty("Scene").GetString()), Is.EquivalentTo(Scenes.Concat(Scenes)));
        Assert.That(rows.Select(row => row.GetProperty("FrameMedian").GetDouble()), Has.All.Positive);
        foreach (string scene in Scenes) Assert.That(output.Split('\n').Count(line => line.StartsWith(scene, StringComparison.Ordinal)), Is.EqualTo(2));
    }

    [Test]
    public void TheBudgetHasATableAndAPicture()
    {
        (int code, string output) = Execute("budget", "--frames", "60", "--rounds", "1", "--check", "--out", folder);
        Assert.That(output.Split('\n').Count(line => line.Contains("ms  ", StringComparison.Ordinal) && line.Contains("within", StringComparison.Ordinal) is false), Is.GreaterThanOrEqualTo(3));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "budget.json")));
        JsonElement[] cases = [.. json.RootElement.EnumerateArray()];
        Assert.That(cases, Has.Length.EqualTo(4));
        Assert.That(cases[3].GetProperty("stepsPerSecond").GetDouble(), Is.Positive);
        Assert.That(cases[3].GetProperty("medianOfBudget").GetDouble(), Is.InRange(0.3, 3));
        Assert.That(Colors(Path.Combine(folder, "budget.png")), Is.GreaterThan(20));
        string[] checks = [.. output.Split('\n').Where(line => line.StartsWith("held", StringComparison.Ordinal) || line.StartsWith("NOT HELD", StringComparison.Ordinal))];
        Assert.That(checks, Has.Length.EqualTo(4), output);
        Assert.That(code, Is.EqualTo(checks.All(line => line.StartsWith("held", StringComparison.Ordinal)) ? ExitCode.Success : ExitCode.Failure));
    }

    [Test]
    public void APictureOfTheGalleryIsThatOfItsCommand()
    {
        string output = Run("gallery", "--only", "pursuit", "--out", folder);
        Assert.That(output, Does.StartWith("pursuit.png: Samples/run pursuit "));
        Assert.That(Colors(Path.Combine(folder, "pursuit.png")), Is.GreaterThan(50));
    }

    [Test]
    public void EveryKernelIsVerified([Values(DeviceOption.OpenGL, DeviceOption.Processor)] string device)
    {
        Assert.That(Run("verify", "--device", device), Does.Contain("dense_forward.comp").And.Contain("population").And.Not.Contain("WRONG"));
    }

    /// <summary>Its rows appear one by one; what a driver said of a kernel follows the first row of it.</summary>
    [Test]
    public void WhatIsWrongOrRejectedStandsInItsRow()
    {
        KernelCheck[] checks =
        [
            new("shared", "a.comp", "a step", 1e-6), new("shared", "b.comp", "a step", 0.5),
            new("tiled", "c.comp", "a step", double.PositiveInfinity) { Rejection = "The driver rejected it:\n0:1: no\n" },
            new("tiled", "c.comp", "a prediction", double.PositiveInfinity) { Rejection = "The driver rejected it:\n0:1: no\n" },
            new("tiled", "d.comp", "a step, tuned: 8", double.PositiveInfinity) { Rejection = "Too large.", IsUsed = false },
        ];
        using StringWriter output = new() { NewLine = "\n" };
        NeuralPlugin.Samples.KernelTable table = new(output);
        List<int> lines = [];
        foreach (KernelCheck check in checks)
        {
            table.Add(check);
            lines.Add(output.ToString().Count(character => character == '\n'));
        }

        table.End(checks);
        Assert.That(lines, Is.EqualTo(new[] { 2, 3, 6, 7, 9 }));
        Assert.That(output.ToString().Split('\n')[1..^2], Is.EqualTo(new[]
        {
            "shared           a.comp                                1.0E-006   a step",
            "shared           b.comp                                5.0E-001   a step: WRONG",
            "tiled            c.comp                                rejected   a step: REJECTED",
            "    The driver rejected it:",
            "    0:1: no",
            "tiled            c.comp                                rejected   a prediction: REJECTED",
            "tiled            d.comp                                rejected   a step, tuned: 8: not used, since only a tuning chooses it",
            "    Too large.",
        }));
        Assert.That(output.ToString().Split('\n')[^2], Does.Match("^1 of 5 kernels are right; errors of up to 2E-005 are allowed; 1 that the driver rejected are not used; [0-9]+ ms$"));
    }

    [Test]
    public void AFewSecondsOfEverythingAtOnceHaveNoError()
    {
        Assert.That(Execute("soak", "--minutes", "0.05").Output, Does.Contain("no OpenGL error"));   // too short to show whether memory stays constant
    }

    private static string Run(params string[] arguments)
    {
        (int code, string output) = Execute(arguments);
        Assert.That(code, Is.EqualTo(ExitCode.Success), output);
        return output;
    }

    private static (int Code, string Output) Execute(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        int code = NeuralPlugin.Samples.Program.Run(arguments, console, error, CancellationToken.None);
        Assert.That(error.ToString(), Is.Empty);
        return (code, output.ToString());
    }

    /// <summary>The number of training steps that a scene reports.</summary>
    private static int Steps(string output)
    {
        Match said = StepsInFrames().Match(output);
        Assert.That(said.Success, output);
        return int.Parse(said.Groups["steps"].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }

    /// <summary>The lines that depend only on the seed.</summary>
    private static string[] Figures(string output)
    {
        return [.. output.Split('\n').Where(line => line.Contains(": ", StringComparison.Ordinal) && !line.Contains("time", StringComparison.Ordinal))];
    }

    private static int Colors(string picture)
    {
        using SKBitmap bitmap = SKBitmap.Decode(picture);
        return bitmap.Pixels.Distinct().Count();
    }

    [GeneratedRegex(@"test accuracy +(?<percent>[\d.]+) %")]
    private static partial Regex TestAccuracy();

    [GeneratedRegex(@"\b(?<steps>[\d,]+) steps in [\d,]+ frames")]
    private static partial Regex StepsInFrames();
}
