namespace NeuralPlugin.Benchmarks;

/// <summary>The plan of a prediction, to run again on the features that are uploaded.</summary>
internal sealed class ResidentPrediction : Workspace
{
    private readonly Plan plan;

    public ResidentPrediction(Network network, int capacity, bool fused = true) : base(network, capacity)
    {
        Recording.RecordProbabilities();
        plan = PlanOf(fused ? Fusion.Fuse(Recording, Recording.Probabilities) : Recording.Dispatches);
    }

    public IReadOnlyList<Dispatch> Dispatches => plan.Dispatches;

    public void Upload(ReadOnlySpan<float> features) => Input.Upload(features);

    public void Run(int rows) => plan.Run(rows);

    public void Read(Span<float> probabilities) => Recording.Probabilities!.Texture.Read(probabilities);
}
