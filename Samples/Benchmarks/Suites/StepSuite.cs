using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>A complete training step with plain gradient descent: forward, backward, update.</summary>
public class StepSuite : DeviceSuite
{
    private CpuClassifier cpu = null!;
    private BatchTrainer trainer = null!;
    private float[] features = [];
    private int[] labels = [];

    public static IEnumerable<ClassifierCase> Cases => ClassifierCase.All;

    [ParamsSource(nameof(Cases))]
    public ClassifierCase Case { get; set; } = ClassifierCase.All[0];

    protected override void SetUpCase()
    {
        (features, labels) = (Case.Features(), Case.Labels());
        TwoLayerClassifier classifier = new(Device, Case.Inputs, Case.Hidden, Case.Classes);
        ClassifierParameters start = classifier.GetParameters();
        cpu = new CpuClassifier(Case, start);
        trainer = classifier.TrainWith(new Sgd(ClassifierCase.LearningRate));
        for (int step = 0; step < TwinCheck.Steps; step++)
        {
            Cpu();
            GpuWithTransfers();
        }

        TwinCheck.RequireSameSteps("step on the CPU", Case, features, labels, start, cpu.Parameters);
        TwinCheck.RequireSameSteps("step on the GPU", Case, features, labels, start, classifier.GetParameters());
    }

    [Benchmark(Baseline = true)]
    public void Cpu() => cpu.TrainBatch(features, labels, ClassifierCase.LearningRate);

    [Benchmark]
    public void GpuResident()
    {
        trainer.RepeatStep(Case.Batch);
        Device.Finish();
    }

    [Benchmark]
    public void GpuWithTransfers() => trainer.TrainBatch(features, labels);
}
