using System.Text.Json;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using NeuralPlugin.Tests.Twins;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Exported models, run by ONNX Runtime: their results are the network's.</summary>
[TestFixture]
[Category(Categories.OnProcessor)]
internal sealed class OnnxTests
{
    /// <summary>The number of samples compared per model.</summary>
    private const int Samples = 1000;

    private static readonly string[] ThreeNames = ["zero", "\"one\", größer", "二🎲"];

    private DirectoryInfo folder = null!;

    private string FileName => Path.Combine(folder.FullName, "model.onnx");

    [SetUp]
    public void MakeTheFolder() => folder = Directory.CreateTempSubdirectory("neuralplugin-onnx-");

    [TearDown]
    public void DeleteTheFolder() => folder.Delete(recursive: true);

    [Test]
    public void ALinearClassifierGivesTheSame([Values(1, 3, 784)] int inputs, [Values(2, 7, 10)] int classes, [Values] bool softmax)
    {
        using LinearClassifier classifier = new(TestDevice.Plain, inputs, classes);
        Randomize(classifier.Network, seed: 1);
        classifier.ExportOnnx(FileName, softmax);
        AssertGivesTheSame(classifier.Network, softmax);
    }

    [Test]
    public void ATwoLayerClassifierGivesTheSame(
        [Values(1, 9, 784)] int inputs, [Values(1, 7, 128)] int hidden, [Values(2, 10)] int classes, [Values] bool softmax)
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, inputs, hidden, classes);
        Randomize(classifier.Network, seed: 2);
        classifier.ExportOnnx(FileName, softmax);
        AssertGivesTheSame(classifier.Network, softmax);
    }

    /// <summary>Raw outputs, under their own name.</summary>
    [Test]
    public void ARegressorGivesTheSame([Values(1, 9)] int inputs, [Values(7, 128)] int hidden, [Values(1, 10)] int outputs)
    {
        using Regressor regressor = new(TestDevice.Plain, inputs, hidden, outputs);
        Randomize(regressor.Network, seed: 2);
        regressor.ExportOnnx(FileName);
        AssertGivesTheSame(regressor.Network, softmax: false);
        using InferenceSession session = Open();
        Assert.That(session.OutputMetadata.Keys, Is.EqualTo(new[] { "outputs" }));
        Assert.That(session.OutputMetadata["outputs"].Dimensions, Is.EqualTo(new[] { -1, outputs }));
        Assert.That(() => regressor.ExportOnnx(""), Throws.ArgumentException.With.Property("ParamName").EqualTo("path"));
    }

    /// <summary>Shapes and orders of layers chosen by a seed: one to five dense layers, ReLUs anywhere and in succession.</summary>
    [Test]
    public void AnyStackGivesTheSame([Range(1, 24)] int seed)
    {
        SeededRandom random = new((ulong)seed);
        int inputs = 1 + random.NextInt32(70);
        List<Layer> layers = [];
        for (int left = 1 + random.NextInt32(5); left > 0; left--)
        {
            layers.Add(new Dense(1 + random.NextInt32(50)));
            for (int relus = random.NextInt32(3); relus > 0; relus--) layers.Add(new Relu());
        }

        if (random.NextInt32(4) == 0) layers.Insert(0, new Relu());
        bool softmax = random.NextInt32(2) == 0;
        TestContext.Out.WriteLine($"{inputs} inputs, {string.Join(", ", layers.Select(layer => layer is Dense dense ? $"Dense({dense.Units})" : "Relu"))}");

        using Network network = new(TestDevice.Plain, seed, inputs, [.. layers]);
        Randomize(network, seed);
        network.ExportOnnx(FileName, softmax);
        AssertGivesTheSame(network, softmax);
    }

    /// <summary>A classifier that has learned, rather than one with numbers put in.</summary>
    [Test]
    public void WhatWasLearnedIsInTheFile()
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, inputs: 2, hidden: 16, classes: 2);
        SeededRandom random = new(3);
        for (int step = 0; step < 300; step++)
        {
            float[] features = [.. Enumerable.Range(0, 64).Select(_ => (2 * random.NextSingle()) - 1)];
            int[] labels = [.. Enumerable.Range(0, 32).Select(i => features[2 * i] * features[(2 * i) + 1] > 0 ? 1 : 0)];
            classifier.TrainBatch(features, labels, learningRate: 0.5f);
        }

        classifier.ExportOnnx(FileName, softmax: true);
        using InferenceSession session = Open();
        float[] probabilities = Run(session, [0.5f, 0.5f, 0.5f, -0.5f, -0.5f, -0.5f, -0.5f, 0.5f], rows: 4);
        Assert.That(new[] { probabilities[1], probabilities[2], probabilities[5], probabilities[6] }, Is.All.GreaterThan(0.9f));
    }

    [Test]
    public void TheModelSaysWhatItIs([Values] bool softmax)
    {
        using TwoLayerClassifier classifier = new(TestDevice.Plain, 5, 4, 3);
        classifier.ExportOnnx(FileName, softmax, ThreeNames);
        using InferenceSession session = Open();
        Assert.That(session.InputMetadata.Keys, Is.EqualTo(new[] { "features" }));
        Assert.That(session.InputMetadata["features"].Dimensions, Is.EqualTo(new[] { -1, 5 }));
        Assert.That(session.InputMetadata["features"].SymbolicDimensions, Is.EqualTo(new[] { "batch", "" }));
        string output = softmax ? "probabilities" : "logits";
        Assert.That(session.OutputMetadata.Keys, Is.EqualTo(new[] { output }));
        Assert.That(session.OutputMetadata[output].Dimensions, Is.EqualTo(new[] { -1, 3 }));
        Assert.That(session.OutputMetadata[output].SymbolicDimensions, Is.EqualTo(new[] { "batch", "" }));
        Assert.That(session.ModelMetadata.ProducerName, Is.EqualTo("NeuralPlugin"));
        Assert.That(session.ModelMetadata.CustomMetadataMap.Keys, Is.EqualTo(new[] { "classes" }));
        Assert.That(JsonSerializer.Deserialize<string[]>(session.ModelMetadata.CustomMetadataMap["classes"]), Is.EqualTo(ThreeNames));
    }

    [Test]
    public void WithoutClassNamesThereIsNoMetadata()
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        classifier.ExportOnnx(FileName);
        using InferenceSession session = Open();
        Assert.That(session.ModelMetadata.CustomMetadataMap, Is.Empty);
    }

    /// <summary>Field 1 of a model is the format's version, field 8 its operator sets: a domain (1) and a version (2).</summary>
    [Test]
    public void TheOperatorSetIs17()
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        classifier.ExportOnnx(FileName);
        Dictionary<int, object> model = Fields(File.ReadAllBytes(FileName));
        Assert.That(model[1], Is.EqualTo(8L));
        Dictionary<int, object> operatorSet = Fields((byte[])model[8]);
        Assert.That(operatorSet, Does.Not.ContainKey(1), "no domain is ONNX's own");
        Assert.That(operatorSet[2], Is.EqualTo(17L));
    }

    [Test]
    public void TheSameNetworkGivesTheSameBytes()
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        classifier.ExportOnnx(FileName, softmax: true, ThreeNames);
        byte[] first = File.ReadAllBytes(FileName);
        classifier.ExportOnnx(FileName, softmax: true, ThreeNames);
        Assert.That(File.ReadAllBytes(FileName), Is.EqualTo(first));
    }

    // ---- bad input ----

    private static IEnumerable<TestCaseData> BadClassNames()
    {
        yield return new TestCaseData(Array.Empty<string>(), "Expected 3 class names, one for each output, but got 0");
        yield return new TestCaseData(new[] { "a", "b" }, "but got 2");
        yield return new TestCaseData(new[] { "a", "b", "c", "d" }, "but got 4");
        yield return new TestCaseData(new[] { "a", null, "c" }, "that of class 1 is null");
        yield return new TestCaseData(new[] { "a", "b", "" }, "that of class 2 is blank");
        yield return new TestCaseData(new[] { " \t", "b", "c" }, "that of class 0 is blank");
        yield return new TestCaseData(new[] { "a", "b", "a" }, "classes 0 and 2 are both 'a'");
        yield return new TestCaseData(new[] { "a", "b\ud83c", "c" }, "class 1 contains half of a surrogate pair");
        yield return new TestCaseData(new[] { "a", "b", "\udfb2\ud83c" }, "class 2 contains half of a surrogate pair");
    }

    [TestCaseSource(nameof(BadClassNames))]
    public void BadClassNamesAreRefused(string[] names, string says)
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        File.WriteAllText(FileName, "the old one");
        ArgumentException? exception = Assert.Throws<ArgumentException>(() => classifier.ExportOnnx(FileName, softmax: true, names));
        Assert.That(exception!.Message, Does.Contain(says));
        Assert.That(exception.ParamName, Is.EqualTo("classNames"));
        Assert.That(File.ReadAllText(FileName), Is.EqualTo("the old one"));
    }

    [Test]
    public void ABadPathIsRefused()
    {
        using LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        Assert.That(() => classifier.ExportOnnx(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("path"));
        Assert.That(() => classifier.ExportOnnx(""), Throws.ArgumentException.With.Property("ParamName").EqualTo("path"));
        Assert.That(() => classifier.ExportOnnx(folder.FullName), Throws.InstanceOf<IOException>());
        Assert.That(() => classifier.ExportOnnx(Path.Combine(folder.FullName, "nowhere", "model.onnx")), Throws.InstanceOf<FileWriteException>());
        Assert.That(folder.EnumerateFileSystemInfos(), Is.Empty);
        Assert.That(() => OnnxExport.ExportOnnx(null!, FileName), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("network"));
    }

    [Test]
    public void ANetworkThatWasDisposedIsNotExported()
    {
        LinearClassifier classifier = new(TestDevice.Plain, 5, 3);
        classifier.Dispose();
        Assert.That(() => classifier.ExportOnnx(FileName), Throws.InstanceOf<ObjectDisposedException>());
        Assert.That(folder.EnumerateFileSystemInfos(), Is.Empty);
    }

    [Test]
    public void AModelThatTheFormatCannotHoldIsRefused()
    {
        Stack stack = new(1 << 20, [new Dense(1 << 10)]);
        NotSupportedException? exception = Assert.Throws<NotSupportedException>(() => OnnxModel.Check(stack, classNames: null));
        Assert.That(exception!.Message, Does.Contain("at most 2147483647 bytes").And.Contain("would have 4294971392"));
        Assert.That(() => OnnxModel.Check(new Stack(1 << 10, [new Dense(1 << 10)]), classNames: null), Throws.Nothing);
    }

    // ---- the wire format ----

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(127)]
    [TestCase(128)]
    [TestCase(300)]
    [TestCase(int.MaxValue)]
    [TestCase(long.MaxValue)]
    [TestCase(-1)]
    [TestCase(long.MinValue)]
    public void NumbersAreWrittenAsGoogleWritesThem(long value)
    {
        foreach (int field in new[] { 1, 15, 16, 2047, 2048, 536_870_911 })
        {
            byte[] expected = Written(output =>
            {
                output.WriteTag(field, WireFormat.WireType.Varint);
                output.WriteInt64(value);
            });
            Assert.That(Bytes(new ProtobufMessage().Add(field, value)), Is.EqualTo(expected));
        }
    }

    [Test]
    public void MessagesInMessagesAreWrittenAsGoogleWritesThem([Values(0, 1, 127, 128, 20_000)] int length)
    {
        string text = string.Concat(Enumerable.Repeat("ü", length));
        byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)i)];
        byte[] inner = Written(output =>
        {
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteString(text);
            output.WriteTag(4, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(bytes));
        });
        byte[] outer = Written(output =>
        {
            for (int i = 0; i < 2; i++)
            {
                output.WriteTag(7, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(inner));
            }
        });

        ProtobufMessage message = new ProtobufMessage().Add(3, text).Add(4, bytes);
        ProtobufMessage twice = new ProtobufMessage().Add(7, message).Add(7, message);
        Assert.That(Bytes(twice), Is.EqualTo(outer));
        Assert.That(twice.LengthBytes, Is.EqualTo(outer.Length));
    }

    private static byte[] Written(Action<CodedOutputStream> write)
    {
        using MemoryStream stream = new();
        using (CodedOutputStream output = new(stream, leaveOpen: true)) write(output);
        return stream.ToArray();
    }

    private static byte[] Bytes(ProtobufMessage message)
    {
        using MemoryStream stream = new();
        message.WriteTo(stream);
        return stream.ToArray();
    }

    /// <summary>The fields of a message, each occurring once: a long or the bytes.</summary>
    private static Dictionary<int, object> Fields(byte[] message)
    {
        Dictionary<int, object> fields = [];
        using CodedInputStream input = new(message);
        while (input.ReadTag() is var tag and not 0)
        {
            bool number = WireFormat.GetTagWireType(tag) == WireFormat.WireType.Varint;
            fields.Add(WireFormat.GetTagFieldNumber(tag), number ? input.ReadInt64() : input.ReadBytes().ToByteArray());
        }

        return fields;
    }

    /// <summary>Weights of about the size that training gives them, and nonzero biases.</summary>
    private static void Randomize(Network network, int seed)
    {
        foreach (NetworkParameter parameter in network.Parameters)
        {
            double bound = Math.Sqrt(3.0 / Math.Max(3, parameter.Rows));
            parameter.SetValues(TwinArrays.UniformFloats(seed++, parameter.Rows * parameter.Columns, -bound, bound));
        }
    }

    private InferenceSession Open() => Open(FileName);

    private static InferenceSession Open(string fileName)
    {
        using SessionOptions options = new() { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return new InferenceSession(fileName, options);
    }

    private static float[] Run(InferenceSession session, float[] features, int rows)
    {
        DenseTensor<float> input = new(features, [rows, features.Length / rows]);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run([NamedOnnxValue.CreateFromTensor("features", input)]);
        return [.. results.Single().AsTensor<float>()];
    }

    private void AssertGivesTheSame(Network network, bool softmax) => AssertGivesTheSame(FileName, network, softmax);

    /// <summary>All samples, in batches of several sizes in a single session.</summary>
    internal static void AssertGivesTheSame(string fileName, Network network, bool softmax)
    {
        float[] features = TwinArrays.UniformFloats(99, Samples * network.Inputs, -1, 1);
        float[] expected = new float[Samples * network.Outputs];
        if (softmax) network.Predict(features, expected);
        else network.ComputeLogits(features, expected);

        List<float> actual = [];
        using InferenceSession session = Open(fileName);
        int row = 0;
        foreach (int rows in new[] { 1, 2, 7, 64, 333, Samples - 407 })
        {
            actual.AddRange(Run(session, features[(row * network.Inputs)..((row + rows) * network.Inputs)], rows));
            row += rows;
        }

        Assert.That(row, Is.EqualTo(Samples));
        Tolerance.AssertClose(actual.ToArray(), TwinArrays.ToDouble(expected), 1e-5, softmax ? 0 : 1e-5, "ONNX Runtime's output", network.Outputs);
    }
}
