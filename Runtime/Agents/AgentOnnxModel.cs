namespace NeuralPlugin;

/// <summary>
/// A brain of a population as an ONNX model: observations are normalized in it as in the game, masks are an input, and the probabilities are what actions are drawn by.
/// </summary>
internal static class AgentOnnxModel
{
    public const string Observations = "observations";
    public const string Allowed = "allowed";
    public const string Probabilities = "probabilities";
    public const string Value = "value";

    private const string Logits = OnnxModel.Logits;

    /// <summary>The model.</summary>
    /// <param name="options">What the agents have in common.</param>
    /// <param name="brain">Its parameters; with a value behind the actions, where there is one.</param>
    /// <param name="normalizer">What normalizes observations; null where they stay raw.</param>
    /// <param name="scale">What the value means.</param>
    public static ProtobufMessage Of(AgentPopulationOptions options, ClassifierParameters brain, ObservationNormalizer? normalizer, ValueScale scale)
    {
        (int observations, int actions, int hidden, int outputs) = (options.Observations, options.Actions, options.HiddenUnits, options.Outputs);
        List<ProtobufMessage> nodes = [], values = [];
        string features = Observations;
        if (normalizer is not null)
        {
            Keep("normalization.offset", [observations], normalizer.Offset);
            Keep("normalization.scale", [observations], normalizer.Scale);
            Keep("normalization.least", [], [-ObservationNormalizer.Limit]);
            Keep("normalization.most", [], [ObservationNormalizer.Limit]);
            Add("Sub", "centered", Observations, "normalization.offset");
            Add("Mul", "scaled", "centered", "normalization.scale");
            Add("Clip", features = "features", "scaled", "normalization.least", "normalization.most");
        }

        Keep("hidden.weight", [observations, hidden], brain.HiddenWeights);
        Keep("hidden.bias", [hidden], brain.HiddenBiases);
        Keep("policy.weight", [hidden, actions], Columns(brain.OutputWeights, outputs, 0, actions));
        Keep("policy.bias", [actions], Columns(brain.OutputBiases, outputs, 0, actions));
        Keep("lowest", [], [float.MinValue]);
        Keep("nothing", [], [0]);
        Add("Gemm", "hidden", features, "hidden.weight", "hidden.bias");
        Add("Relu", "rectified", "hidden");
        Add("Gemm", Logits, "rectified", "policy.weight", "policy.bias");
        Add("Equal", "masked", Allowed, "nothing");
        Add("Where", "allowed_logits", "masked", "lowest", Logits);
        Add("Softmax", Probabilities, "allowed_logits");
        List<ProtobufMessage> results = [OnnxModel.Matrix(Logits, actions), OnnxModel.Matrix(Probabilities, actions)];
        if (outputs > actions)
        {
            Keep("value.weight", [hidden, 1], Columns(brain.OutputWeights, outputs, actions, 1));
            Keep("value.bias", [1], Columns(brain.OutputBiases, outputs, actions, 1));
            Keep("value.deviation", [], [scale.Deviation]);
            Keep("value.mean", [], [scale.Mean]);
            Add("Gemm", "value_output", "rectified", "value.weight", "value.bias");
            Add("Mul", "value_deviation", "value_output", "value.deviation");
            Add("Add", Value, "value_deviation", "value.mean");
            results.Add(OnnxModel.Matrix(Value, 1));
        }

        return OnnxModel.Of(OnnxModel.Graph("brain", nodes, values, [OnnxModel.Matrix(Observations, observations), OnnxModel.Matrix(Allowed, actions)], results));

        void Keep(string name, int[] shape, ReadOnlySpan<float> numbers) => values.Add(OnnxModel.Tensor(name, shape, numbers));

        void Add(string operatorName, string output, params string[] inputs) => nodes.Add(OnnxModel.Node(output, operatorName, inputs, output));
    }

    private static float[] Columns(float[] matrix, int columns, int first, int count) =>
        [.. Enumerable.Range(0, matrix.Length / columns).SelectMany(row => matrix.AsSpan((row * columns) + first, count).ToArray())];
}
