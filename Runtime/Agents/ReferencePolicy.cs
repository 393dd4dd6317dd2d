namespace NeuralPlugin;

/// <summary>
/// The policy that agents must stay near: a copy of a brain that never learns, with the normalization of observations that belongs to it. It is evaluated
/// whenever their own brains are, on the same observations.
/// </summary>
internal sealed class ReferencePolicy : IDisposable
{
    private readonly Network network;
    private readonly PredictionWorkspace prediction;
    private readonly ObservationNormalizer? normalizer;
    private readonly JoinedFeatures? joined;

    /// <param name="device">Where it lives.</param>
    /// <param name="brain">The brain, which is copied; <see cref="Check"/> has found that it fits.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="seen">The textures that agents have seen; null if they see none.</param>
    public ReferencePolicy(NeuralDevice device, BrainState brain, AgentPopulationOptions options, SeenTextures? seen)
    {
        OutputCount = brain.Outputs;
        network = new Network(device, seed: 1, brain.Header.Inputs, new Dense(brain.HiddenUnits), new Relu(), new Dense(brain.Outputs));
        network.KernelsInUse.TrySettle(options.Tuning!);
        foreach ((int i, NetworkParameter parameter) in network.Parameters.Index()) parameter.Upload(brain.Arrays[i]);
        prediction = new PredictionWorkspace(network, options.Capacity, softmax: false);
        if (seen is not null) joined = new JoinedFeatures(device, seen, options.StackedObservations, prediction.Input);
        if (brain.Normalizer is not { } statistics) return;
        normalizer = new ObservationNormalizer(brain.Observations);
        normalizer.CopyFrom(statistics);
    }

    /// <summary>Its outputs for the last question, one row per decision: those of the policy, and a value if it has one.</summary>
    public MatrixTexture Outputs => prediction.Results;

    /// <summary>Outputs of a row.</summary>
    public int OutputCount { get; }

    /// <summary>Checks that a brain has the observations and the actions of the agents.</summary>
    /// <exception cref="ArgumentException">It does not.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite.</exception>
    public static void Check(BrainState brain, AgentPopulationOptions options)
    {
        AgentStateHeader header = brain.Header;
        TextureObservations? texture = options.TextureObservations;
        (int, int, int) seen = texture is null ? (0, 0, 0) : (texture.Width, texture.Height, texture.Values / (texture.Width * texture.Height));
        bool fits = header.Observations == options.Observations && header.NumStackedVectorObservations == options.NumStackedVectorObservations && header.Actions.Policy.Equals(options.Policy)
            && (header.TextureWidth, header.TextureHeight, header.TextureWidth == 0 ? 0 : header.TextureChannels) == seen;
        if (!fits)
        {
            throw new ArgumentException(
                $"The Reference must be a brain for {options.Observations} observations, {options.NumStackedVectorObservations} stacked, and {options.ActionSpec}, with the same texture if there is one, but got one of {brain.Shape}. " +
                "Read the file of the brain that these agents were shipped with (BrainState.Read).", nameof(brain));
        }

        brain.RequireFinite();
    }

    /// <summary>Normalizes raw observations by its own statistics.</summary>
    public void Normalize(ReadOnlySpan<float> raw, Span<float> features)
    {
        raw.CopyTo(features);
        normalizer?.Apply(features);
    }

    /// <summary>Enqueues the forward pass, within a call of the device.</summary>
    /// <param name="features">[rows × observations].</param>
    /// <param name="looks">[rows]: the row of the seen texture.</param>
    public void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        using NeuralDevice.Scope scope = network.Enter();
        if (joined is null)
        {
            prediction.Enqueue(features, looks.Length);
            return;
        }

        joined.Write(features, looks);
        prediction.EnqueueWritten(looks.Length);
    }

    public void Dispose()
    {
        joined?.Dispose();
        prediction.Dispose();
        network.Dispose();
    }
}
