using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace NeuralPlugin;

/// <summary>
/// A network as an ONNX model: one node per layer, with the parameters as initializers. The messages and field numbers are
/// those of onnx.proto (github.com/onnx/onnx). Attributes keep their defaults where these match ours: Gemm computes A·B + C
/// with B [inputs × units], and Softmax runs along the last axis.
/// </summary>
internal static class OnnxModel
{
    public const int OperatorSet = 17;
    public const string Features = "features";
    public const string Logits = "logits";
    public const string Outputs = "outputs";
    public const string Probabilities = "probabilities";
    public const string BatchAxis = "batch";
    public const string ClassNamesKey = "classes";

    /// <summary>The file format version that accompanies operator set 17.</summary>
    private const int IrVersion = 8;

    private const int FloatType = 1;
    private const int FloatAttribute = 1;

    /// <summary>No Protocol Buffers reader accepts a longer message.</summary>
    private const long MaximumBytes = int.MaxValue;

    /// <summary>Checks for anything wrong with a model, before a parameter is read back.</summary>
    public static void Check(Stack stack, IReadOnlyList<string>? classNames)
    {
        CheckSize(stack.Layers.SelectMany(layer => layer.Parameters).Sum(parameter => sizeof(float) * (long)parameter.Rows * parameter.Columns));
        if (classNames is null) return;
        if (classNames.Count != stack.Outputs)
            throw new ArgumentException($"Expected {stack.Outputs} class names, one for each output, but got {classNames.Count}.", nameof(classNames));
        Dictionary<string, int> places = [];
        for (int i = 0; i < classNames.Count; i++)
        {
            string name = classNames[i];
            if (string.IsNullOrWhiteSpace(name))
                throw new ArgumentException($"Every class needs a name, but that of class {i} is {(name is null ? "null" : "blank")}.", nameof(classNames));
            if (!IsText(name))
                throw new ArgumentException($"The name of class {i} contains half of a surrogate pair, which no text file can contain.", nameof(classNames));
            if (!places.TryAdd(name, i))
                throw new ArgumentException($"Class names must differ, but classes {places[name]} and {i} are both '{name}'.", nameof(classNames));
        }
    }

    /// <summary>The model of a network that passed <see cref="Check"/>. Waits for the GPU.</summary>
    /// <param name="network">The network.</param>
    /// <param name="softmax">Whether the model ends with a softmax.</param>
    /// <param name="classNames">The names for its metadata; null for none.</param>
    /// <param name="outputs">The name of the last layer's output.</param>
    public static ProtobufMessage Of(Network network, bool softmax, IReadOnlyList<string>? classNames, string outputs = Logits)
    {
        ProtobufMessage model = ModelOf(Graph(network, softmax, outputs));
        if (classNames is not null) model.Add(14, new ProtobufMessage().Add(1, ClassNamesKey).Add(2, Json(classNames)));   // metadata_props
        CheckSize(model.LengthBytes);
        return model;
    }

    /// <summary>The model of a graph.</summary>
    public static ProtobufMessage Of(ProtobufMessage graph)
    {
        ProtobufMessage model = ModelOf(graph);
        CheckSize(model.LengthBytes);
        return model;
    }

    /// <summary>GraphProto.</summary>
    public static ProtobufMessage Graph(
        string name, IEnumerable<ProtobufMessage> nodes, IEnumerable<ProtobufMessage> initializers, IEnumerable<ProtobufMessage> inputs, IEnumerable<ProtobufMessage> outputs)
    {
        ProtobufMessage graph = new();
        foreach (ProtobufMessage node in nodes) graph.Add(1, node);
        graph.Add(2, name);
        foreach (ProtobufMessage initializer in initializers) graph.Add(5, initializer);
        foreach (ProtobufMessage input in inputs) graph.Add(11, input);
        foreach (ProtobufMessage output in outputs) graph.Add(12, output);
        return graph;
    }

    private static ProtobufMessage ModelOf(ProtobufMessage graph) => new ProtobufMessage()
        .Add(1, IrVersion)
        .Add(2, nameof(NeuralPlugin))   // producer_name
        .Add(3, typeof(OnnxModel).Assembly.GetName().Version!.ToString(3))   // producer_version
        .Add(7, graph)
        .Add(8, new ProtobufMessage().Add(2, OperatorSet));   // the version; no domain means ONNX's own set

