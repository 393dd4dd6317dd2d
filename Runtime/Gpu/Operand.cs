namespace NeuralPlugin;

/// <summary>
/// What a dispatch reads, writes or looks up in: a matrix, one side of a pair of matrices that swap when a step commits, or a texture of
/// the host. Which it is, is asked when the dispatch runs.
/// </summary>
internal abstract class Operand
{
    public abstract MatrixShape Shape { get; }

    public abstract TexelFormat Format { get; }

    /// <summary>The texture through which kernels read it.</summary>
    public abstract uint TextureName { get; }

    /// <summary>The buffer that kernels write; 0 for a texture of the host, which they only look up in.</summary>
    public abstract uint BufferName { get; }
}

/// <summary>Counts the commits of the pairs that belong together (a network's weights, a trainer's optimizer state).</summary>
internal sealed class CommitClock
{
    /// <summary>0 or 1: which texture of each pair holds the committed values.</summary>
    public int Parity { get; private set; }

    /// <summary>What was pending becomes what is committed, for every pair of this clock at once.</summary>
    public void Commit() => Parity ^= 1;
}

/// <summary>
/// A matrix that steps replace as a whole: a step reads <see cref="Committed"/>, writes <see cref="Pending"/>, and the
/// clock's commit swaps them. The second texture is made when the first step is planned.
/// </summary>
internal sealed class PingPongMatrix : IDisposable
{
    private readonly NeuralDevice device;
    private readonly CommitClock clock;
    private readonly MatrixTexture?[] textures = new MatrixTexture?[2];

    public PingPongMatrix(NeuralDevice device, CommitClock clock, MatrixShape shape)
    {
        this.device = device;
        this.clock = clock;
        textures[clock.Parity] = new MatrixTexture(device, shape);
        Committed = new Side(this, 0);
        Pending = new Side(this, 1);
    }

    public Operand Committed { get; }

    public Operand Pending { get; }

    public MatrixTexture CommittedTexture => textures[clock.Parity]!;

    public void EnsurePending() => textures[clock.Parity ^ 1] ??= new MatrixTexture(device, CommittedTexture.Shape);

    /// <summary>Makes what is pending the same as what is committed, so that a step that writes nothing changes nothing.</summary>
    public void CopyToPending()
    {
        EnsurePending();
        device.Copy(CommittedTexture, textures[clock.Parity ^ 1]!);
    }

    public void Dispose()
    {
        textures[0]?.Dispose();
        textures[1]?.Dispose();
    }

    private sealed class Side(PingPongMatrix pair, int flip) : Operand
    {
        public override MatrixShape Shape => pair.CommittedTexture.Shape;

        public override TexelFormat Format => TexelFormat.Float;

        public override uint TextureName => pair.textures[pair.clock.Parity ^ flip]!.TextureName;

        public override uint BufferName => pair.textures[pair.clock.Parity ^ flip]!.BufferName;
    }
}
