using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The progress of a population in tables and in TensorBoard files.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class ProgressWriterTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("progress").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    // ---- numbers ----

    [Test]
    public void ProgressHasLengthsLossesAndPace()
    {
        ManualTime clock = new();
        using AgentPopulation population = Make(clock);
        Assert.That(population.Progress.MeanEpisodeLength, Is.NaN);
        Assert.That(population.Progress.PolicyLoss, Is.NaN);
        Assert.That(population.Progress.DecisionsPerSecond, Is.NaN);
        for (int frame = 0; frame < 120; frame++)
        {
            clock.Nanoseconds += 20_000_000;
            population.Update();
        }

        AgentProgress progress = population.Progress;
        Assert.That(progress.MeanEpisodeLength, Is.EqualTo(5));
        Assert.That(progress.MeanEpisodeReward, Is.InRange(0, 5));
        Assert.That(progress.DecisionsPerSecond, Is.EqualTo(2 * 50).Within(5));
        Assert.That(progress.PolicyLoss, Is.InRange(-0.2, 0.2));
        Assert.That(progress.ValueLoss, Is.InRange(0, 5));
        Assert.That(progress.Entropy, Is.InRange(0.1, Math.Log(2)));
    }

    // ---- tables ----

    [Test]
    public void ATableHasARowForEachInterval()
    {
        string path = Path.Combine(folder, "run.csv");
        ManualTime clock = new();
        AgentPopulation population = Make(clock);
        population.WriteProgress(new CsvProgressWriter(path), everyDecisions: 20);
        for (int frame = 0; frame < 45; frame++)
        {
            population.StatsRecorder.Add("Game/Score, \"all\"", frame);
            if (frame >= 25) population.StatsRecorder.Add("Late", 2);
            clock.Nanoseconds += 100_000_000;
            population.Update();
        }

        population.Dispose();
        string[] lines = File.ReadAllLines(path);
        Assert.That(lines, Has.Length.EqualTo(5));
        Assert.That(lines[0], Does.StartWith("Decisions,Time,Environment/Cumulative Reward,Environment/Episode Length,").And.EndsWith(",\"Game/Score, \"\"all\"\"\",Late"));
        string[][] rows = [.. lines[1..].Select(line => line.Split(','))];
        Assert.That(rows.Select(row => row.Length).Distinct(), Is.EqualTo(new[] { lines[0].Split(',').Length - 1 }), "a comma is in a name");
        Assert.That(rows.Select(row => row[0]), Is.EqualTo(new[] { "20", "40", "60", "80" }));
        Assert.That(rows.Select(row => row[1]), Is.Unique.And.All.Match(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"));
        Assert.That(rows.Select(row => row[^2]), Is.EqualTo(new[] { "4.5", "14.5", "24.5", "34.5" }), "means since the row before");
        Assert.That(rows.Select(row => row[^1]), Is.EqualTo(new[] { "", "", "2", "2" }));
        Assert.That(float.Parse(rows[3][3], CultureInfo.InvariantCulture), Is.EqualTo(5));
    }

    [Test]
    public void NumbersHavePointsInEveryLanguage()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo.CurrentCulture = other;
        try
        {
            string path = Path.Combine(folder, "run.csv");
            using (CsvProgressWriter writer = new(path)) writer.Write(7, DateTimeOffset.UnixEpoch, [("a", 1.5f), ("b", float.NaN)]);
            Assert.That(File.ReadAllText(path), Is.EqualTo("Decisions,Time,a,b\n7,1970-01-01T00:00:00.000Z,1.5,\n"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    // ---- TensorBoard ----

    /// <summary>The check value of CRC-32C is 0xE3069283 (of "123456789"); masked as TensorFlow does.</summary>
    [Test]
    public void TheChecksumIsThatOfTheFormat()
    {
        uint masked = EventFile.Checksum("123456789"u8);
        Assert.That(uint.RotateLeft(unchecked(masked - 0xA282EAD8), 15), Is.EqualTo(0xE3069283));
        byte[] random = new byte[1000];
        SeededRandom numbers = new(1);
        for (int i = 0; i < random.Length; i++) random[i] = (byte)numbers.NextUInt32();
        Assert.That(EventFile.Checksum(random), Is.EqualTo(Masked(random)));
    }

    [Test]
    public void TensorBoardsFilesHaveWhatTheTableHas()
    {
        ManualTime clock = new();
        AgentPopulation population = Make(clock);
        population.WriteProgress(new TensorBoardProgressWriter(Path.Combine(folder, "runs", "a")), everyDecisions: 30);
        for (int frame = 0; frame < 60; frame++)
        {
            population.StatsRecorder.Add("Game/Score", 3);
            clock.Nanoseconds += 50_000_000;
            population.Update();
        }

        string path = Directory.GetFiles(Path.Combine(folder, "runs", "a")).Single();
        Assert.That(Path.GetFileName(path), Does.Match(@"^events\.out\.tfevents\.\d+\.neuralplugin\.0$"));
        List<Event> events = Read(path);   // while it is being written
        population.Dispose();
        Assert.That(events[0].FileVersion, Is.EqualTo("brain.Event:2"));
        Assert.That(events.Skip(1).Select(entry => entry.Step), Is.EqualTo(new long[] { 30, 60, 90, 120 }));
        Assert.That(events.Select(entry => entry.WallTime), Is.Ordered.And.All.GreaterThan(0));
        Dictionary<string, float> last = events[^1].Scalars;
        Assert.That(last["Environment/Episode Length"], Is.EqualTo(5));
        Assert.That(last["Game/Score"], Is.EqualTo(3));
        Assert.That(last.Keys, Does.Contain("Policy/Entropy").And.Contain("Losses/Policy Loss"));
        Assert.That(last.Values, Has.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void EachWriterHasAFileOfItsOwn()
    {
        for (int i = 0; i < 3; i++)
        {
            using TensorBoardProgressWriter writer = new(folder);
            writer.Write(1, DateTimeOffset.UnixEpoch, [("a", 1)]);
            writer.Write(2, DateTimeOffset.UnixEpoch, [("a", 2)]);
        }

        Assert.That(Directory.GetFiles(folder).Select(Path.GetFileName).Order(), Is.EqualTo(Enumerable.Range(0, 3).Select(i => $"events.out.tfevents.0.neuralplugin.{i}")));
        foreach (string file in Directory.GetFiles(folder)) Assert.That(Read(file).Skip(1).Select(entry => entry.Scalars["a"]), Is.EqualTo(new[] { 1f, 2f }));
    }

    // ---- errors ----

    [Test]
    public void AWriterThatCannotWriteIsSaidOnceAndGivenUp()
    {
        using AgentPopulation population = Make(new ManualTime());
        population.WriteProgress(new CsvProgressWriter(Path.Combine(folder, "no such folder", "run.csv")), everyDecisions: 2);
        Assert.That(population.Update, Throws.InstanceOf<IOException>());
        for (int frame = 0; frame < 10; frame++) population.Update();
        Assert.That(population.Progress.Decisions, Is.EqualTo(22));
    }

    [Test]
    public void WrongArgumentsAreSaid()
    {
        using AgentPopulation population = Make(new ManualTime());
        Assert.That(() => population.WriteProgress(new CsvProgressWriter("a"), 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => population.WriteProgress(null!), Throws.ArgumentNullException);
        Assert.That(() => new CsvProgressWriter(""), Throws.ArgumentException);
        Assert.That(() => new TensorBoardProgressWriter(""), Throws.ArgumentException);
        Assert.That(() => population.StatsRecorder.Add("", 1), Throws.ArgumentException);
        Assert.That(() => population.StatsRecorder.Add("a", float.NaN), Throws.TypeOf<NonFiniteValueException>());
    }

    private static AgentPopulation Make(ManualTime clock)
    {
        AgentPopulation population = new(TestDevice.Plain, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 2,
            HiddenUnits = 4,
            Capacity = 2,
            Brains = BrainSharing.Shared,
            Latency = 0,
            TimeProvider = clock,
            Learning = new ActorCritic { RolloutSize = 16, LeastRolloutPerAgent = 4, Minibatches = 2 },
        });
        for (int i = 0; i < 2; i++)
        {
            population.Add(new ProbeAgent
            {
                Observations = self => [self.StepCount],
                Act = (self, action) =>
                {
                    self.AddReward(action);
                    if (self.StepCount == 5) self.EndEpisode();
                },
            });
        }

        return population;
    }

    // ---- a reader of the format, independent of the writer ----

    private static List<Event> Read(string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] file = new byte[stream.Length];
        stream.ReadExactly(file);
        List<Event> events = [];
        for (int at = 0; at < file.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));
            Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)), Is.EqualTo(Masked(file.AsSpan(at, 8))));
            byte[] data = file[(at + 12)..(at + 12 + length)];
            Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)), Is.EqualTo(Masked(data)));
            events.Add(Event.Parse(data));
            at += 12 + length + 4;
        }

        return events;
    }

    /// <summary>Bit by bit, by the reversed Castagnoli polynomial.</summary>
    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }

        crc = ~crc;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8);
    }

    private sealed record Event(double WallTime, long Step, string FileVersion, Dictionary<string, float> Scalars)
    {
        public static Event Parse(byte[] message)
        {
            (double time, long step, string version, Dictionary<string, float> scalars) = (0, 0, "", []);
            foreach ((int field, byte[] value) in Fields(message))
            {
                if (field == 1) time = BitConverter.ToDouble(value);
                if (field == 2) step = BitConverter.ToInt64(value);
                if (field == 3) version = Encoding.UTF8.GetString(value);
                if (field != 5) continue;
                foreach ((_, byte[] scalar) in Fields(value))
                {
                    Dictionary<int, byte[]> parts = Fields(scalar).ToDictionary(part => part.Field, part => part.Value);
                    scalars.Add(Encoding.UTF8.GetString(parts[1]), BitConverter.ToSingle(parts[2]));
                }
            }

            return new Event(time, step, version, scalars);
        }

        private static IEnumerable<(int Field, byte[] Value)> Fields(byte[] message)
        {
            for (int at = 0; at < message.Length;)
            {
                long key = Varint(message, ref at);
                int length = (key & 7) switch { 1 => 8, 5 => 4, 2 => (int)Varint(message, ref at), _ => 0 };
                byte[] value = length > 0 || (key & 7) == 2 ? message[at..(at + length)] : BitConverter.GetBytes(Varint(message, ref at));
                at += length;
                yield return ((int)(key >> 3), value);
            }
        }

        private static long Varint(byte[] message, ref int at)
        {
            long value = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte next = message[at++];
                value |= (long)(next & 0x7F) << shift;
                if (next < 0x80) return value;
            }
        }
    }
}
