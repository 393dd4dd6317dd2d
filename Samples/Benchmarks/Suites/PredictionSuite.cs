using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>The probabilities of a batch.</summary>
public class PredictionSuite : DeviceSuite
{
    private CpuClassifier cpu = null!;
    private TwoLayerClassifier classifier = null!;
    private ResidentPrediction resident = null!;
    private float[] features = [];
    private float[] probabilities = [];

    public static IEnumerable<ClassifierCase> Cases => ClassifierCase.All;

    [ParamsSource(nameof(Cases))]
    public ClassifierCase Case { get; set; } = ClassifierCase.All[0];

    protected override void SetUpCase()
    {
        features = Case.Features();
        probabilities = new float[Case.Batch * Case.Classes];
        classifier = new TwoLayerClassifier(Device, Case.Inputs, Case.Hidden, Case.Classes);
        ClassifierParameters weights = classifier.GetParameters();
        cpu = new CpuClassifier(Case, weights);
        resident = new ResidentPrediction(classifier.Network, Case.Batch);
        resident.Upload(features);

        Cpu();
        TwinCheck.RequireSameProbabilities("prediction on the CPU", Case, features, weights, probabilities);
        GpuWithTransfers();
        TwinCheck.RequireSameProbabilities("prediction on the GPU", Case, features, weights, probabilities);
        GpuResident();
        resident.Read(probabilities);
        TwinCheck.RequireSameProbabilities("prediction on resident features", Case, features, weights, probabilities);
    }

    [Benchmark(Baseline = true)]
    public void Cpu() => cpu.Predict(features, probabilities);

    [Benchmark]
    public void GpuResident()
    {
        resident.Run(Case.Batch);
        Device.Finish();
    }

    [Benchmark]
    public void GpuWithTransfers() => classifier.Predict(features, probabilities);
}
