using System.Diagnostics;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// Times complete steps and predictions. A step is timed on a resident batch, forward, backward and update, with the GPU finished
/// inside the block; a matrix product likewise; a prediction with its upload and readback. After the timing, the same trainer, plan and resident batch
/// take a few more steps from the initial weights, and these are checked against the twin.
/// </summary>
internal sealed class StepTimings(NeuralDevice device, double seconds)
{
    private const string Name = "neural";

    /// <summary>Of a set: enough that an epoch has more batches than a dispatch.</summary>
    private const int SetBatches = 256;

    /// <summary>Steps of a frame, and those before the timing, from which the trainer learns what a dispatch takes.</summary>
    private const int StepsAFrame = 256, WarmSteps = 8 * StepsAFrame;

    private const double BlockSeconds = 0.05;

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

    /// <summary>
    /// Steps of an in-frame trainer, on batches drawn from a set on the GPU: where the device's kernels can, many of them are one dispatch. The frames follow each other without a pause.
    /// </summary>
    public Measurement TrainInASet(ClassifierCase shape)
    {
        ClassifierCase all = shape with { Batch = SetBatches * shape.Batch };
        using TwoLayerClassifier classifier = new(device, shape.Inputs, shape.Hidden, shape.Classes);
        ClassifierParameters start = classifier.GetParameters();
        double time;
        using (TrainingSet samples = SetOf(all))
        using (InFrameTrainer trainer = TrainerOf(classifier, samples, shape, StepsAFrame))
        {
            while (trainer.Tick().State == TrainerState.WarmingUp || trainer.Progress.Steps < WarmSteps) device.Finish();
            time = SecondsOfAStep(trainer);
        }

        classifier.SetParameters(start);
        using TrainingSet batch = SetOf(shape);
        using InFrameTrainer few = TrainerOf(classifier, batch, shape, TwinCheck.Steps);
        while (few.Tick().Steps < TwinCheck.Steps) device.Finish();
        TwinCheck.RequireSameSteps($"train-set {shape.Shape}", shape, shape.Features(), shape.Labels(), start, classifier.GetParameters());
        return Measured("train-set", shape.Shape, time, shape.TrainOperations);
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

    /// <summary>The median over blocks at whose end the GPU has finished. A trainer that is too far ahead of the GPU skips a frame, so its own count of steps is used.</summary>
    private double SecondsOfAStep(InFrameTrainer trainer)
    {
        List<double> blocks = [];
        for (Stopwatch total = Stopwatch.StartNew(); blocks.Count == 0 || total.Elapsed.TotalSeconds < seconds;)
        {
            Stopwatch block = Stopwatch.StartNew();
            int steps = 0;
            while (steps == 0 || block.Elapsed.TotalSeconds < BlockSeconds) steps += trainer.Tick().StepsThisFrame;
            device.Finish();
            blocks.Add(block.Elapsed.TotalSeconds / steps);
        }

        return Statistics.Median(blocks);
    }

    private TrainingSet SetOf(ClassifierCase samples)
    {
        TrainingSet set = new(device, samples.Inputs, samples.Classes, samples.Batch);
        set.AddRange(samples.Features(), samples.Labels());
        return set;
    }

    private static InFrameTrainer TrainerOf(TwoLayerClassifier classifier, TrainingSet samples, ClassifierCase shape, int stepsAFrame) => classifier.TrainOn(
        samples, new TrainerOptions { BatchSize = shape.Batch, Optimizer = new Sgd(ClassifierCase.LearningRate), FrameBudget = FrameBudget.Steps(stepsAFrame) });

    private static Measurement Measured(string what, string shape, double seconds, double operations)
    {
        return new Measurement(Name, what, shape, seconds * 1e6, operations / seconds / 1e9);
    }
}
