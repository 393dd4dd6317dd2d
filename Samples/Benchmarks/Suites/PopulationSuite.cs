using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>A training step of every member of a population, each on its own batch.</summary>
public class PopulationSuite : DeviceSuite
{
    private CpuClassifier[] cpu = [];
    private NetworkPopulation population = null!;
    private float[] features = [];
    private int[] labels = [];

    public static IEnumerable<PopulationCase> Cases => PopulationCase.All;

    [ParamsSource(nameof(Cases))]
    public PopulationCase Case { get; set; } = PopulationCase.All[0];

    protected override void SetUpCase()
    {
        (features, labels) = (Case.Features(), Case.Labels());
        ClassifierCase member = Case.Member;
        population = new NetworkPopulation(Device, Case.Members, member.Inputs, member.Hidden, member.Classes);
        ClassifierParameters[] starts = [.. Enumerable.Range(0, Case.Members).Select(population.GetParameters)];
        cpu = [.. starts.Select(start => new CpuClassifier(member, start))];
        for (int step = 0; step < TwinCheck.Steps; step++)
        {
            Cpu();
            GpuWithTransfers();
        }

        int last = Case.Members - 1;
        ReadOnlySpan<float> ofLast = FeaturesOf(last);
        TwinCheck.RequireSameSteps("last member on the CPU", member, ofLast, LabelsOf(last), starts[last], cpu[last].Parameters);
        TwinCheck.RequireSameSteps("last member on the GPU", member, ofLast, LabelsOf(last), starts[last], population.GetParameters(last));
    }

    [Benchmark(Baseline = true)]
    public void Cpu()
    {
        for (int i = 0; i < cpu.Length; i++) cpu[i].TrainBatch(FeaturesOf(i), LabelsOf(i), ClassifierCase.LearningRate);
    }

    [Benchmark]
    public void GpuResident()
    {
        population.RepeatStep();
        Device.Finish();
    }

    /// <summary>Without the losses, so that nothing waits for them.</summary>
    [Benchmark]
    public void GpuWithTransfers()
    {
        population.TrainBatch(features, labels, ClassifierCase.LearningRate);
        Device.Finish();
    }

    private ReadOnlySpan<float> FeaturesOf(int member)
    {
        int values = Case.Member.Batch * Case.Member.Inputs;
        return features.AsSpan(member * values, values);
    }

    private ReadOnlySpan<int> LabelsOf(int member) => labels.AsSpan(member * Case.Member.Batch, Case.Member.Batch);
}
