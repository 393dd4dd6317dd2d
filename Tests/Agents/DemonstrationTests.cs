using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Demonstrations without a device: adding, merging, writing and reading them, and rejected input.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class DemonstrationTests
{
    private const int Observations = 3;
    private const int Actions = 4;

    /// <summary>Defects that only a demonstration's file can have; all three are covered below.</summary>
    public static readonly FileDefect[] Defects = [FileDefect.NotAFlag, FileDefect.NotAnAction, FileDefect.ActionMasked];

    public static Demonstration Make(int count, int seed)
    {
        Demonstration made = new(Observations, Actions);
        float[] values = TwinArrays.UniformFloats(seed, count * Observations, -100, 100);
        SeededRandom random = new((ulong)seed);
        bool[] allowed = new bool[Actions];
        for (int i = 0; i < count; i++)
        {
            if (i % 3 == 2) made.BeginEpisode();   // the first two are of no known one
            int action = random.NextInt32(Actions);
            for (int k = 0; k < Actions; k++) allowed[k] = k == action || random.NextInt32(2) == 0;
            made.Add(values.AsSpan(i * Observations, Observations), action, i % 5 == 0 ? default : allowed);
        }

        return made;
    }

    public static void AssertSame(Demonstration actual, Demonstration expected, int from = 0, int? count = null)
    {
        for (int i = 0; i < (count ?? expected.Count); i++)
        {
            Assert.That(actual.Observation(from + i).ToArray(), Is.EqualTo(expected.Observation(i).ToArray()));
            Assert.That(actual.Action(from + i), Is.EqualTo(expected.Action(i)));
            Assert.That(actual.Episode(from + i) < 0, Is.EqualTo(expected.Episode(i) < 0));
            Assert.That(actual.AllowedActions(from + i).ToArray(), Is.EqualTo(expected.AllowedActions(i).ToArray()));
        }
    }

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(785)]
    public void WhatIsLoadedIsWhatWasSaved(int count)
    {
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Path.GetRandomFileName()}.safetensors");
        try
        {
            Demonstration made = Make(count, seed: 4);
            made.Save(path);
            made.Save(path);   // over the old one
            Demonstration loaded = Demonstration.Load(path);
            Assert.That((loaded.Count, loaded.ObservationCount, loaded.ActionCount), Is.EqualTo((count, Observations, Actions)));
            AssertSame(loaded, made);
            loaded.Add([1, 2, 3], 2);
            Assert.That(loaded.Action(count), Is.EqualTo(2), "it grows on");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void MergedTheyStandBehindEachOther()
    {
        Demonstration first = Make(9, seed: 1), second = Make(7, seed: 2), merged = new(Observations, Actions);
        merged.Merge(first);
        merged.Merge(second);
        Assert.That(merged.Count, Is.EqualTo(16));
        AssertSame(merged, first);
        AssertSame(merged, second, from: 9);
        merged.Merge(merged);
        Assert.That(merged.Count, Is.EqualTo(32));
        AssertSame(merged, first, from: 16);
        AssertSame(merged, second, from: 25);
        Assert.That(merged.CountActions().Sum(), Is.EqualTo(32));
        Assert.That(merged.CountActions()[1], Is.EqualTo(Enumerable.Range(0, 32).Count(i => merged.Action(i) == 1)));
    }

    [Test]
    public void WhatDoesNotFitIsRefusedAndNothingIsAdded()
    {
        Demonstration made = Make(2, seed: 3);
        Assert.That(() => made.Add([1, 2], 0), Throws.ArgumentException.With.Message.Contains("3 values"));
        Assert.That(() => made.Add([1, 2, float.NaN], 0), Throws.TypeOf<NonFiniteValueException>());
        Assert.That(() => made.Add([1, 2, 3], 4), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("0 to 3"));
        Assert.That(() => made.Add([1, 2, 3], -1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => made.Add([1, 2, 3], 1, [true, false, true, true]), Throws.ArgumentException.With.Message.Contains("not among the allowed ones"));
        Assert.That(() => made.Add([1, 2, 3], 1, [true]), Throws.ArgumentException.With.Message.Contains("4 values"));
        Assert.That(() => made.Merge(new Demonstration(2, Actions)), Throws.ArgumentException.With.Message.Contains("2 observations and 4 actions"));
        Assert.That(() => made.Merge(new Demonstration(Observations, 5)), Throws.ArgumentException);
        Assert.That(() => made.Observation(2), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("2 decisions"));
        Assert.That(() => made.Action(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => made.AllowedActions(2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Demonstration(0, 2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Demonstration(1, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new Demonstration(1, 2).Save("empty"), Throws.InvalidOperationException.With.Message.Contains("no decisions"));
        Assert.That(File.Exists("empty"), Is.False);
        Assert.That(made.Count, Is.EqualTo(2));
    }

    // ---- invalid files ----

    /// <summary>Every strict prefix, and every single corrupted byte of the header: rejected with our own exception, or read completely.</summary>
    [Test]
    public void ADamagedFileIsRefused()
    {
        byte[] file = Bytes(Make(5, seed: 6));
        for (int length = 0; length < file.Length; length++)
        {
            ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(file[..length]), $"{length} bytes")!;
            Assert.That(exception.Offset, Is.InRange(0, length));
        }

        SeededRandom random = new(7);
        int refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            byte[] spoiled = [.. file];
            spoiled[random.NextInt32(file.Length)] ^= (byte)(1 + random.NextInt32(255));
            try
            {
                (int observations, _, float[] values, int[] actions, bool[] allowed, _) = Read(spoiled);
                Assert.That((values.Length, allowed.Length % actions.Length), Is.EqualTo((actions.Length * observations, 0)));
                Assert.That(values, Is.All.Matches<float>(float.IsFinite));
            }
            catch (ModelFileException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(2000));
    }

    [TestCase("[5,3]", "[3,5]", FileDefect.Shape, "must be [5 × observations]")]
    [TestCase("\"actions\"", "\"action_\"", FileDefect.UnknownTensor, "action_")]
    [TestCase("\"1\"", "\"2\"", FileDefect.FormatVersion, "newer version")]
    [TestCase("[60,80]", "[64,84]", FileDefect.Gap, "begins at 64")]
    public void WhatIsWrongInTheHeaderIsSaid(string right, string wrong, FileDefect defect, string says)
    {
        string text = System.Text.Encoding.Latin1.GetString(Bytes(Make(5, seed: 6)));
        Assert.That(text, Does.Contain(right));
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(System.Text.Encoding.Latin1.GetBytes(text.Replace(right, wrong))))!;
        Assert.That(exception.Defect, Is.EqualTo(defect));
        Assert.That(exception.Message, Does.Contain(says).And.Contain($"byte {exception.Offset}"));
    }

    /// <summary>The data ends with actions [5] and masks [5 × 4].</summary>
    [TestCase(25, FileDefect.NotAnAction, "action 9", 9f)]
    [TestCase(25, FileDefect.NotAnAction, "action 1.5", 1.5f)]
    [TestCase(24, FileDefect.NotAnAction, "action -1", -1f)]
    [TestCase(20, FileDefect.NotAFlag, "value 0 of allowed_actions must be 0 or 1, but is 0.5", 0.5f)]
    [TestCase(1, FileDefect.NotAFlag, "value 19 of allowed_actions must be 0 or 1, but is 2", 2f)]
    [TestCase(20, FileDefect.ActionMasked, "decision 0 chose action 0", 0f)]
    public void WhatIsWrongInTheDataIsSaidWithItsByte(int fromEnd, FileDefect defect, string says, float value)
    {
        Demonstration made = new(Observations, Actions);
        for (int i = 0; i < 5; i++) made.Add([i, i, i], i % Actions);
        byte[] file = Bytes(made);
        int offset = file.Length - (fromEnd * sizeof(float));
        BitConverter.GetBytes(value).CopyTo(file, offset);
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(file))!;
        Assert.That(exception.Defect, Is.EqualTo(defect));
        Assert.That(exception.Message, Does.Contain(says));
        Assert.That(exception.Offset, Is.EqualTo(defect == FileDefect.ActionMasked ? file.Length - (25 * sizeof(float)) : offset));
    }

    /// <summary>The data ends with the episodes, 64 bits each.</summary>
    [TestCase(-2.0)]
    [TestCase(0.5)]
    [TestCase(3e9)]
    public void AnEpisodeThatIsNoneIsSaidWithItsByte(double value)
    {
        byte[] file = Bytes(Make(5, seed: 6));
        BitConverter.GetBytes(value).CopyTo(file, file.Length - sizeof(double));
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Read(file))!;
        Assert.That((exception.Defect, exception.Offset), Is.EqualTo((FileDefect.NumberRange, (long)file.Length - sizeof(double))));
        Assert.That(exception.Message, Does.Contain("the episode of decision 4 must be"));
    }

    [Test]
    public void ATensorThatIsMissingOrHasOneActionIsSaid()
    {
        using MemoryStream missing = new();
        Safetensors.Write(missing, [], [new NamedTensor("observations", [1, 1], [0]), new NamedTensor("actions", [1], [0])]);
        Assert.That(Assert.Throws<ModelFileException>(() => Read(missing.ToArray()))!.Defect, Is.EqualTo(FileDefect.TensorMissing));
        using MemoryStream single = new();
        Safetensors.Write(
            single, [], [new NamedTensor("observations", [1, 1], [0]), new NamedTensor("actions", [1], [0]), new NamedTensor("allowed_actions", [1, 1], [1])]);
        Assert.That(Assert.Throws<ModelFileException>(() => Read(single.ToArray()))!.Defect, Is.EqualTo(FileDefect.TooFewClasses));
    }

    [Test]
    public void AFileOfWeightsAndAFolderAreNoDemonstration()
    {
        byte[] weights = ModelFiles.Write(ModelFiles.Make(1, [2, 3]));
        Assert.That(() => Read(weights), Throws.TypeOf<ModelFileException>().With.Message.Contains("observations, actions, allowed_actions"));
        Assert.That(() => Demonstration.Load(Path.GetTempPath()), Throws.TypeOf<FileNotFoundException>().With.Message.Contains("is a folder"));
        Assert.That(() => Demonstration.Load("no such file"), Throws.TypeOf<FileNotFoundException>());
        Assert.That(() => Demonstration.Load(""), Throws.ArgumentException);
    }

    private static byte[] Bytes(Demonstration made)
    {
        using MemoryStream stream = new();
        DemonstrationFile.Write(
            stream,
            [.. Enumerable.Range(0, made.Count).SelectMany(i => made.Observation(i).ToArray())],
            [.. Enumerable.Range(0, made.Count).Select(made.Action)],
            [.. Enumerable.Range(0, made.Count).SelectMany(i => made.AllowedActions(i).ToArray())],
            made.EpisodeCount == 0 ? [] : [.. Enumerable.Range(0, made.Count).Select(made.Episode)]);
        return stream.ToArray();
    }

    private static DemonstrationFile.Content Read(byte[] file)
    {
        using MemoryStream stream = new(file);
        return DemonstrationFile.Read(stream, "a file");
    }
}
