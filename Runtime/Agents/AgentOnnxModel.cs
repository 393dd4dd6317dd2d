namespace NeuralPlugin;

/// <summary>
/// A brain of a population as an ONNX model: it normalizes observations as the game does, masks are an input, and actions are sampled from the
/// probabilities. With several branches each has its own mask, logits and probabilities, whose names end with its number; continuous actions are the
/// means, clamped to ±1, and the unclamped means are outputs too, beside the deviations.
/// </summary>
internal static class AgentOnnxModel
{
    public const string Observations = "observations";
    public const string Allowed = "allowed";
    public const string Probabilities = "probabilities";
    public const string Value = "value";
    public const string Means = "means";
    public const string Deviations = "deviations";
    public const string Continuous = "continuous_actions";

    private const string Logits = OnnxModel.Logits;

    /// <summary>Makes the model.</summary>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="brain">Its parameters, with the value after the actions if there is one.</param>
    /// <param name="normalizer">The normalizer of observations; null if they stay raw.</param>
    /// <param name="scale">The scale of the value.</param>
    public static ProtobufMessage Of(AgentPopulationOptions options, ClassifierParameters brain, ObservationNormalizer? normalizer, ValueScale scale)
    {
        PolicyShape policy = options.Policy;
        (int observations, int hidden, int outputs) = (options.StackedObservations, options.HiddenUnits, options.Outputs);
        List<ProtobufMessage> nodes = [], values = [];
        string features = Observations;
        if (normalizer is { IsKnown: true })
        {
            Keep("normalization.offset", [observations], Stacked(normalizer.Offset));
            Keep("normalization.scale", [observations], Stacked(normalizer.Scale));
            Keep("normalization.least", [], [-ObservationNormalizer.Limit]);
            Keep("normalization.most", [], [ObservationNormalizer.Limit]);
            Add("Sub", "centered", Observations, "normalization.offset");
            Add("Mul", "scaled", "centered", "normalization.scale");
            Add("Clip", features = "features", "scaled", "normalization.least", "normalization.most");
        }

        Keep("hidden.weight", [observations, hidden], brain.HiddenWeights);
        Keep("hidden.bias", [hidden], brain.HiddenBiases);
        Keep("lowest", [], [float.MinValue]);
        Keep("nothing", [], [0]);
        Add("Gemm", "hidden", features, "hidden.weight", "hidden.bias");
        Add("Relu", "rectified", "hidden");
        List<ProtobufMessage> inputs = [OnnxModel.Matrix(Observations, observations)], results = [];
        for (int branch = 0; branch < policy.Branches; branch++) AddBranch(branch, policy.Branches == 1 ? "" : $"_{branch}");
        if (policy.Continuous > 0) AddContinuous();
        if (outputs > policy.Outputs)
        {
            Keep("value.weight", [hidden, 1], Columns(brain.OutputWeights, outputs, policy.Outputs, 1));
            Keep("value.bias", [1], Columns(brain.OutputBiases, outputs, policy.Outputs, 1));
            Keep("value.deviation", [], [scale.Deviation]);
            Keep("value.mean", [], [scale.Mean]);
            Add("Gemm", "value_output", "rectified", "value.weight", "value.bias");
            Add("Mul", "value_deviation", "value_output", "value.deviation");
            Add("Add", Value, "value_deviation", "value.mean");
            results.Add(OnnxModel.Matrix(Value, 1));
        }

        return OnnxModel.Of(OnnxModel.Graph("brain", nodes, values, inputs, results));

        float[] Stacked(ReadOnlySpan<float> ofOne)
        {
            float[] ofAll = new float[observations];
            for (int first = 0; first < observations; first += ofOne.Length) ofOne.CopyTo(ofAll.AsSpan(first));
            return ofAll;
        }

        void AddLinear(string output, string name, int first, int count)
        {
            Keep($"{name}.weight", [hidden, count], Columns(brain.OutputWeights, outputs, first, count));
            Keep($"{name}.bias", [count], Columns(brain.OutputBiases, outputs, first, count));
            Add("Gemm", output, "rectified", $"{name}.weight", $"{name}.bias");
        }

        void AddBranch(int branch, string suffix)
        {
            int actions = policy.SizeOf(branch);
            AddLinear(Logits + suffix, $"policy{suffix}", policy.FirstOf(branch), actions);
            Add("Equal", $"masked{suffix}", Allowed + suffix, "nothing");
            Add("Where", $"allowed_logits{suffix}", $"masked{suffix}", "lowest", Logits + suffix);
            Add("Softmax", Probabilities + suffix, $"allowed_logits{suffix}");
            inputs.Add(OnnxModel.Matrix(Allowed + suffix, actions));
            results.AddRange([OnnxModel.Matrix(Logits + suffix, actions), OnnxModel.Matrix(Probabilities + suffix, actions)]);
        }

        void AddContinuous()
        {
            int count = policy.Continuous;
            Keep("continuous.least", [], [-1]);
            Keep("continuous.most", [], [1]);
            Keep("deviation.least", [], [ComposedPolicyLoss.LeastLogDeviation]);
            Keep("deviation.most", [], [ComposedPolicyLoss.MostLogDeviation]);
            AddLinear(Means, "mean", policy.DiscreteOutputs, count);
            Add("Clip", Continuous, Means, "continuous.least", "continuous.most");
            AddLinear("log_deviations", "deviation", policy.DiscreteOutputs + count, count);
            Add("Clip", "held_log_deviations", "log_deviations", "deviation.least", "deviation.most");
            Add("Exp", Deviations, "held_log_deviations");
            results.AddRange([OnnxModel.Matrix(Means, count), OnnxModel.Matrix(Deviations, count), OnnxModel.Matrix(Continuous, count)]);
        }

        void Keep(string name, int[] shape, ReadOnlySpan<float> numbers) => values.Add(OnnxModel.Tensor(name, shape, numbers));

        void Add(string operatorName, string output, params string[] inputs) => nodes.Add(OnnxModel.Node(output, operatorName, inputs, output));
    }

    private static float[] Columns(float[] matrix, int columns, int first, int count) =>
        [.. Enumerable.Range(0, matrix.Length / columns).SelectMany(row => matrix.AsSpan((row * columns) + first, count).ToArray())];
}
