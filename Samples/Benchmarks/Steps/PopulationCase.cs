namespace NeuralPlugin.Benchmarks;

/// <summary>Independent classifiers of one shape, each with its own batch.</summary>
public sealed record PopulationCase(int Members, ClassifierCase Member)
{
    public static readonly PopulationCase[] All = [new(100, new(8, 16, 32, 4)), new(1000, new(8, 16, 32, 4))];

    public static readonly PopulationCase Large = new(10_000, new(8, 16, 32, 4));

    public string Shape => $"{Members}x {Member.Shape}";

    public double TrainOperations => Members * Member.TrainOperations;

    /// <summary>[members × batch × inputs], member by member.</summary>
    public float[] Features() => (Member with { Batch = Members * Member.Batch }).Features();

    public int[] Labels() => (Member with { Batch = Members * Member.Batch }).Labels();

    public override string ToString() => Shape;
}
