namespace NeuralPlugin;

/// <summary>The decisions asked for in one frame: their observations and, some frames later, the brains' outputs.</summary>
internal sealed class DecisionRequest : IDisposable
{
    private readonly NeuralDevice device;
    private readonly IDecidingNetwork network;
    private readonly SpanClock clock;
    private readonly Readback readback;
    private readonly MatrixTexture[] textures;
    private readonly float[] features;      // [rows × observations]
    private readonly bool[] masks;          // [rows × actions]
    private readonly int[] looks;           // of each row
    private readonly Question[] questions;  // of each row
    private readonly float[] outputs;       // [rows × outputs]
    private readonly ReferencePolicy? reference;
    private readonly float[] referenceFeatures;
    private readonly float[] referenceOutputs;
    private readonly PolicyShape policy;
    private readonly int observations;
    private readonly int actions;
    private readonly int policyOutputs;
    private readonly int outputCount;

    public DecisionRequest(NeuralDevice device, IDecidingNetwork network, SpanClock clock, AgentPopulationOptions options, ReferencePolicy? reference)
    {
        this.reference = reference;
        policy = options.Policy;
        this.device = device;
        this.network = network;
        this.clock = clock;
        observations = options.StackedObservations;
        actions = options.Actions;
        policyOutputs = options.Policy.Outputs;
        outputCount = options.Outputs;
        textures = reference is null ? [network.Outputs] : [network.Outputs, reference.Outputs];
        readback = new Readback(device, textures.Select(texture => texture.Shape));
        referenceFeatures = new float[reference is null ? 0 : checked(options.Capacity * observations)];
        referenceOutputs = new float[reference is null ? 0 : checked(options.Capacity * reference.OutputCount)];
        features = new float[checked(options.Capacity * observations)];
        looks = new int[options.Capacity];
        questions = new Question[options.Capacity];
        masks = new bool[checked(options.Capacity * actions)];
        outputs = new float[checked(options.Capacity * outputCount)];
    }

    /// <summary>The frame in which it was asked.</summary>
    public long Frame { get; private set; }

    /// <summary>Rows in use.</summary>
    public int Rows { get; private set; }

    /// <summary>For each row in use, the row of the seen texture; -1 for none.</summary>
    public ReadOnlySpan<int> Looks => looks.AsSpan(0, Rows);

    public bool IsPending => readback.Status == ReadbackStatus.Pending;

    /// <summary>After <see cref="Read"/>: the driver skipped the dispatches that answer it.</summary>
    public bool WasSkipped => SkipMark.Is(outputs[0]) || (reference is not null && SkipMark.Is(referenceOutputs[0]));

    /// <summary>After <see cref="Read"/>: the outputs of the policy for a row; logits, if an action is one choice.</summary>
    public ReadOnlySpan<float> PolicyOutputs(int row) => outputs.AsSpan(row * outputCount, policyOutputs);

    /// <summary>Whether brains estimate values.</summary>
    public bool EstimatesValues => outputCount > policyOutputs;

    /// <summary>After <see cref="Read"/>: the brain's expected return, in rewards; 0 if it estimates no values.</summary>
    public float Value(int row) => EstimatesValues ? questions[row].Scale.Of(outputs[(row * outputCount) + policyOutputs]) : 0;

    /// <summary>The agent of a row; null for a row that nobody asked for.</summary>
    public Agent? AgentOf(int row) => questions[row].Agent;

    /// <summary>The agent's number when it asked.</summary>
    public int Place(int row) => questions[row].Place;

    /// <summary>The observations of a row, as its brain reads them.</summary>
    public ReadOnlySpan<float> Observed(int row) => RowOf(row);

    /// <summary>The allowed actions of a row.</summary>
    public ReadOnlySpan<bool> Allowed(int row) => masks.AsSpan(row * actions, actions);

    /// <summary>The decision of a row for the chosen action.</summary>
    /// <param name="row">A row of the request.</param>
    /// <param name="action">The chosen action.</param>
    /// <param name="logProbability">Its log probability.</param>
    public Decision Decision(int row, int action, float logProbability)
    {
        Decision decision = new(Observed(row), looks[row], action, Allowed(row), logProbability: logProbability, value: Value(row));
        if (reference is null) return decision;
        ReadOnlySpan<float> ofReference = referenceOutputs.AsSpan(row * reference.OutputCount, policyOutputs);
        return decision with { Reference = ofReference, Drift = PolicyDrift.Of(policy, PolicyOutputs(row), ofReference, new AllowedOutputs(Allowed(row))) };
    }

    /// <summary>Whether it was asked in its agent's current episode.</summary>
    public bool IsOfThisEpisode(int row) => questions[row].Agent!.Episode == questions[row].Episode;

    /// <summary>Empties all rows, for the questions of another frame.</summary>
    public void Clear()
    {
        Array.Clear(questions);
        Array.Fill(looks, -1);
    }

    /// <summary>Sets the row of an agent.</summary>
    /// <param name="row">A row of the request.</param>
    /// <param name="agent">The agent that asks.</param>
    /// <param name="collected">Its observations and mask.</param>
    /// <param name="look">The row of its texture.</param>
    /// <param name="scale">The current scale of its brain's value.</param>
    public void Set(int row, Agent agent, ObservationCollector collected, int look, ValueScale scale)
    {
        questions[row] = new Question(agent, agent.Index, agent.Episode, scale);
        looks[row] = look;
        collected.Observed.CopyTo(RowOf(row));
        reference?.Normalize(collected.Observed, referenceFeatures.AsSpan(row * observations, observations));
        collected.Allowed.CopyTo(masks.AsSpan(row * actions));
    }

    /// <summary>Normalizes the rows that were set.</summary>
    /// <param name="normalizer">Holds the statistics of all agents' observations.</param>
    /// <param name="rows">Rows in use.</param>
    /// <param name="learns">Whether it updates its statistics with these rows first.</param>
    public void Normalize(ObservationNormalizer normalizer, int rows, bool learns)
    {
        if (learns)
        {
            for (int row = 0; row < rows; row++)
            {
                if (questions[row].Agent is not null) normalizer.Observe(RowOf(row));
            }

            normalizer.Renew();
        }

        for (int row = 0; row < rows; row++)
        {
            if (questions[row].Agent is not null) normalizer.Apply(RowOf(row));
        }
    }

    /// <summary>Enqueues the question.</summary>
    public void Enqueue(long frame, int rows)
    {
        Frame = frame;
        Rows = rows;
        foreach (MatrixTexture texture in textures) SkipMark.Put(device, texture);
        clock.BeginSpan();
        network.Predict(features.AsSpan(0, rows * observations), Looks);
        reference?.Predict(referenceFeatures.AsSpan(0, rows * observations), Looks);
        readback.Start(textures);
        clock.EndSpan();
    }

    /// <summary>Reads the answer.</summary>
    /// <exception cref="InvalidOperationException">The driver lost it.</exception>
    public void Read()
    {
        readback.Read(0, outputs.AsSpan(0, Rows * outputCount));
        if (reference is not null) readback.Read(1, referenceOutputs.AsSpan(0, Rows * reference.OutputCount));
    }

    public void Dispose() => readback.Dispose();

    /// <summary>Who asked, and when.</summary>
    /// <param name="Agent">The agent; null for nobody.</param>
    /// <param name="Place">Its number then.</param>
    /// <param name="Episode">Its episode then.</param>
    /// <param name="Scale">The scale of its brain's value then.</param>
    private readonly record struct Question(Agent? Agent, int Place, int Episode, ValueScale Scale);

    private Span<float> RowOf(int row) => features.AsSpan(row * observations, observations);
}
