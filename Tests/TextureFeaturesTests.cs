using NeuralPlugin.Tests.Twins;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>A game's texture becomes a row of features on the GPU: the twin's result, once, and nothing else.</summary>
[TestFixture]
internal sealed class TextureFeaturesTests
{
    private const int Classes = 3;
    private const float Untouched = 0.5f;

    private static readonly (int Width, int Height)[] Extents = [(1, 1), (3, 7), (64, 48), (785, 9)];
    private static readonly (int Width, int Height)[] Images = [(1, 1), (3, 3), (7, 5), (8, 8)];
    private static readonly InternalFormat[] Formats = [InternalFormat.Rgba8, InternalFormat.Rgba16f, InternalFormat.R8];

    private static NeuralDevice Device => TestDevice.Plain;

    /// <summary>The game's textures are those of the device's context, which has to be current before the first.</summary>
    [SetUp]
    public void MakeCurrent() => _ = Device;

    // ---- the kernel ----

    [Test]
    public void TheKernelDoesWhatItsTwinDoes(
        [ValueSource(nameof(Extents))] (int Width, int Height) extent, [ValueSource(nameof(Formats))] InternalFormat format)
    {
        NeuralDevice device = Device;
        using GameTextures game = new();
        float[] given = TwinArrays.UniformFloats(7, extent.Width * extent.Height * 4, -0.5, 1.5);
        uint texture = game.Make(extent.Width, extent.Height, format, given);
        float[] texels = game.Read(texture, extent.Width, extent.Height);
        HostTexture source = new(device);
        foreach ((int width, int height) in Images)
        {
            foreach (TextureChannels channels in Enum.GetValues<TextureChannels>())
            {
                double[] expected = TextureFeaturesTwin.Box(
                    texels, extent.Width, extent.Height, width, height, (int)channels, hasGreen: format != InternalFormat.R8);
                TextureFeatures.Take(source, texture, width, height);
                string what = $"{width} × {height}, {channels}";
                AssertFloats(device, source, width, height, channels, expected, what);
                AssertBytes(device, source, width, height, channels, expected, what);
            }
        }

        Assert.That(game.Gl.GetError(), Is.EqualTo(GLEnum.NoError));
    }

    /// <summary>The most texels per pixel that are possible: a driver that ends long loops early would miss the last ones.</summary>
    [TestCase(252, 252)]
    [TestCase(16_000, 3)]
    [TestCase(1, 16_384)]
    public void TheLargestBoxIsWhole(int texelsWide, int texelsHigh)
    {
        using GameTextures game = new();
        float[] texels = new float[texelsWide * texelsHigh * 4];
        for (int i = 0; i < texels.Length; i++) texels[i] = i % 5;   // sums without rounding
        texels.AsSpan(^4..).Fill(1_000);
        HostTexture source = new(Device);
        TextureFeatures.Take(source, game.Make(texelsWide, texelsHigh, InternalFormat.Rgba32f, texels), 1, 1);
        double[] expected = TextureFeaturesTwin.Box(texels, texelsWide, texelsHigh, 1, 1, 4, hasGreen: true);
        AssertFloats(Device, source, 1, 1, TextureChannels.Rgba, expected, "the mean of all");
    }

