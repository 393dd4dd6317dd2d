namespace NeuralPlugin.Benchmarks;

/// <summary>The plan of a prediction, to run again on the uploaded features.</summary>
internal sealed class ResidentPrediction : Workspace
{
    private readonly Plan plan;

    public ResidentPrediction(Network network, int capacity, bool fused = true) : base(network, capacity)
    {
        Graph.AddProbabilities();
        plan = PlanOf(fused ? Fusion.Fuse(Graph, Graph.Probabilities) : Graph.Computations);
    }

    public IReadOnlyList<Dispatch> Dispatches => plan.Dispatches;

    public void Upload(ReadOnlySpan<float> features) => Input.Upload(features);

    public void Run(int rows) => plan.Run(rows);

    public void Read(Span<float> probabilities) => Graph.Probabilities!.Texture.Read(probabilities);
}
