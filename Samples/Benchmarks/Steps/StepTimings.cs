namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Times complete steps and predictions. A step is timed on a resident batch, forward, backward and update, with the GPU finished
/// inside the block; a matrix product likewise; a prediction with its upload and readback. After the timing, the same trainer, plan and resident batch
/// take a few more steps from the initial weights, and these are checked against the twin.
/// </summary>
internal sealed class StepTimings(NeuralDevice device, double seconds)
{
    private const string Name = "neural";

    public IEnumerable<Measurement> Both(ClassifierCase shape)
    {
        yield return Train(shape);
        yield return Predict(shape);
    }

    public Measurement Train(ClassifierCase shape)
    {
        float[] features = shape.Features();
        int[] labels = shape.Labels();
        using TwoLayerClassifier classifier = new(device, shape.Inputs, shape.Hidden, shape.Classes);
        ClassifierParameters start = classifier.GetParameters();
        using BatchTrainer trainer = classifier.TrainWith(new Sgd(ClassifierCase.LearningRate));
        TunedKernels.Choose(device, trainer.KernelsFor(shape.Batch));
        trainer.TrainBatch(features, labels);
        double time = BlockTimer.Measure(seconds, () => trainer.RepeatStep(shape.Batch), device.Finish);

        classifier.SetParameters(start);
        for (int step = 0; step < TwinCheck.Steps; step++) trainer.RepeatStep(shape.Batch);
        TwinCheck.RequireSameSteps($"train {shape.Shape}", shape, features, labels, start, classifier.GetParameters());
        return Measured("train", shape.Shape, time, shape.TrainOperations);
    }

    public Measurement Predict(ClassifierCase shape)
    {
        float[] features = shape.Features();
        float[] probabilities = new float[shape.Batch * shape.Classes];
        using TwoLayerClassifier classifier = new(device, shape.Inputs, shape.Hidden, shape.Classes);
        TunedKernels.Choose(device, classifier.KernelsFor(shape.Batch));
        double time = BlockTimer.Measure(seconds, () => classifier.Predict(features, probabilities), device.Finish);
        TwinCheck.RequireSameProbabilities($"predict {shape.Shape}", shape, features, classifier.GetParameters(), probabilities);
        return Measured("predict", shape.Shape, time, shape.PredictOperations);
    }

    /// <summary>The first, a middle and the last member are checked against their twins.</summary>
    public Measurement Population(PopulationCase shape)
    {
        float[] features = shape.Features();
        int[] labels = shape.Labels();
        ClassifierCase member = shape.Member;
        int[] checkedMembers = [0, shape.Members / 2, shape.Members - 1];
        using NetworkPopulation population = new(device, shape.Members, member.Inputs, member.Hidden, member.Classes);
        ClassifierParameters[] starts = [.. checkedMembers.Select(population.GetParameters)];
        TunedKernels.Choose(device, population.KernelsFor(member.Batch));
        population.TrainBatch(features, labels, ClassifierCase.LearningRate);
        double time = BlockTimer.Measure(seconds, population.RepeatStep, device.Finish);

        for (int i = 0; i < starts.Length; i++) population.SetParameters(checkedMembers[i], starts[i]);
        for (int step = 0; step < TwinCheck.Steps; step++) population.RepeatStep();
        for (int i = 0; i < starts.Length; i++)
        {
            int number = checkedMembers[i], values = member.Batch * member.Inputs;
            TwinCheck.RequireSameSteps(
                $"population {shape.Shape}, member {number}", member, features.AsSpan(number * values, values),
                labels.AsSpan(number * member.Batch, member.Batch), starts[i], population.GetParameters(number));
        }

        return Measured("population", shape.Shape, time, shape.TrainOperations);
    }

    public Measurement Product(int size)
    {
        using MatrixProduct product = new(device, size, size, size);
        double time = BlockTimer.Measure(seconds, product.Run, device.Finish);
        product.Check();
        return Measured("product", $"{size}x{size}x{size}", time, product.Operations);
    }

    private static Measurement Measured(string what, string shape, double seconds, double operations)
    {
        return new Measurement(Name, what, shape, seconds * 1e6, operations / seconds / 1e9);
    }
}
