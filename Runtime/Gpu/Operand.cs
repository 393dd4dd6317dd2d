namespace NeuralPlugin;

/// <summary>
/// An operand of a dispatch: a matrix, one side of a pair of matrices that swap when their clock commits, or a
/// texture of the host. It is resolved when the dispatch runs.
/// </summary>
internal abstract class Operand
{
    public abstract MatrixShape Shape { get; }

    public abstract TexelFormat Format { get; }

    /// <summary>The backend's storage; for a pair, that of the current side.</summary>
    public abstract MatrixStorage Storage { get; }

    /// <summary>Whether a dispatch could still run with it: it has been created, and is not disposed.</summary>
    public virtual bool IsUsable => !Storage.IsRetired;
}

/// <summary>Counts the commits of a group of matrix pairs.</summary>
internal sealed class CommitClock
{
    /// <summary>0 or 1: which matrix of each pair holds the committed values.</summary>
    public int Parity { get; private set; }

    /// <summary>Makes pending committed, for every pair of this clock at once.</summary>
    public void Commit() => Parity ^= 1;
}

/// <summary>
/// A matrix that is replaced as one: dispatches read <see cref="Committed"/> and write <see cref="Pending"/>, and the
/// clock's commit swaps them. The second matrix is made when first needed.
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

    /// <summary>Copies committed into pending, so that a commit changes nothing unless something is written in between.</summary>
    public void CopyToPending()
    {
        EnsurePending();
        CommittedTexture.CopyTo(textures[clock.Parity ^ 1]!);
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

        public override MatrixStorage Storage => pair.textures[pair.clock.Parity ^ flip]!.Storage;

        public override bool IsUsable => pair.CommittedTexture.IsUsable;   // the pending one is made when first needed
    }
}
