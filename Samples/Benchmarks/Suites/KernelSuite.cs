using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Each kernel alone, at B64 784-128-10 on resident matrices: all its dispatches of a step (or of a prediction), with plain
/// gradient descent where steps are fused and Adam where they are not. A step of one dispatch is that of B32 16-32-4.
/// </summary>
public class KernelSuite : DeviceSuite
{
    private const string KernelEnding = ".comp";
    private const string ResourceFolder = "Shaders/";

    /// <summary>They have a suite of their own.</summary>
    private const string PopulationKernels = "network_population";

    /// <summary>The kernel of a small network's whole step.</summary>
    private const string StepKernel = "dense_relu_dense_step";

    private ClassifierCase Case => Kernel == StepKernel ? new(32, 16, 32, 4) : new(64, 784, 128, 10);

    private Dispatch[] dispatches = [];

    public static IEnumerable<string> Kernels =>
        from resource in typeof(NeuralDevice).Assembly.GetManifestResourceNames()
        where resource.EndsWith(KernelEnding, StringComparison.Ordinal)
        let name = resource[ResourceFolder.Length..^KernelEnding.Length]
        where !name.StartsWith(PopulationKernels, StringComparison.Ordinal)
        orderby name
        select name;

    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "";

    protected override void SetUpCase()
    {
        Network network = new(Device, Case.Inputs, new NeuralPlugin.Dense(Case.Hidden), new Relu(), new NeuralPlugin.Dense(Case.Classes));
        LabeledBatch batch = LabeledBatch.Check(Case.Inputs, Case.Classes, Case.Features(), Case.Labels(), [], []);
        StepWorkspace plain = new(network, Case.Batch, new SoftmaxCrossEntropy(), new OptimizerState(network, new Adam()), fused: false);
        StepWorkspace fused = new(network, Case.Batch, new SoftmaxCrossEntropy(), new OptimizerState(network, new Sgd(ClassifierCase.LearningRate)));
        ResidentPrediction prediction = new(network, Case.Batch);
        plain.Run(batch);
        fused.Run(batch);
        prediction.Upload(Case.Features());
        prediction.Run(Case.Batch);
        IEnumerable<IReadOnlyList<Dispatch>> plans = [plain.Dispatches, fused.Dispatches, prediction.Dispatches];
        dispatches = plans.Select(plan => plan.Where(dispatch => dispatch.Source.FileName == Kernel + KernelEnding).ToArray())
            .FirstOrDefault(found => found.Length > 0)
            ?? throw new InvalidOperationException($"No plan of this suite has a dispatch of the kernel {Kernel}.");
    }

    [Benchmark]
    public void GpuResident()
    {
        Device.Run(dispatches, Case.Batch);
        Device.Finish();
    }
}