    private static ProtobufMessage Graph(Network network, bool softmax, string outputs)
    {
        IReadOnlyList<StackLayer> layers = network.Stack.Layers;
        List<ProtobufMessage> nodes = [];
        List<ProtobufMessage> initializers = [];
        string value = Features;
        Queue<NetworkParameter> parameters = new(network.Parameters);
        for (int i = 0; i < layers.Count; i++)
        {
            List<string> inputs = [value];
            foreach (ParameterPart part in layers[i].Parameters.SelectMany(parameter => parameter.Parts))
            {
                NetworkParameter parameter = parameters.Dequeue();
                initializers.Add(Tensor(parameter, part));
                inputs.Add(parameter.Name);
            }

            value = i == layers.Count - 1 ? outputs : $"{i}.output";
            nodes.Add(Node($"{i}.{layers[i].Layer.Name}", layers[i].Layer.OnnxOperator, inputs, value, layers[i].Layer.OnnxAttributes));
        }

        if (softmax)
        {
            nodes.Add(Node("softmax", "Softmax", [value], Probabilities));
            value = Probabilities;
        }

        return Graph("network", nodes, initializers, [Matrix(Features, network.Inputs)], [Matrix(value, network.Outputs)]);
    }

    /// <summary>NodeProto.</summary>
    public static ProtobufMessage Node(
        string name, string operatorName, IEnumerable<string> inputs, string output, params IEnumerable<(string Name, float Value)> attributes)
    {
        ProtobufMessage node = new();
        foreach (string input in inputs) node.Add(1, input);
        node.Add(2, output).Add(3, name).Add(4, operatorName);
        foreach ((string attribute, float value) in attributes)
            node.Add(5, new ProtobufMessage().Add(1, attribute).Add(2, value).Add(20, FloatAttribute));   // AttributeProto
        return node;
    }

    /// <summary>A parameter; biases are a vector.</summary>
    private static ProtobufMessage Tensor(NetworkParameter parameter, ParameterPart part) =>
        Tensor(parameter.Name, part.Name == ParameterPart.Bias ? [parameter.Columns] : [parameter.Rows, parameter.Columns], parameter.GetValues());

    /// <summary>TensorProto: its raw bytes are little-endian, as always in ONNX.</summary>
    public static ProtobufMessage Tensor(string name, int[] shape, ReadOnlySpan<float> values)
    {
        byte[] bytes = new byte[sizeof(float) * values.Length];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(sizeof(float) * i), values[i]);

        ProtobufMessage tensor = new();
        foreach (int size in shape) tensor.Add(1, size);
        return tensor.Add(2, FloatType).Add(8, name).Add(9, bytes);
    }

    /// <summary>ValueInfoProto: a matrix [batch × columns] of any number of rows.</summary>
    public static ProtobufMessage Matrix(string name, int columns)
    {
        ProtobufMessage shape = new ProtobufMessage()
            .Add(1, new ProtobufMessage().Add(2, BatchAxis))   // dim_param
            .Add(1, new ProtobufMessage().Add(1, columns));   // dim_value
        ProtobufMessage tensor = new ProtobufMessage().Add(1, FloatType).Add(2, shape);
        return new ProtobufMessage().Add(1, name).Add(2, new ProtobufMessage().Add(1, tensor));
    }

    private static string Json(IReadOnlyList<string> texts)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartArray();
            foreach (string text in texts) writer.WriteStringValue(text);
            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void CheckSize(long bytes)
    {
        if (bytes > MaximumBytes)
            throw new NotSupportedException($"An ONNX model has at most {MaximumBytes} bytes, but this one would have {bytes}. Save the network as safetensors instead.");
    }

    private static bool IsText(string text)
    {
        for (int i = 0; i < text.Length; i += char.IsSurrogatePair(text, i) ? 2 : 1)
        {
            if (char.IsSurrogate(text[i]) && !char.IsSurrogatePair(text, i)) return false;
        }

        return true;
    }
}
