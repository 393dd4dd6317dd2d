using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Files of weights and checkpoints, without a device: their content, and what is rejected at which byte.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class ModelFileTests
{
    private static readonly int[][] Sizes =
        [[1, 2], [7, 3], [785, 10], [1, 1, 2], [1, 9, 2], [3, 1, 7], [9, 7, 3], [785, 33, 11], [5, 129, 1_001]];

    [Test]
    public void WhatIsReadIsWhatWasWrittenToTheLastBit(
        [ValueSource(nameof(Sizes))] int[] sizes, [ValueSource(typeof(ModelFiles), nameof(ModelFiles.Optimizers))] Optimizer? optimizer)
    {
        ModelContent written = ModelFiles.Make(3, sizes, optimizer);
        written.Parameters[0][0] = -0f;
        written.Parameters[^1][^1] = float.Epsilon;
        written.Parameters[^1][0] = float.MaxValue;
        byte[] file = ModelFiles.Write(written);
        ModelContent read = ModelFiles.Read(file, ModelFiles.FormatOf(sizes));
        Assert.That(read.Sizes, Is.EqualTo(sizes));
        AssertSameBits(read.Parameters, written.Parameters);
        Assert.That(read.Training is null, Is.EqualTo(optimizer is null));
        if (read.Training is not { } training || written.Training is not { } original) return;
        Assert.That(training with { Moments = original.Moments }, Is.EqualTo(original));
        Assert.That(training.Moments, Has.Length.EqualTo(original.Moments.Length));
        foreach ((float[][] a, float[][] b) in training.Moments.Zip(original.Moments)) AssertSameBits(a, b);
    }

    /// <summary>Random shapes: writing and reading is the identity.</summary>
    [Test]
    public void AnyShapeComesBack()
    {
        SeededRandom random = new(5);
        for (int i = 0; i < 300; i++)
        {
            int[] sizes = [1 + random.NextInt32(40), .. i % 2 == 0 ? [] : new[] { 1 + random.NextInt32(40) }, 2 + random.NextInt32(20)];
            ModelContent written = ModelFiles.Make(i, sizes, ModelFiles.Optimizers[random.NextInt32(ModelFiles.Optimizers.Length)]);
            ModelContent read = ModelFiles.Read(ModelFiles.Write(written), ModelFiles.FormatOf(sizes));
            Assert.That(read.Sizes, Is.EqualTo(sizes));
            AssertSameBits(read.Parameters, written.Parameters);
        }
    }

    [Test]
    public void EveryFloatOfTheMetadataComesBack()
    {
        SeededRandom random = new(6);
        for (int i = 0; i < 2_000; i++)
        {
            float rate = BitConverter.UInt32BitsToSingle(random.NextUInt32() & 0x7f7f_ffff), share = random.NextSingle();
            Adam adam = new(rate, share, MathF.BitDecrement(1), MathF.Max(rate, 1.17549435e-38f));
            ModelContent read = ModelFiles.Read(ModelFiles.Write(ModelFiles.Make(1, [1, 2], adam)), ModelFiles.Linear);
            Assert.That(read.Training!.Optimizer, Is.EqualTo(adam));
        }
    }

    [Test]
    public void EveryStrictPrefixIsRefused([ValueSource(typeof(ModelFiles), nameof(ModelFiles.Optimizers))] Optimizer? optimizer)
    {
        byte[] file = ModelFiles.Write(ModelFiles.Make(3, [3, 5, 4], optimizer));
        for (int length = 0; length < file.Length; length++)
        {
            ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(file[..length], ModelFiles.TwoLayers), $"{length} bytes")!;
            Assert.That(exception.Offset, Is.InRange(0, length));
        }
    }

    /// <summary>The bytes themselves: the format is the public one, not one that only our reader accepts.</summary>
    [Test]
    public void TheFileIsThePublicFormat()
    {
        ModelContent model = ModelFiles.Make(1, [2, 3], new Sgd(0.5f));
        byte[] file = ModelFiles.Write(model);
        int headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        Assert.That(headerBytes % 8, Is.Zero, "the data is aligned");
        JsonElement header = JsonDocument.Parse(file.AsMemory(8, headerBytes)).RootElement;
        Assert.That(header.EnumerateObject().Select(member => member.Name), Is.EqualTo(new[] { "__metadata__", "output.weight", "output.bias" }));
        Assert.That(header.GetProperty("output.weight").GetRawText(), Is.EqualTo("""{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"""));
        Assert.That(header.GetProperty("output.bias").GetRawText(), Is.EqualTo("""{"dtype":"F32","shape":[3],"data_offsets":[24,36]}"""));
        Dictionary<string, string> metadata = header.GetProperty("__metadata__").Deserialize<Dictionary<string, string>>()!;
        Assert.That(metadata["format_version"], Is.EqualTo("1"));
        Assert.That(metadata["layout"], Is.EqualTo("row-major [inputs, units]"));
        Assert.That(metadata["model"], Is.EqualTo("classifier"));
        Assert.That(metadata["activation"], Is.EqualTo("none"));
        Assert.That(metadata["generator"], Does.Match(@"^NeuralPlugin \d+\.\d+\.\d+$"));
        Assert.That(metadata["optimizer"], Is.EqualTo("sgd"));
        Assert.That(metadata["trainer.steps"], Is.EqualTo("1234567"));
        Assert.That(metadata["trainer.kernel_family"], Is.EqualTo("register-tiled"));
        Assert.That(MemoryMarshal.Cast<byte, float>(file.AsSpan(8 + headerBytes)).ToArray(), Is.EqualTo(model.Parameters.SelectMany(values => values)));
    }

    /// <summary>A file as the format's own library writes it: entries by name, other metadata or none, the data in that order.</summary>
    [TestCase("")]
    [TestCase("\"__metadata__\":{\"format\":\"pt\"},")]
    [TestCase("\"__metadata__\":{},")]
    [TestCase("\"__metadata__\":null,")]
    public void AFileOfTheFormatsOwnLibraryIsRead(string metadata)
    {
        string header = $$"""
            {{{metadata}}"hidden.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"hidden.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},
            """.Trim() + """
            "output.bias":{"dtype":"F32","shape":[3],"data_offsets":[16,28]},"output.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[28,52]}}   
            """;
        ModelContent model = ModelFiles.Read(FileOf(header, Enumerable.Range(0, 13).Select(i => (float)i)), ModelFiles.TwoLayers);
        Assert.That(model.Sizes, Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(model.Parameters, Is.EqualTo(new float[][] { [2, 3], [0, 1], [7, 8, 9, 10, 11, 12], [4, 5, 6] }));
    }

    [Test]
    public void ACheckpointIsAFileOfWeightsToo()
    {
        ModelContent model = ModelFiles.Make(1, [2, 3], new Adam());
        Assert.That(ModelFiles.Read(ModelFiles.Write(model), ModelFiles.Linear).Parameters, Is.EqualTo(model.Parameters));
    }

    /// <summary>Also with one output; with a loss without hyperparameters, and one with them.</summary>
    [Test]
    public void ARegressorsCheckpointComesBack([Values(1, 3)] int outputs)
    {
        foreach (Loss loss in new Loss[] { new MeanSquaredError(), new HuberLoss(0.3f) })
        {
            ModelContent written = ModelFiles.Make(3, [5, 4, outputs], new Adam(0.01f), loss);
            ModelContent read = ModelFiles.Read(ModelFiles.Write(written, ModelFiles.Regressor), ModelFiles.Regressor);
            AssertSameBits(read.Parameters, written.Parameters);
            Assert.That(read.Training!.Loss, Is.EqualTo(loss));
        }
    }

    [Test]
    public void AFileOfAnotherKindOfModelIsRefusedAndOneThatDoesNotSayIsTaken()
    {
        byte[] file = ModelFiles.Write(ModelFiles.Make(1, [5, 4, 3]));
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Regressor))!;
        Assert.That(exception.Defect, Is.EqualTo(FileDefect.Model));
        Assert.That(exception.Message, Does.Contain("model must be 'regressor', but is 'classifier'"));
        Assert.Throws<ModelFileException>(() => ModelFiles.Read(ModelFiles.Write(ModelFiles.Make(1, [5, 4, 3]), ModelFiles.Regressor), ModelFiles.TwoLayers));

        int offset = Encoding.Latin1.GetString(file).IndexOf("\"model\"", StringComparison.Ordinal);
        "\"other\""u8.CopyTo(file.AsSpan(offset));
        Assert.That(ModelFiles.Read(file, ModelFiles.Regressor).Sizes, Is.EqualTo(ModelFiles.Read(file, ModelFiles.TwoLayers).Sizes));
    }

    // ---- defects, and their bytes ----

    [Test]
    public void TheByteOfAValueThatIsNotFiniteIsNamed([Values(0, 1, 34, 35, 36)] int place, [Values(float.NaN, float.NegativeInfinity)] float value)
    {
        byte[] file = ModelFiles.Write(ModelFiles.Make(1, [5, 6]));
        int offset = file.Length - (36 * sizeof(float)) + (place * sizeof(float));
        if (place == 36) offset = file.Length - sizeof(float);
        BitConverter.GetBytes(value).CopyTo(file, offset);
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Linear))!;
        Assert.That(exception.Offset, Is.EqualTo(offset));
        Assert.That(exception.Path, Is.EqualTo("a file"));
        Assert.That(exception.Message, Does.Contain("a file").And.Contain($"byte {offset}").And.Contain($"{value}").And.Contain("must be finite"));
    }

    [TestCase("\"F32\"", "\"F16\"", FileDefect.ElementType, "F32")]
    [TestCase("[5,6]", "[6,5]", FileDefect.Shape, "output.bias is [6]")]
    [TestCase("[5,6]", "[5,7]", FileDefect.TensorSize, "takes 140 bytes")]
    [TestCase("[5,6]", "[5,0]", FileDefect.Dimension, "dimension")]
    [TestCase("[0,120]", "[4,124]", FileDefect.Gap, "begins at 4, but the data before it ends at 0")]
    [TestCase("[120,144]", "[116,140]", FileDefect.Overlap, "begins at 116, but the data before it ends at 120")]
    [TestCase("output.bias", "output.bia_", FileDefect.UnknownTensor, "output.bia_")]
    [TestCase("\"1\"", "\"2\"", FileDefect.FormatVersion, "newer version")]
    [TestCase("row-major", "col-major", FileDefect.Layout, "col-major")]
    [TestCase("\"none\"", "\"relu\"", FileDefect.Activation, "another kind")]
    public void WhatIsWrongIsSaidWithItsByte(string right, string wrong, FileDefect defect, string says)
    {
        byte[] file = ModelFiles.Write(ModelFiles.Make(1, [5, 6]));
        int offset = Encoding.Latin1.GetString(file).IndexOf(right, StringComparison.Ordinal);
        Assert.That(offset, Is.Positive);
        Encoding.Latin1.GetBytes(wrong).CopyTo(file, offset);
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Linear))!;
        Assert.That(exception.Defect, Is.EqualTo(defect));
        Assert.That(exception.Message, Does.Contain(says).And.Contain(string.Create(CultureInfo.InvariantCulture, $"byte {exception.Offset}")));
        Assert.That(exception.Offset, Is.InRange(offset - 80, offset + 80), "near what was changed");
    }

    /// <summary>Also for an entry that is not used, and however its name is escaped.</summary>
    [TestCase("\"format\":\"pt\",\"format\":\"pt\"", "format appears twice")]
    [TestCase("\"format\":\"pt\",\"other\":\"\",\"f\\u006frmat\":\"tf\"", "format appears twice")]
    [TestCase("\"layout\":\"row-major [inputs, units]\",\"layout\":\"row-major [inputs, units]\"", "layout appears twice")]
    [TestCase("\"LONG\":\"\",\"LONG\":\"\"", "very long key of the metadata appears twice")]
    [TestCase("\"LONG\":\"\",\"LON\\u0047\":\"\"", "very long key of the metadata appears twice")]
    [TestCase("\"LONGER\":\"\",\"LONG\":\"\"", null)]
    public void AnEntryOfTheMetadataThatComesTwiceIsRefused(string entries, string? says)
    {
        string header = $"{{\"__metadata__\":{{{entries.Replace("LON", new string('n', 600), StringComparison.Ordinal)}}}}}";
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(FileOf(header, []), ModelFiles.Linear))!;
        Assert.That(exception.Defect, Is.EqualTo(says is null ? FileDefect.TensorMissing : FileDefect.MetadataTwice));
        if (says is not null) Assert.That(exception.Message, Does.Contain(says));
    }

    /// <summary>A header that claims large tensors allocates nothing: memory is allocated only for the content of the file.</summary>
    [TestCase(99_000_000ul)]
    [TestCase(ulong.MaxValue)]
    [TestCase((ulong)long.MaxValue)]
    public void AHeadersLengthIsNotTrusted(ulong length)
    {
        byte[] file = new byte[1_000];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Linear));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(100_000));
    }

    [Test]
    public void DeepJsonIsRefusedEarly()
    {
        string deep = $"{{\"x\":{new string('[', 1_000_000)}";
        ModelFileException exception = Assert.Throws<ModelFileException>(() => ModelFiles.Read(FileOf(deep, []), ModelFiles.Linear))!;
        Assert.That(exception.Offset, Is.LessThan(100));
        deep = $"{{\"__metadata__\":{{\"x\":{new string('[', 1_000_000)}";
        Assert.Throws<ModelFileException>(() => ModelFiles.Read(FileOf(deep, []), ModelFiles.Linear));
    }

    [Test]
    public void LongTextsTakeNoMemory()
    {
        string header = $"{{\"__metadata__\":{{\"{new string('k', 1_000_000)}\":\"{new string('v', 1_000_000)}\"}}}}";
        byte[] file = FileOf(header, []);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(Assert.Throws<ModelFileException>(() => ModelFiles.Read(file, ModelFiles.Linear))!.Defect, Is.EqualTo(FileDefect.TensorMissing));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(file.Length + 100_000), "the header, once");
    }

    private static byte[] FileOf(string header, IEnumerable<float> data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. data.SelectMany(BitConverter.GetBytes)];
    }

    private static void AssertSameBits(float[][] actual, float[][] expected)
    {
        Assert.That(actual.Select(values => values.Length), Is.EqualTo(expected.Select(values => values.Length)));
        foreach ((float[] a, float[] b) in actual.Zip(expected))
            Assert.That(MemoryMarshal.AsBytes<float>(a).SequenceEqual(MemoryMarshal.AsBytes<float>(b)), "the bits");
    }
}
