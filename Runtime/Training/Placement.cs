using System.Diagnostics;

namespace NeuralPlugin;

/// <summary>Where networks live and learn, on a machine that may have a graphics card.</summary>
public enum Placement
{
    /// <summary>On the given device.</summary>
    Gpu,

    /// <summary>On the processor beside that device: each call computes before it returns.</summary>
    Processor,

    /// <summary>
    /// Where a training step plus a prediction takes less time, by a probe of some milliseconds at the first request of a shape: a tiny network's
    /// step takes less time than a dispatch, a large one's far more.
    /// </summary>
    Auto,
}

/// <summary>
/// Chooses between a graphics card and the processor beside it. A network, its samples and its trainer live on one device, so choose before making
/// them; agents choose for themselves (<c>AgentPopulationOptions.Placement</c>).
/// </summary>
public static class NetworkPlacement
{
    /// <summary>Steps and predictions enqueued in sequence, as in a frame.</summary>
    private const int Repeats = 8;

    /// <summary>Rounds alternate, so that other load affects both; the best one counts. The first round compiles and is discarded.</summary>
    private const int Rounds = 9;

    /// <summary>
    /// The device for a network of this shape, with its samples and trainers: the given one, or the processor beside it. That one belongs to the given
    /// device, is pumped by its <see cref="NeuralDevice.Update"/> and disposed with it. A processor device always returns itself; a software OpenGL driver
    /// always yields to the processor with <see cref="Placement.Auto"/>. The probe's result is kept for the device's life. While the driver skips dispatches, because
    /// a conditional render of the host is open, there is nothing to probe: the result is the given device, and the next request probes. Waits and allocates: for loading screens.
    /// </summary>
    /// <param name="device">The game's device.</param>
    /// <param name="placement">The requested placement.</param>
    /// <param name="batchSize">Samples per training step.</param>
    /// <param name="inputs">Features per sample.</param>
    /// <param name="layers">The stack, as for <see cref="Network"/>.</param>
    /// <example><code>
    /// NeuralDevice place = NetworkPlacement.DeviceFor(device, Placement.Auto, batchSize: 32, inputs: 16, new Dense(32), new Relu(), new Dense(4));
    /// using var mind = new TwoLayerClassifier(place, inputs: 16, hidden: 32, classes: 4);
    /// </code></example>
    /// <exception cref="ArgumentOutOfRangeException">The placement is invalid, or a number is zero or less.</exception>
    /// <exception cref="ArgumentException">The layers do not form a valid stack.</exception>
    /// <exception cref="WrongContextException">The device's context is not current on this thread.</exception>
    public static NeuralDevice DeviceFor(NeuralDevice device, Placement placement, int batchSize, int inputs, params IReadOnlyList<Layer> layers)
    {
        ArgumentNullException.ThrowIfNull(device);
        Requirements.Size(batchSize, "samples of a batch");
        Requirements.Size(inputs, "inputs");
        ArgumentNullException.ThrowIfNull(layers);
        int units = inputs;
        string shape = $"{batchSize} {inputs} {string.Join(' ', layers.Select(layer => $"{layer.Name} {units = layer.OutputsFor(units)}"))}";
        return Choose(device, placement, shape, candidate => new NetworkTrial(candidate, batchSize, inputs, layers));
    }

    /// <summary>As above, for anything trainable.</summary>
    /// <param name="device">The game's device.</param>
    /// <param name="placement">The requested placement.</param>
    /// <param name="shape">The key under which the result is remembered.</param>
    /// <param name="create">Makes the trial, on either device.</param>
    internal static NeuralDevice Choose(NeuralDevice device, Placement placement, string shape, Func<NeuralDevice, PlacementTrial> create)
    {
        if (!Enum.IsDefined(placement)) throw new ArgumentOutOfRangeException(nameof(placement), placement, "Expected Gpu, Processor or Auto.");
        using NeuralDevice.Scope scope = device.Enter();
        if (placement == Placement.Gpu || device.Limits.RunsMethods) return device;
        NeuralDevice processor = device.ProcessorBeside;
        if (placement == Placement.Processor || device.Limits.IsSoftware) return processor;
        if (!device.Placements.TryGetValue(shape, out bool isProcessorFaster))
        {
            using SkipProbe probe = new(device, KernelFamily.KernelsOf(device));
            if (!probe.Ask()) return device;
            using PlacementTrial there = create(device), here = create(processor);
            isProcessorFaster = IsFaster(processor, here, device, there);
            if (!probe.Ask()) return device;   // the time of nothing
            device.Placements[shape] = isProcessorFaster;
        }

        return isProcessorFaster ? processor : device;
    }

    private static bool IsFaster(NeuralDevice device, PlacementTrial trial, NeuralDevice otherDevice, PlacementTrial other)
    {
        (double best, double otherBest) = (double.PositiveInfinity, double.PositiveInfinity);
        for (int round = 0; round <= Rounds; round++)
        {
            (double time, double otherTime) = (Time(device, trial), Time(otherDevice, other));
            if (round > 0) (best, otherBest) = (Math.Min(best, time), Math.Min(otherBest, otherTime));
        }

        return best < otherBest;
    }

    private static double Time(NeuralDevice device, PlacementTrial trial)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Repeats; i++) trial.Enqueue();
        device.Finish();
        double time = Stopwatch.GetElapsedTime(start).TotalSeconds;
        device.Update();
        return time;
    }

    private sealed class NetworkTrial : PlacementTrial
    {
        private readonly Network network;
        private readonly BatchTrainer trainer;
        private readonly float[] features;

        public NetworkTrial(NeuralDevice device, int batchSize, int inputs, IReadOnlyList<Layer> layers)
        {
            network = new Network(device, inputs, [.. layers]);
            trainer = new BatchTrainer(network, new Sgd(0), new MeanSquaredError());
            features = new float[checked(batchSize * inputs)];
            trainer.EnqueueBatch(features, BatchTargets.OfValues(new float[checked(batchSize * network.Outputs)], default));
        }

        public override void Enqueue()
        {
            trainer.EnqueueLastBatch();
            network.RequestOutputs(features.AsSpan(0, network.Inputs));
        }

        public override void Dispose()
        {
            trainer.Dispose();
            network.Dispose();
        }
    }
}

/// <summary>A trial to run on two devices.</summary>
internal abstract class PlacementTrial : IDisposable
{
    /// <summary>Enqueues a training step and a prediction.</summary>
    public abstract void Enqueue();

    public abstract void Dispose();
}
