namespace NeuralPlugin;

/// <summary>The decisions that were asked for in one frame: their observations, and what the brains make of them, some frames later.</summary>
internal sealed class DecisionRequest : IDisposable
{
    private readonly Readback readback;
    private readonly MatrixTexture[] textures;
    private readonly float[] probabilities;
    private readonly int observations;
    private readonly int actions;

    public DecisionRequest(NeuralDevice device, Brains brains, int capacity, int observations, int actions)
    {
        this.observations = observations;
        this.actions = actions;
        textures = [brains.Probabilities];
        readback = new Readback(device, [textures[0].Shape]);
        Features = new float[checked(capacity * observations)];
        Looks = new int[capacity];
        Agents = new Agent?[capacity];
        Episodes = new int[capacity];
        Masks = new bool[checked(capacity * actions)];
        probabilities = new float[checked(capacity * actions)];
    }

    /// <summary>When it was asked.</summary>
    public long Frame { get; set; }

    /// <summary>Rows in use.</summary>
    public int Rows { get; set; }

    /// <summary>[rows × observations].</summary>
    public float[] Features { get; }

    /// <summary>The row of the texture that each has seen; -1 where none are.</summary>
    public int[] Looks { get; }

    /// <summary>Whose row it is; null for a row that nobody asked for.</summary>
    public Agent?[] Agents { get; }

    /// <summary>In which of its episodes the agent asked.</summary>
    public int[] Episodes { get; }

    /// <summary>[rows × actions].</summary>
    public bool[] Masks { get; }

    public bool IsPending => readback.Status == ReadbackStatus.Pending;

    /// <summary>After <see cref="Read"/>: the driver has skipped the dispatches that answer it.</summary>
    public bool WasSkipped => probabilities[0] == PredictionWorkspace.Skipped;

    public Span<float> Observed(int row) => Features.AsSpan(row * observations, observations);

    public Span<bool> Mask(int row) => Masks.AsSpan(row * actions, actions);

    public ReadOnlySpan<float> Probabilities(int row) => probabilities.AsSpan(row * actions, actions);

    public void Start() => readback.Start(textures);

    /// <exception cref="InvalidOperationException">The driver lost it.</exception>
    public void Read() => readback.Read(0, probabilities.AsSpan(0, Rows * actions));

    public void Dispose() => readback.Dispose();
}
