using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Agents that see a texture: the network gets its features, they learn from it, and no pixel is read back.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class TextureSensorTests
{
    private const int Wide = 9;
    private const int High = 7;

    [SetUp]
    public void NeedsTextures() => TestDevice.RequireOpenGL();

    [Test]
    public void TheNetworkSeesTheMeansOfTheTexture(
        [Values(1, 3, 7, 785)] int observations, [Values] TextureChannels channels, [Values] bool isPart, [Values] BrainSharing brains)
    {
        const int Count = 11;
        int stacked = observations == 3 ? 2 : 1;   // numbers are, textures are not
        (int width, int height) = isPart ? (3, 1) : (7, 3);
        (int x, int y, int partWide, int partHigh) = isPart ? (2, 1, 5, 3) : (0, 0, Wide, High);
        NeuralDevice device = TestDevice.Plain;
        using GameTextures textures = new();
        float[][] pictures = [.. Enumerable.Range(0, Count).Select(i => TwinArrays.UniformFloats(100 + i, Wide * High * 4, -3, 5))];
        uint[] names = [.. pictures.Select(picture => textures.Make(Wide, High, InternalFormat.Rgba32f, picture))];
        float[][] numbers = [.. Enumerable.Range(0, Count).Select(i => TwinArrays.UniformFloats(200 + i, observations, -2, 2))];
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = observations,
            NumStackedVectorObservations = stacked,
            Actions = 3,
            HiddenUnits = 5,
            Capacity = Count,
            Brains = brains,
            NormalizeObservations = false,
            TextureObservations = new TextureObservations(width, height, channels),
            Learning = new PolicyGradient { BatchSize = 4, Horizon = 3 },
        });
        for (int i = 0; i < Count; i++)
        {
            int number = i;
            agents.Add(new ProbeAgent
            {
                Observations = _ => numbers[number],
                Look = (_, sensor) =>
                {
                    if (isPart) sensor.SetTexture(names[number], x, y, partWide, partHigh);
                    else sensor.SetTexture(names[number]);
                },
            });
        }

        agents.Update();
        int values = width * height * (int)channels, inputs = (observations * stacked) + values;
        float[] features = new float[Count * inputs];
        agents.Brains.Features.Read(features);
        for (int i = 0; i < Count; i++)
        {
            float[] part = [.. Enumerable.Range(y, partHigh).SelectMany(row => pictures[i].AsSpan(((row * Wide) + x) * 4, partWide * 4).ToArray())];
            double[] means = TextureFeaturesTwin.Box(part, partWide, partHigh, width, height, (int)channels, hasGreen: true);
            double[] expected = [.. new double[observations * (stacked - 1)], .. TwinArrays.ToDouble(numbers[i]), .. means.Select(mean => Math.Clamp((2 * mean) - 1, -5, 5))];
            Tolerance.AssertClose(features.AsSpan(i * inputs, inputs), expected, 1e-5, 1e-5, $"agent {i}");
        }
    }

    /// <summary>Numbers of observations and channels; each pair has kernels of its own to compile, so a short run has each number once.</summary>
    private static IEnumerable<TestCaseData> ManyBrains =>
        from count in (int[])[1, 3, 9]
        from observations in (int[])[1, 3, 5]
        from channels in Enum.GetValues<TextureChannels>()
        let isShort = (observations, channels) is (1, TextureChannels.Rgba) or (3, TextureChannels.Luminance) or (5, TextureChannels.Rgb)
        let data = new TestCaseData(count, observations, channels)
        select isShort ? data : data.SetCategory(Categories.Nightly);

    /// <summary>Each brain's features are in its own rows: one for a prediction, and those of its batch.</summary>
    [TestCaseSource(nameof(ManyBrains))]
    public void EachOfManyBrainsSeesItsTexture(int count, int observations, TextureChannels channels)
    {
        const int Pixels = 7, Rows = 3, BatchSize = 3;
        NeuralDevice device = TestDevice.Plain;
        using GameTextures textures = new();
        float[][] pictures = [.. Enumerable.Range(0, count).Select(i => TwinArrays.UniformFloats(100 + i, Wide * High * 4, -3, 5))];
        uint[] names = [.. pictures.Select(picture => textures.Make(Wide, High, InternalFormat.Rgba32f, picture))];
        float[][] numbers = [.. Enumerable.Range(0, count).Select(i => TwinArrays.UniformFloats(200 + i, observations, -2, 2))];
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = observations,
            Actions = 3,
            HiddenUnits = 5,
            Capacity = count,
            Latency = 0,
            Brains = BrainSharing.OneEach,
            NormalizeObservations = false,
            TextureObservations = new TextureObservations(Pixels, Rows, channels),
            Learning = new PolicyGradient { BatchSize = BatchSize, Horizon = 3 },
        });
        for (int i = 0; i < count; i++)
        {
            int number = i;
            agents.Add(new ProbeAgent { Observations = _ => numbers[number], Look = (_, sensor) => sensor.SetTexture(names[number]) });
        }

        for (int frame = 0; frame < 5; frame++) agents.Update();
        Assert.That(agents.Progress.TrainingSteps, Is.Positive);
        int inputs = observations + (Pixels * Rows * (int)channels);
        float[] asked = new float[count * inputs], learned = new float[count * BatchSize * inputs];
        agents.Brains.Features.Read(asked);
        ((OwnBrains)agents.Brains).BatchFeatures.Read(learned);
        for (int i = 0; i < count; i++)
        {
            double[] means = TextureFeaturesTwin.Box(pictures[i], Wide, High, Pixels, Rows, (int)channels, hasGreen: true);
            double[] expected = [.. TwinArrays.ToDouble(numbers[i]), .. means.Select(mean => Math.Clamp((2 * mean) - 1, -5, 5))];
            Tolerance.AssertClose(asked.AsSpan(i * inputs, inputs), expected, 1e-5, 1e-5, $"agent {i}");
            for (int row = 0; row < BatchSize; row++)
                Tolerance.AssertClose(learned.AsSpan(((i * BatchSize) + row) * inputs, inputs), expected, 1e-5, 1e-5, $"agent {i}, row {row}");
        }
    }

    /// <summary>Any number of observations and textures are joined, and an agent that saw no texture gets zeros, whatever the rows of textures contain.</summary>
    [Test]
    public void WhoSawNothingHasZeros([Values(0, 1, 3, 5)] int observations, [Values(1, 3, 9)] int rows, [Values(1, 7)] int values)
    {
        const int Looks = 3;
        NeuralDevice device = TestDevice.Plain;
        using SeenTextures seen = new(device, values, 1, TextureChannels.Luminance, Looks);
        float[] shown = TwinArrays.UniformFloats(1, Looks * values, -4, 5), numbers = TwinArrays.UniformFloats(2, rows * observations, -2, 2);
        Array.Fill(shown, float.NaN, 0, values);   // rows that are not in use
        seen.Rows.Upload<float>(shown);
        int columns = observations + values;
        using MatrixTexture features = new(device, device.Shape(rows, columns, "features"));
        using JoinedFeatures joined = new(device, seen, observations, features);
        int[] looks = [.. Enumerable.Range(0, rows).Select(row => row % 2 == 0 ? -1 : 1 + (row / 2 % 2))];
        joined.Write(numbers, looks);
        float[] found = new float[rows * columns];
        features.Read(found);
        for (int row = 0; row < rows; row++)
        {
            int look = looks[row];
            IEnumerable<double> pixels = Enumerable.Range(0, values).Select(i => look < 0 ? 0 : Math.Clamp((2.0 * shown[(look * values) + i]) - 1, -5, 5));
            double[] expected = [.. TwinArrays.ToDouble(numbers.AsSpan(row * observations, observations).ToArray()), .. pixels];
            Tolerance.AssertClose(found.AsSpan(row * columns, columns), expected, 1e-6, 1e-6, $"row {row}");
        }
    }

    /// <summary>A pixel beyond the range is clamped, and one that is NaN stays NaN on every driver, so that the choice from it says so.</summary>
    [Test]
    public void APixelThatIsNoNumberStaysNone()
    {
        float[] shown = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 7, 0.5f];
        NeuralDevice device = TestDevice.Plain;
        using SeenTextures seen = new(device, shown.Length, 1, TextureChannels.Luminance, 1);
        seen.Rows.Upload<float>(shown);
        using MatrixTexture features = new(device, device.Shape(1, 1 + shown.Length, "features"));
        using JoinedFeatures joined = new(device, seen, 1, features);
        joined.Write([0.25f], [0]);
        Assert.That(features.Read(), Is.EqualTo(new[] { 0.25f, float.NaN, 5, -5, 5, 0 }));
    }

    /// <summary>
    /// Rows of textures are kept, released and reused while decisions wait for their returns: an agent that gets the same features as
    /// numbers acts and learns identically, to the bit.
    /// </summary>
    [Test]
    public void WhatIsLearnedIsThatOfTheSameNumbers([Values("from reward", "from demonstrations", "near a reference")] string way, [Values] bool normalizes, [Values] BrainSharing brains)
    {
        bool clones = way == "from demonstrations";
        const int Count = 3, Frames = 60, Values = 6;
        NeuralDevice device = TestDevice.Plain;
        using GameTextures textures = new();
        uint[] names = [.. Enumerable.Range(0, 13).Select(i => textures.Make(Wide, High, InternalFormat.Rgba8, TwinArrays.UniformFloats(i, Wide * High * 4, 0, 1)))];
        List<float[]> seen = [];
        AgentPopulationOptions options = new()
        {
            Observations = 1,
            Actions = 3,
            HiddenUnits = 5,
            Capacity = Count,
            Latency = 1,
            Brains = brains,
            NormalizeObservations = normalizes,
            Learning = clones ? new BehaviorCloning { BatchSize = 4, Capacity = 20 } : new ActorCritic { RolloutSize = 6, LeastRolloutPerAgent = 2, Epochs = 2, Minibatches = 2 },
        };

        ProbeAgent Make(Func<ProbeAgent, float[]> observe) => new()
        {
            Demonstrates = clones,
            Observations = observe,
            Look = (self, sensor) => sensor.SetTexture(names[(self.Index + (int)self.StepCount) % names.Length]),
            Act = (self, action) =>
            {
                self.AddReward((action + self.StepCount) % 3);
                if (self.StepCount == 7 + self.Index) self.EndEpisode();
            },
            Demonstration = self => (int)(self.StepCount + self.Index) % 3,
        };

        AgentPopulationOptions Near(AgentPopulationOptions of)
        {
            if (way != "near a reference") return of;
            using AgentPopulation shipped = new(device, of with { Brains = BrainSharing.Shared, Seed = 9 });
            return of with { Learning = (ActorCritic)of.Learning! with { Reference = shipped.GetBrainState(0), MaximumDrift = 1e-4f } };
        }

        using AgentPopulation seeing = new(device, Near(options with { TextureObservations = new TextureObservations(2, 3) }));
        for (int i = 0; i < Count; i++) seeing.Add(Make(_ => [0]));   // stays 0 after normalization
        for (int frame = 0; frame < Frames; frame++)
        {
            seeing.Update();
            float[] features = new float[Count * (1 + Values)];
            seeing.Brains.Features.Read(features);
            seen.Add(features);
        }

        int asked = 0;
        using AgentPopulation told = new(device, Near(options with { Observations = 1 + Values, NormalizeObservations = false }));
        for (int i = 0; i < Count; i++) told.Add(MakeTold());
        for (; asked < Frames; asked++) told.Update();
        Assert.That(seeing.Progress.TrainingSteps, Is.GreaterThan(20).And.EqualTo(told.Progress.TrainingSteps));
        Assert.That(seeing.Progress.Episodes, Is.GreaterThan(10));
        Assert.That(seeing.Progress.Drift, Is.EqualTo(told.Progress.Drift));
        if (way == "near a reference") Assert.That(seeing.Progress.Drift, Is.GreaterThan(1e-7f));
        for (int brain = 0; brain < (brains == BrainSharing.OneEach ? Count : 1); brain++)
        {
            Assert.That(seeing.GetBrain(brain).HiddenWeights, Is.EqualTo(told.GetBrain(brain).HiddenWeights));
            Assert.That(seeing.GetBrain(brain).OutputWeights, Is.EqualTo(told.GetBrain(brain).OutputWeights));
        }

        ProbeAgent MakeTold()
        {
            ProbeAgent made = Make(self => seen[asked].AsSpan(self.Index * (1 + Values), 1 + Values).ToArray());
            return new ProbeAgent { Demonstrates = clones, Observations = made.Observations, Act = made.Act, Demonstration = made.Demonstration };
        }
    }

    /// <summary>All agents render into one texture in turn, and see whether its left or its right half is bright.</summary>
    [Test]
    public void AnAgentLearnsWhatTheTextureShows([Values] bool clones, [Values] bool isAtlas, [Values] BrainSharing brains)
    {
        const int Count = 8;
        bool areOwn = brains == BrainSharing.OneEach;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using GameTextures textures = new();
        using Renderer renderer = new(textures, Count);
        Random random = new(1);
        using AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 1,
            Actions = 2,
            HiddenUnits = 16,
            Capacity = Count,
            Latency = 1,
            Brains = brains,
            TextureObservations = new TextureObservations(4, 2),
            Learning = clones
                ? new BehaviorCloning { Optimizer = areOwn ? new Sgd(0.1f) : new Adam(0.01f), Capacity = 64 }
                : new PolicyGradient { Optimizer = areOwn ? new Sgd(0.3f) : new Adam(0.01f), Discount = 0, Horizon = 4 },
        });
        int right = 0;
        int[] sides = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            agents.Add(new ProbeAgent
            {
                Demonstrates = clones,
                Look = (self, sensor) =>
                {
                    sides[self.Index] = random.Next(2);
                    int place = isAtlas ? self.Index : 0;
                    renderer.Draw(place, sides[self.Index]);
                    sensor.SetTexture(renderer.Texture, place * Renderer.Size, 0, Renderer.Size, Renderer.Size);
                },
                Demonstration = self => sides[self.Index],
                Act = (self, action) =>
                {
                    right += action == sides[self.Index] ? 1 : 0;
                    self.AddReward(action == sides[self.Index] ? 1 : 0);
                },
            });
        }

        gl.ClearRecords();
        for (int frame = 0; frame < (areOwn ? 900 : 300); frame++)   // each learns only from what it has seen itself
        {
            agents.Update();
            gl.NextFrame();
        }

        Assert.That(gl.WaitingCalls, Is.Empty);
        Assert.That(gl.Calls("glGetTexImage"), Is.Zero);
        agents.Explores = agents.Learns = false;
        agents.Update();
        right = 0;
        for (int frame = 0; frame < 20; frame++) agents.Update();
        Assert.That(right, Is.GreaterThanOrEqualTo(Count * 20 * 0.95), "of 160 decisions");
    }

    /// <summary>Only probabilities and the log of steps are read back, as for agents without textures.</summary>
    [Test]
    public void NoPixelComesBack([Values] bool clones, [Values] BrainSharing brains)
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using GameTextures textures = new();
        uint texture = textures.Make(Wide, High, InternalFormat.Rgba8, new float[Wide * High * 4]);

        (long Reads, long Images, int Waits) Run(TextureObservations? observations)
        {
            using AgentPopulation agents = MakeQuiet(device, texture, clones, observations, brains);
            for (int frame = 0; frame < 5; frame++) Next(agents);
            gl.ClearRecords();
            for (int frame = 0; frame < 40; frame++) Next(agents);
            Assert.That(agents.Progress.TrainingSteps, Is.GreaterThanOrEqualTo(5));
            string[] ofImages = ["glReadPixels", "glGetTexImage", "glGetTextureImage", "glGetTextureSubImage", "glGetBufferSubData"];
            return (gl.Calls("glCopyBufferSubData"), ofImages.Sum(gl.Calls), gl.WaitingCalls.Count);
        }

        void Next(AgentPopulation agents)
        {
            agents.Update();
            gl.NextFrame();
        }

        (long Reads, long Images, int Waits) without = Run(null), with = Run(new TextureObservations(3, 3));
        Assert.That(with, Is.EqualTo(without));
        Assert.That(with.Reads, Is.Positive);
        Assert.That((with.Images, with.Waits), Is.EqualTo((0L, 0)));
    }

    [Test]
    public void AFrameAllocatesNothing([Values] bool clones, [Values] BrainSharing brains)
    {
        NeuralDevice device = TestDevice.Plain;
        using GameTextures textures = new();
        uint texture = textures.Make(Wide, High, InternalFormat.Rgba8, new float[Wide * High * 4]);
        using AgentPopulation agents = MakeQuiet(device, texture, clones, new TextureObservations(3, 3), brains);
        for (int frame = 0; frame < 60; frame++) agents.Update();
        long steps = agents.Progress.TrainingSteps, before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 60; frame++) agents.Update();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.That(allocated, Is.Zero);
        Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(steps));
    }

    /// <summary>Rows are released with the decisions for which they were kept, including those of agents that leave or fail.</summary>
    [Test]
    public void RowsAreGivenUp([Values] bool demonstrates, [Values] BrainSharing brains)
    {
        using GameTextures textures = TexturesOfPlain();
        uint texture = textures.Make(Wide, High, InternalFormat.Rgba8, new float[Wide * High * 4]);
        using AgentPopulation agents = new(TestDevice.Plain, Options() with { Learning = null, Brains = brains });
        SeenTextures seen = agents.Brains.Seen!;
        int free = seen.Free;
        ProbeAgent[] all = [.. Enumerable.Range(0, 3).Select(i => new ProbeAgent
        {
            Observations = _ => [1, 2],
            Demonstrates = demonstrates,
            ActsByHeuristic = i == 0,
            Demonstration = self => self.StepCount % 3 == 0 ? 99 : 1,   // an error now and then
            Look = (_, sensor) => sensor.SetTexture(texture),
        })];
        foreach (ProbeAgent agent in all) agents.Add(agent);
        int errors = 0;
        for (int frame = 0; frame < 100; frame++)
        {
            try
            {
                agents.Update();
            }
            catch (AgentException)
            {
                errors++;
            }
        }

        Assert.That(errors, Is.GreaterThan(10));
        Assert.That(seen.Free, Is.LessThanOrEqualTo(free));
        foreach (ProbeAgent agent in all) agents.Remove(agent);
        agents.Update();
        agents.Update();
        Assert.That(seen.Free, Is.EqualTo(free));
    }

    private static IEnumerable<TestCaseData> WrongTextures()
    {
        yield return new TestCaseData((Action<TextureSensor, uint>)((_, _) => { }), new[] { "gave no texture", "4 × 3", "SetTexture" }).SetArgDisplayNames("none");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, _) => sensor.SetTexture(0)), new[] { "texture 0" }).SetArgDisplayNames("name 0");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, _) => sensor.SetTexture(54321)), new[] { "54321", "no texture of this name" }).SetArgDisplayNames("deleted");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, name) => sensor.SetTexture(name, 0, 0, 3, 3)), new[] { "3 × 3 texels", "4 × 3 pixels", "Render larger" }).SetArgDisplayNames("too small");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, name) => sensor.SetTexture(name, 6, 0, 4, 3)), new[] { "(6, 0)", "9 × 7", "not within" }).SetArgDisplayNames("outside");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, name) => sensor.SetTexture(name, int.MaxValue, 0, int.MaxValue, 3)), new[] { "not within" }).SetArgDisplayNames("far outside");
        yield return new TestCaseData((Action<TextureSensor, uint>)((sensor, name) => sensor.SetTexture(name, 0, 0, 0, -3)), new[] { "not within" }).SetArgDisplayNames("empty");
    }

    [TestCaseSource(nameof(WrongTextures))]
    public void AWrongTextureIsToldWithTheAgentsName(Action<TextureSensor, uint> wrongly, string[] words)
    {
        using GameTextures textures = TexturesOfPlain();
        uint texture = textures.Make(Wide, High, InternalFormat.Rgba8, new float[Wide * High * 4]);
        using AgentPopulation agents = new(TestDevice.Plain, Options());
        ProbeAgent right = new() { Observations = _ => [1, 2], Look = (_, sensor) => sensor.SetTexture(texture) };
        ProbeAgent wrong = new()
        {
            Name = "Gustav",
            Observations = _ => [1, 2],
            Look = (self, sensor) =>
            {
                if (self.IsWrong) wrongly(sensor, texture);
                else sensor.SetTexture(texture);
            },
        };
        agents.Add(wrong);
        agents.Add(right);
        agents.Update();
        wrong.IsWrong = true;
        for (int frame = 0; frame < 100; frame++)   // more than there are rows
        {
            AgentException exception = Assert.Throws<AgentException>(agents.Update)!;
            Assert.That(exception.Message, Does.StartWith("Agent 'Gustav': "));
            foreach (string word in words) Assert.That(exception.Message, Does.Contain(word));
        }

        Assert.That(right.ActionsReceived, Has.Count.EqualTo(101));
        wrong.IsWrong = false;
        Assert.That(agents.Update, Throws.Nothing);
    }

    [Test]
    public void ATextureThatNobodyDeclaredIsToldWithTheAgentsName([Values] BrainSharing brains)
    {
        using AgentPopulation agents = new(TestDevice.Plain, Options() with { TextureObservations = null, Brains = brains });
        agents.Add(new ProbeAgent { Name = "Gustav", Observations = _ => [1, 2], Look = (_, sensor) => sensor.SetTexture(1) });
        AgentException exception = Assert.Throws<AgentException>(agents.Update)!;
        Assert.That(exception.Message, Does.StartWith("Agent 'Gustav': ").And.Contain("none was declared").And.Contain("TextureObservations"));
    }

    [Test]
    public void ATextureOutsideOfItsCallIsAnError()
    {
        using GameTextures textures = TexturesOfPlain();
        uint texture = textures.Make(Wide, High, InternalFormat.Rgba8, new float[Wide * High * 4]);
        using AgentPopulation agents = new(TestDevice.Plain, Options());
        TextureSensor? kept = null;
        agents.Add(new ProbeAgent
        {
            Observations = _ => [1, 2],
            Look = (_, sensor) =>
            {
                kept = sensor;
                sensor.SetTexture(texture);
            },
        });
        agents.Update();
        Assert.That((kept!.Width, kept.Height, kept.IsSet), Is.EqualTo((4, 3, true)));
        Assert.That(() => kept.SetTexture(texture), Throws.InvalidOperationException.With.Message.Contain("CollectTexture"));
    }

    [Test]
    public void WhatTexturesCannotDoIsToldAtConstruction()
    {
        AgentPopulationOptions options = Options();
        BehaviorCloning given = new() { Demonstration = new Demonstration(2, 3) };
        Assert.That(() => new AgentPopulation(TestDevice.Plain, options with { Learning = given }), Throws.TypeOf<NotSupportedException>());
        using AgentPopulation agents = new(TestDevice.Plain, options);
        Assert.That(() => agents.Recording = new Demonstration(2, 3), Throws.TypeOf<NotSupportedException>());
        agents.Recording = null;
        Assert.That(() => new TextureObservations(0, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TextureObservations(1, -1), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TextureObservations(1, 1, (TextureChannels)2), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => new TextureObservations(100_000, 100_000), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    /// <summary>In the context of the shared device, which is current from then on.</summary>
    private static GameTextures TexturesOfPlain()
    {
        _ = TestDevice.Plain;
        return new GameTextures();
    }

    private static AgentPopulationOptions Options() => new()
    {
        Observations = 2,
        Actions = 3,
        HiddenUnits = 4,
        Capacity = 3,
        Latency = 0,
        Brains = BrainSharing.Shared,
        TextureObservations = new TextureObservations(4, 3),
        Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
    };

    private static AgentPopulation MakeQuiet(NeuralDevice device, uint texture, bool clones, TextureObservations? observations, BrainSharing brains)
    {
        AgentPopulation agents = new(device, new AgentPopulationOptions
        {
            Observations = 2,
            Actions = 4,
            HiddenUnits = 8,
            Capacity = 16,
            Brains = brains,
            TextureObservations = observations,
            Learning = clones ? new BehaviorCloning { BatchSize = 8, Capacity = 16 } : new PolicyGradient { BatchSize = 8, Horizon = 8 },
        });
        for (int i = 0; i < 16; i++) agents.Add(new QuietAgent(observations is null ? 0 : texture) { Demonstrates = clones && i % 2 == 0 });
        return agents;
    }

    private sealed class QuietAgent(uint texture) : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(StepCount % 7);
            sensor.AddObservation(Index);
        }

        public override void CollectTexture(TextureSensor sensor)
        {
            if (texture != 0) sensor.SetTexture(texture, Index % 3, Index % 2, 5, 4);
        }

        public override void OnActionReceived(int action)
        {
            AddReward(action == 1 ? 1 : 0);
            if (StepCount == 5 + (Index % 3)) EndEpisode();
        }

        public override int Heuristic() => Index % 4;
    }

    /// <summary>A game that draws a bright half into one region of a texture.</summary>
    private sealed class Renderer : IDisposable
    {
        public const int Size = 8;
        private readonly GL gl;
        private readonly uint framebuffer;

        public Renderer(GameTextures textures, int places)
        {
            gl = textures.Gl;
            Texture = textures.Make(Size * places, Size, InternalFormat.Rgba8, new float[Size * places * Size * 4]);
            framebuffer = gl.GenFramebuffer();
            gl.BindFramebuffer(FramebufferTarget.Framebuffer, framebuffer);
            gl.FramebufferTexture2D(FramebufferTarget.Framebuffer, FramebufferAttachment.ColorAttachment0, TextureTarget.Texture2D, Texture, 0);
            Assert.That(gl.CheckFramebufferStatus(FramebufferTarget.Framebuffer), Is.EqualTo(GLEnum.FramebufferComplete));
            gl.Enable(EnableCap.ScissorTest);
        }

        public uint Texture { get; }

        public void Draw(int place, int brightHalf)
        {
            for (int half = 0; half < 2; half++)
            {
                float light = half == brightHalf ? 0.9f : 0.1f;
                gl.Scissor((place * Size) + (half * Size / 2), 0, Size / 2, Size);
                gl.ClearColor(light, light, light, 1);
                gl.Clear(ClearBufferMask.ColorBufferBit);
            }
        }

        public void Dispose() => gl.DeleteFramebuffer(framebuffer);
    }
}