    /// <summary>At its own size, a texture of floats is unchanged, so that training on it has the bits of training on the features.</summary>
    [Test]
    public void ATextureOfTheSameSizeKeepsItsBits()
    {
        const int Width = 5, Height = 3, Inputs = Width * Height * 4, Count = 6;
        using GameTextures game = new();
        using TrainingSet seen = new(Device, Inputs, Classes, Count), given = new(Device, Inputs, Classes, Count);
        for (int i = 0; i < Count; i++)
        {
            float[] features = TwinArrays.UniformFloats(i, Inputs, -1, 1);
            uint texture = game.Make(Width, Height, InternalFormat.Rgba32f, features);
            seen.AddTexture(texture, Width, Height, TextureChannels.Rgba, i % Classes, 1 + i);
            given.Add(features, i % Classes, 1 + i);
        }

        float[] ofSeen = Train(seen), ofGiven = Train(given);
        Assert.That(ofSeen, Is.EqualTo(ofGiven));

        float[] Train(TrainingSet samples)
        {
            using TwoLayerClassifier classifier = new(Device, Inputs, 9, Classes, seed: 3);
            using InFrameTrainer trainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 4, FrameBudget = FrameBudget.Steps(5) });
            trainer.Tick();
            return classifier.GetParameters().HiddenWeights;
        }
    }

    /// <summary>The values that shaders see: the base level, swizzled, in linear light.</summary>
    [Test]
    public void TheTextureIsTakenAsShadersSeeIt()
    {
        using GameTextures game = new();
        uint texture = game.Make(2, 2, InternalFormat.Rgba32f, Texels(4, 0.1f, 0.2f, 0.3f, 0.4f));
        game.Fill(texture, 1, 1, InternalFormat.Rgba32f, [0.5f, 0.6f, 0.7f, 0.8f], level: 1);
        Assert.That(FeaturesOf(texture), Is.EqualTo(new[] { 0.1f, 0.2f, 0.3f, 0.4f }));
        game.Set(texture, TextureParameterName.TextureSwizzleR, (int)GLEnum.Blue);
        Assert.That(FeaturesOf(texture), Is.EqualTo(new[] { 0.3f, 0.2f, 0.3f, 0.4f }));
        game.Set(texture, TextureParameterName.TextureBaseLevel, 1);
        Assert.That(FeaturesOf(texture), Is.EqualTo(new[] { 0.7f, 0.6f, 0.7f, 0.8f }));

        uint gray = game.Make(1, 1, InternalFormat.R8, [1, 0, 0, 1]);
        Assert.That(FeaturesOf(gray, TextureChannels.Luminance), Is.EqualTo(new[] { 1f }), "red alone is the luminance");
        game.Set(gray, TextureParameterName.TextureSwizzleG, (int)GLEnum.Red);
        game.Set(gray, TextureParameterName.TextureSwizzleB, (int)GLEnum.Red);
        Assert.That(FeaturesOf(gray, TextureChannels.Luminance), Is.EqualTo(new[] { 1f }));
        Assert.That(FeaturesOf(gray, TextureChannels.Rgb), Is.EqualTo(new[] { 1f, 1f, 1f }));

        uint linear = game.Make(1, 1, InternalFormat.Srgb8Alpha8, [0.5f, 0.5f, 0.5f, 0.5f]);
        float[] seen = FeaturesOf(linear);
        Assert.That(seen[0], Is.EqualTo(Math.Pow((Math.Round(0.5 * 255) / 255 + 0.055) / 1.055, 2.4)).Within(2e-3));
        Assert.That(seen[3], Is.EqualTo(Math.Round(0.5 * 255) / 255).Within(1e-6));
    }

    /// <summary>A driver may pack any byte for a NaN, of either sign, so it counts as zero. What is infinite is clamped.</summary>
    [Test]
    public void APixelThatIsNaNIsZeroAsAByte()
    {
        using GameTextures game = new();
        using TrainingSet samples = new(Device, 8, Classes, 1, SampleFormat.Bytes);
        uint texture = game.Make(2, 1, InternalFormat.Rgba32f, [float.NaN, 1, -float.NaN, 0.2f, float.PositiveInfinity, float.NegativeInfinity, BitConverter.Int32BitsToSingle(0x7F800001), -3]);
        samples.AddTexture(texture, 2, 1, TextureChannels.Rgba, 0);
        samples.Upload();
        Assert.That(SetContents.Features(samples), Is.EqualTo(new[] { 0, 1, 0, 0.2f, 1, 0, 0, 0 }).Within(1e-6f));
    }

    // ---- the set ----

    /// <summary>Textures mixed with samples from memory keep their places, even when the ring is full.</summary>
    [Test]
    public void TexturesKeepTheirPlaceAmongTheSamples([Values] SampleFormat format, [Values(1, 2, 3)] int seed)
    {
        const int Width = 3, Height = 1, Inputs = Width * Height * 3, Capacity = 19;
        NeuralDevice device = Device;
        using GameTextures game = new();
        using TrainingSet samples = new(device, Inputs, Classes, Capacity, format);
        Random random = new(seed);
        List<int> waiting = [];
        int?[] rows = new int?[Capacity];
        int number = 0, head = 0;
        for (int round = 0; round < 60; round++)
        {
            for (int i = random.Next(random.Next(2) == 0 ? 4 : 30); i > 0; i--) waiting.Add(Add(++number));
            if (waiting.Count > Capacity) waiting.RemoveRange(0, waiting.Count - Capacity);
            if (round % 17 == 16)
            {
                samples.Clear();
                waiting.Clear();
                (rows, head) = (new int?[Capacity], 0);
            }

            Assert.That(samples.Count, Is.EqualTo(Math.Min(Capacity, rows.Count(row => row is not null) + waiting.Count)));
            if (random.Next(3) == 0) continue;   // more samples come before the upload
            samples.Upload();
            foreach (int sample in waiting)
            {
                rows[head] = sample;
                head = (head + 1) % Capacity;
            }

            waiting.Clear();
            samples.TrimExcess();
            Assert.That(ContentsOf(samples), Is.EqualTo(rows.TakeWhile(row => row is not null).Select(row => (row!.Value, row.Value % Classes, (float)row.Value))), $"round {round}");
        }

        Assert.That(number, Is.GreaterThan(5 * Capacity));
        Assert.That(game.Gl.GetError(), Is.EqualTo(GLEnum.NoError));

        int Add(int sample)
        {
            int value = sample % 256;
            if (random.Next(2) == 0)
            {
                uint texture = game.Make(2, 2, InternalFormat.Rgba8, Texels(4, value / 255f, value / 255f, value / 255f, 1));
                samples.AddTexture(texture, Width, Height, TextureChannels.Rgb, sample % Classes, sample);
                game.Gl.DeleteTexture(texture);
            }
            else if (format == SampleFormat.Bytes)
            {
                samples.Add([.. Enumerable.Repeat((byte)value, Inputs)], sample % Classes, sample);
            }
            else
            {
                samples.Add([.. Enumerable.Repeat(value / 255f, Inputs)], sample % Classes, sample);
            }

            return sample;
        }

        (int Sample, int Label, float Weight)[] ContentsOf(TrainingSet set)
        {
            uint[] targets = SetContents.Targets(set);
            int wordsPerRow = targets.Length / Math.Max(1, set.Uploaded);
            float[] features = SetContents.Features(set);
            return
            [
                .. Enumerable.Range(0, set.Uploaded).Select(row =>
                {
                    int sample = (int)BitConverter.UInt32BitsToSingle(targets[(row * wordsPerRow) + 1]);
                    Assert.That(features.Skip(row * Inputs).Take(Inputs), Is.All.EqualTo(sample % 256 / 255f).Within(1e-6), $"the features of sample {sample}");
                    return (sample, (int)targets[row * wordsPerRow], (float)sample);
                }),
            ];
        }
    }

    /// <summary>The texture is read at the position of AddTexture among the game's calls.</summary>
    [Test]
    public void TheGameMayDrawIntoItOrDeleteItRightAway()
    {
        using GameTextures game = new();
        using TrainingSet samples = new(Device, 4, Classes, 4);
        uint texture = game.Make(1, 1, InternalFormat.Rgba32f, [1, 2, 3, 4]);
        samples.AddTexture(texture, 1, 1, TextureChannels.Rgba, 0);
        game.Fill(texture, 1, 1, InternalFormat.Rgba32f, [5, 6, 7, 8]);
        samples.AddTexture(texture, 1, 1, TextureChannels.Rgba, 1);
        game.Fill(texture, 1, 1, InternalFormat.Rgba32f, [9, 9, 9, 9]);
        game.Gl.DeleteTexture(texture);
        uint other = game.Make(1, 1, InternalFormat.Rgba32f, [-1, -1, -1, -1]);   // probably with the same name
        samples.Upload();
        Assert.That(SetContents.Features(samples), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6, 7, 8 }));
        samples.AddTexture(other, 1, 1, TextureChannels.Rgba, 2);
        samples.Upload();
        Assert.That(SetContents.Features(samples).Skip(8), Is.All.EqualTo(-1));
    }

    /// <summary>
    /// A driver that skips the call gives the sample no features: what its row held before, the picture of an earlier sample, must not be learned under the new target. Nothing tells, so the sample weighs nothing.
    /// </summary>
    [Test]
    public void ATextureThatTheDriverSkipsTeachesNothing([Values] SampleFormat format, [Values] bool values)
    {
        const int Inputs = 4, Count = 3;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using GameTextures game = new();
        float[] first = [1, 0, 1, 0], second = [0, 1, 1, 1];
        uint texture = game.Make(1, 1, InternalFormat.Rgba32f, first);
        using TrainingSet seen = Make(), given = Make();
        Assert.That(Add(0), Is.True);
        game.Fill(texture, 1, 1, InternalFormat.Rgba32f, second);
        seen.Upload();   // the next one has the row of the first
        using (new HostConditionalRender(gl)) Assert.That(Add(1), Is.True);
        Assert.That(Add(2), Is.True);
        seen.Upload();
        Give(first, 0, 2);
        Give(first, 1, 0);
        Give(second, 2, 2);
        given.Upload();
        Assert.That(SetContents.Features(seen), Is.EqualTo(SetContents.Features(given)));
        Assert.That(SetContents.Targets(seen), Is.EqualTo(SetContents.Targets(given)));
        Assert.That(Train(seen), Is.EqualTo(Train(given)));

        TrainingSet Make() => values ? TrainingSet.ForValues(device, Inputs, Classes, Count, format) : new TrainingSet(device, Inputs, Classes, Count, format);

        bool Add(int label) => values ? seen.AddTexture(texture, 1, 1, TextureChannels.Rgba, ValuesOf(label), 2) : seen.AddTexture(texture, 1, 1, TextureChannels.Rgba, label, 2);

        void Give(float[] features, int label, float weight)
        {
            byte[] bytes = [.. features.Select(value => (byte)(255 * value))];
            if (format == SampleFormat.Float && values) given.Add(features, ValuesOf(label), weight);
            else if (format == SampleFormat.Float) given.Add(features, label, weight);
            else if (values) given.Add(bytes, ValuesOf(label), weight);
            else given.Add(bytes, label, weight);
        }

        float[] Train(TrainingSet samples)
        {
            using Network network = new(device, 3, Inputs, new Dense(9), new Relu(), new Dense(Classes));
            using InFrameTrainer trainer = new(
                network, samples, new TrainerOptions { Loss = values ? new MeanSquaredError() : new SoftmaxCrossEntropy(), BatchSize = Count, FrameBudget = FrameBudget.Steps(5) });
            trainer.Tick();
            device.Finish();
            return network.Parameters[0].GetValues();
        }

        static float[] ValuesOf(int label) => [label, 1 - label, 0.5f];
    }

    [Test]
    public void AddingTexturesAllocatesNothingInSteadyState()
    {
        using GameTextures game = new();
        using TrainingSet samples = new(Device, 12, Classes, 16);
        uint texture = game.Make(4, 4, InternalFormat.Rgba8, Texels(16, 1, 0, 1, 1));
        bool[] allowed = [true, true, false];
        for (int frame = 0; frame < 20; frame++) Frame();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int frame = 0; frame < 200; frame++) Frame();
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Frame()
        {
            for (int i = 0; i < 5; i++) samples.AddTexture(texture, 2, 2, TextureChannels.Rgb, 1, 1, allowed);
            samples.Upload();
        }
    }

    [Test]
    public void ItsKernelCanBeWarmedUp()
    {
        using NeuralDevice device = TestDevice.Create();
        using GameTextures game = new();
        using TrainingSet samples = new(device, 12, Classes, 16, SampleFormat.Bytes);
        WarmUpProgress progress = device.WarmUp(samples.KernelsFor(4, 4, TextureChannels.Rgb));
        Assert.That(progress.Total, Is.EqualTo(1));
        while (!progress.IsDone) device.Update();
        DeviceMemory warm = device.Memory;
        samples.AddTexture(game.Make(4, 4, InternalFormat.Rgba8, Texels(16, 1, 0, 1, 1)), 2, 2, TextureChannels.Rgb, 1);
        Assert.That(device.Memory.Programs, Is.EqualTo(warm.Programs));
        Assert.That(() => samples.KernelsFor(0, 4, TextureChannels.Rgb), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => samples.KernelsFor(4, 4, (TextureChannels)2), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    // ---- bad input ----

    [Test]
    public void BadInputIsNamedAndChangesNothing()
    {
        const int Inputs = 12;
        NeuralDevice device = Device;
        using GameTextures game = new();
        using TrainingSet samples = new(device, Inputs, Classes, 4);
        uint good = game.Make(2, 2, InternalFormat.Rgba8, Texels(4, 1, 1, 1, 1));
        uint deleted = game.Make(2, 2, InternalFormat.Rgba8, Texels(4, 1, 1, 1, 1));
        game.Gl.DeleteTexture(deleted);
        uint reserved = game.Gl.GenTexture();
        samples.AddTexture(good, 2, 2, TextureChannels.Rgb, 1);
        samples.Upload();
        samples.AddTexture(good, 2, 2, TextureChannels.Rgb, 2);
        float[] before = SetContents.Features(samples);
        DeviceMemory memory = device.Memory;

        foreach (uint texture in new[] { 0u, deleted, reserved }) Fails<ArgumentException>("no texture of this name", texture);
        Fails<ArgumentException>("not a two-dimensional", game.New(TextureTarget.TextureCubeMap));
        Fails<ArgumentException>("not a two-dimensional", game.New(TextureTarget.Texture2DArray));
        Fails<ArgumentException>("not a two-dimensional", game.New(TextureTarget.Texture2DMultisample));
        Fails<ArgumentException>("not a two-dimensional", game.New(TextureTarget.TextureRectangle));
        Fails<ArgumentException>("level 0", game.New(TextureTarget.Texture2D));
        Fails<ArgumentException>("a depth", game.MakeOther(InternalFormat.DepthComponent24, PixelFormat.DepthComponent, PixelType.Float));
        Fails<ArgumentException>("an integer texture", game.MakeOther(InternalFormat.Rgba8ui, PixelFormat.RgbaInteger, PixelType.UnsignedByte));
        Fails<DeviceLimitException>("too large", game.Make(16_384, 40, InternalFormat.R8, new float[16_384 * 40 * 4]), width: 1, height: 12, channels: TextureChannels.Luminance);
        Fails<ArgumentException>("12 features", good, width: 3);
        Fails<ArgumentException>("12 features", good, channels: TextureChannels.Rgba);
        Fails<ArgumentException>("12 features", good, width: 1 << 20, height: 1 << 20);
        Fails<ArgumentOutOfRangeException>("pixels side by side", good, width: 0);
        Fails<ArgumentOutOfRangeException>("rows of pixels", good, height: -1);
        Fails<ArgumentOutOfRangeException>("channels", good, channels: (TextureChannels)2);
        Fails<ArgumentOutOfRangeException>("classes", good, label: 3);
        Fails<ArgumentOutOfRangeException>("classes", good, label: -1);
        Fails<NonFiniteValueException>("finite", good, weight: float.NaN);
        Fails<ArgumentException>("3 classes", good, allowed: [true, true]);
        Fails<ArgumentException>("allowed classes", good, allowed: [true, false, true]);

        samples.Upload();
        Assert.That(samples.Uploaded, Is.EqualTo(2));
        Assert.That(SetContents.Features(samples), Is.EqualTo(Enumerable.Repeat(1f, 2 * Inputs)));
        TrainingSet gone = new(device, Inputs, Classes, 4);
        gone.Dispose();
        Assert.That(() => gone.AddTexture(good, 2, 2, TextureChannels.Rgb, 0), Throws.TypeOf<ObjectDisposedException>());

        void Fails<TException>(
            string says, uint texture, int width = 2, int height = 2, TextureChannels channels = TextureChannels.Rgb, int label = 1, float weight = 1,
            bool[]? allowed = null) where TException : Exception
        {
            Assert.That(
                () => samples.AddTexture(texture, width, height, channels, label, weight, allowed),
                Throws.TypeOf<TException>().With.Message.Contains(says), $"{says}, texture {texture}");
            Assert.That(samples.Count, Is.EqualTo(2), says);
            Assert.That(SetContents.Features(samples), Is.EqualTo(before), says);
            Assert.That(device.Memory, Is.EqualTo(memory), says);
            Assert.That(game.Gl.GetError(), Is.EqualTo(GLEnum.NoError), says);
        }
    }

    private static float[] Texels(int count, params float[] rgba) => [.. Enumerable.Repeat(rgba, count).SelectMany(texel => texel)];

    private static float[] FeaturesOf(uint texture, TextureChannels channels = TextureChannels.Rgba)
    {
        using TrainingSet samples = new(Device, (int)channels, Classes, 1);
        samples.AddTexture(texture, 1, 1, channels, 0);
        samples.Upload();
        return SetContents.Features(samples);
    }

    private static void AssertFloats(
        NeuralDevice device, HostTexture source, int width, int height, TextureChannels channels, double[] expected, string what)
    {
        const int Rows = 19, Row = 13;
        using MatrixTexture features = new(device, device.Shape(Rows, expected.Length, "features"));
        features.Upload<float>([.. Enumerable.Repeat(Untouched, Rows * expected.Length)]);
        new TextureFeatures(source, width, height, channels, features).Write(Row, default(TextureRegion));
        float[] padded = Kernels.ReadPadded(features);
        int stride = features.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        Tolerance.AssertClose(padded.AsSpan(Row * stride, expected.Length), expected, 1e-5, 1e-5, what);
        for (int i = 0; i < padded.Length; i++)
        {
            if (i % stride >= expected.Length) Assert.That(padded[i], Is.Zero, $"{what}: the padding of row {i / stride}");
            else if (i / stride != Row) Assert.That(padded[i], Is.EqualTo(Untouched), $"{what}: row {i / stride}");
        }
    }

    private static void AssertBytes(
        NeuralDevice device, HostTexture source, int width, int height, TextureChannels channels, double[] expected, string what)
    {
        const int Rows = 10, Row = 9;
        using MatrixTexture features = new(device, device.Shape(Rows, expected.Length, "features", TexelFormat.Byte), TexelFormat.Byte);
        new TextureFeatures(source, width, height, channels, features).Write(Row, default(TextureRegion));
        byte[] padded = new byte[Rows * features.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel];
        features.ReadRows(0, padded);
        int first = Row * features.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        double[] kept = [.. padded.Skip(first).Take(expected.Length).Select(value => value / 255.0)];
        Tolerance.AssertClose(kept, [.. expected.Select(value => Math.Clamp(value, 0, 1))], (0.5 / 255) + 2e-5, 0, $"{what}, bytes");
        Assert.That(padded.Take(first).Concat(padded.Skip(first + expected.Length)), Is.All.Zero, what);
    }
}
