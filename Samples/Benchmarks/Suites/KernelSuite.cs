using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Each kernel alone on resident matrices: all its dispatches in the first plan that contains it, of a step (with Adam) and a
/// prediction without fusing, then of both fused (with plain gradient descent), at B64 784-128-10 or else at the tiny B32 16-32-4. The kernels
/// that supply samples work on 8,192 samples and batches of 64, and on textures of 256 × 256 texels that become 28 × 28 pixels.
/// </summary>
public class KernelSuite : DeviceSuite
{
    private const string KernelEnding = ".comp";
    private const string ResourceFolder = "Shaders/";

    /// <summary>These have a suite of their own.</summary>
    private const string PopulationKernels = "network_population";

    private static readonly ClassifierCase[] Cases = [new(64, 784, 128, 10), new(32, 16, 32, 4)];

    private const int Batch = 64;
    private const int TextureSize = 256;
    private const int PixelsAside = 28;

    private Action enqueue = () => { };

    public static IEnumerable<string> Kernels =>
        from resource in typeof(NeuralDevice).Assembly.GetManifestResourceNames()
        where resource.EndsWith(KernelEnding, StringComparison.Ordinal)
        let name = resource[ResourceFolder.Length..^KernelEnding.Length]
        where !name.StartsWith(PopulationKernels, StringComparison.Ordinal)
        orderby name
        select name;

    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "";

    protected override void SetUpCase() => enqueue = Kernel switch
    {
        "sample_order_rows" => FillOrder(),
        "texture_features_box" => SeeTexture(MakeSeen()),
        "texture_features_join" => JoinFeatures(MakeSeen()),
        _ => RunPlans(),
    };

    [Benchmark]
    public void GpuResident()
    {
        enqueue();
        Device.Finish();
    }

    private Action RunPlans()
    {
        (int rows, Dispatch[] dispatches) = Cases.SelectMany(shape => PlansOf(shape).Select(plan => (shape.Batch, Dispatches: OfKernel(plan))))
            .FirstOrDefault(found => found.Dispatches.Length > 0, (0, []));
        if (dispatches.Length == 0) throw new InvalidOperationException($"No plan of this suite has a dispatch of the kernel {Kernel}.");
        return () => Device.Run(dispatches, rows);
    }

    private Action FillOrder()
    {
        const int Count = 8192, Inputs = 1, Classes = 2;
        TrainingSet samples = new(Device, Inputs, Classes, Count);
        samples.AddRange(new float[Count * Inputs], new int[Count]);
        samples.Upload();
        SampleOrder order = new(samples, seed: 1, Batch);
        order.BeginBatch();
        Device.Compile(order.Filling);
        Dispatch[] filling = [order.Filling];
        return () => Device.Run(filling, rows: 0);
    }

    private SeenTextures MakeSeen()
    {
        SeenTextures seen = new(Device, PixelsAside, PixelsAside, TextureChannels.Luminance, Batch);
        Device.HostTextures.CreateStandIn(TextureSize, TextureSize, out uint texture);
        seen.Take(texture);
        return seen;
    }

    private static Action SeeTexture(SeenTextures seen) => () => seen.Write(0, default, TextureSize, TextureSize);

    private Action JoinFeatures(SeenTextures seen)
    {
        const int Observations = 16;
        MatrixTexture features = new(Device, Device.Shape(Batch, Observations + (PixelsAside * PixelsAside), "The features of a batch"));
        JoinedFeatures joined = new(Device, seen, Observations, features);
        float[] observed = new float[Batch * Observations];
        int[] looks = [.. Enumerable.Range(0, Batch)];
        return () => joined.Write(observed, looks);
    }

    private Dispatch[] OfKernel(IEnumerable<Dispatch> plan) => [.. plan.Where(dispatch => dispatch.Source.FileName == Kernel + KernelEnding)];

    /// <summary>Plans after one run, so that every matrix holds what it does in a step.</summary>
    private IEnumerable<IReadOnlyList<Dispatch>> PlansOf(ClassifierCase shape)
    {
        Network network = new(Device, shape.Inputs, new Dense(shape.Hidden), new Relu(), new Dense(shape.Classes));
        foreach ((Optimizer optimizer, bool fused) in new (Optimizer, bool)[] { (new Adam(), false), (new Sgd(ClassifierCase.LearningRate), true) })
        {
            StepWorkspace step = new(network, shape.Batch, new SoftmaxCrossEntropy(), new OptimizerState(network, optimizer), fused);
            step.Upload(TrainingBatch.Check(shape.Inputs, new LabelTargets(shape.Classes), shape.Features(), BatchTargets.OfLabels(shape.Labels())));
            step.Enqueue(shape.Batch);
            yield return step.Dispatches;

            ResidentPrediction prediction = new(network, shape.Batch, fused);
            prediction.Upload(shape.Features());
            prediction.Run(shape.Batch);
            yield return prediction.Dispatches;
        }
    }
}
