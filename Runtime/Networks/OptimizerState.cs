namespace NeuralPlugin;

/// <summary>
/// An optimizer's state for each parameter of one network, on the GPU, and the scalars of its next step. It has its own clock,
/// so that two trainers of one network do not swap each other's state.
/// </summary>
internal sealed class OptimizerState : IDisposable
{
    private readonly Network network;
    private readonly CommitClock clock = new();
    private readonly List<PingPongMatrix> matrices = [];

    /// <exception cref="DeviceLimitException">The weights are larger than this device's kernels can write. Nothing was made.</exception>
    public OptimizerState(Network network, Optimizer optimizer)
    {
        this.network = network;
        Optimizer = optimizer;
        Scalars = optimizer.MakeScalars();
        foreach (PingPongMatrix weights in network.Matrices.SelectMany(layer => layer)) network.Device.RequireWritable(weights.Committed.Shape);
        network.EnsurePending();
        Operands = [.. network.Matrices.Select(layer => layer.Select(OperandsOf).ToArray())];
    }

    public Optimizer Optimizer { get; }

    public KernelArguments<float> Scalars { get; }

    public IReadOnlyList<IReadOnlyList<UpdateOperands>> Operands { get; }

    /// <summary>The number of committed steps.</summary>
    public long Steps { get; private set; }

    public void PrepareStep(float learningRate) => Optimizer.WriteScalars(Scalars, learningRate, Steps + 1);

    /// <summary>Commits the complete step: its weights and state replace the previous ones.</summary>
    public void Commit()
    {
        network.Commit();
        clock.Commit();
        Steps++;
    }

    /// <summary>Discards the step: the pending weights are invalid.</summary>
    public void Discard() => network.MakePendingStale();

    /// <summary>Copies the committed side of every pair into the other side, weights included.</summary>
    public void CopyToPending()
    {
        network.CopyToPending();
        foreach (PingPongMatrix matrix in matrices) matrix.CopyToPending();
    }

    /// <summary>Corrects the count when fewer steps changed the weights than were committed.</summary>
    public void Rewind(long steps) => Steps = steps;

    /// <summary>Its committed values, [matrix of state][parameter of the network], row-major. Waits and allocates.</summary>
    public float[][][] ReadMoments()
    {
        return [.. Enumerable.Range(0, Optimizer.State.Count)
            .Select(i => network.Parameters.Select(parameter => parameter.ReadFrom(TextureOf(parameter, i))).ToArray())];
    }

    /// <summary>The textures for <see cref="ReadMoments(Readback, int)"/>, as they are now.</summary>
    public IEnumerable<MatrixTexture> CommittedTextures => matrices.Select(matrix => matrix.CommittedTexture);

    /// <summary>As above, from a readback, with the index of its first matrix.</summary>
    public float[][][] ReadMoments(Readback readback, int firstMatrix)
    {
        int states = Optimizer.State.Count;
        return [.. Enumerable.Range(0, states)
            .Select(i => network.Parameters.Select(parameter => parameter.ReadFrom(readback, firstMatrix + (parameter.MatrixNumber * states) + i)).ToArray())];
    }

    /// <summary>Restores the state of an earlier instance with the same optimizer and network.</summary>
    public void Restore(long steps, float[][][] moments)
    {
        Steps = steps;
        for (int i = 0; i < moments.Length; i++)
        {
            foreach ((int number, NetworkParameter parameter) in network.Parameters.Index())
                parameter.UploadTo(TextureOf(parameter, i), moments[i][number]);
        }
    }

    public void Dispose()
    {
        foreach (PingPongMatrix matrix in matrices) matrix.Dispose();
    }

    private MatrixTexture TextureOf(NetworkParameter parameter, int stateMatrix)
    {
        return matrices[(parameter.MatrixNumber * Optimizer.State.Count) + stateMatrix].CommittedTexture;
    }

    private UpdateOperands OperandsOf(PingPongMatrix weights)
    {
        (Operand, Operand)[] state = new (Operand, Operand)[Optimizer.State.Count];
        for (int i = 0; i < state.Length; i++)
        {
            PingPongMatrix matrix = new(network.Device, clock, weights.Committed.Shape);
            matrix.EnsurePending();
            matrices.Add(matrix);
            state[i] = (matrix.Committed, matrix.Pending);
        }

        return new UpdateOperands((weights.Committed, weights.Pending), state);
    }
}

/// <summary>The state of a trainer's enqueued steps.</summary>
/// <param name="Steps">The steps that count.</param>
/// <param name="Moments">The optimizer's state, [matrix of state][parameter of the network].</param>
/// <param name="Rates">The learning rate of each network with a loss-guided rate; 0 where it is not guided.</param>
internal sealed record EnqueuedStanding(long Steps, float[][][] Moments, float[] Rates);
