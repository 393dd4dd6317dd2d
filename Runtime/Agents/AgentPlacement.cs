namespace NeuralPlugin;

/// <summary>Chooses the device that the brains of a population live on.</summary>
internal static class AgentPlacement
{
    /// <exception cref="NotSupportedException">Agents that see textures are to have their brains on the processor.</exception>
    public static NeuralDevice DeviceFor(NeuralDevice device, AgentPopulationOptions options)
    {
        Require(options);
        if (options.TextureObservations is not null) return device;
        string shape = $"agents {options.Brains} {options.Capacity} {options.StackedObservations} {options.HiddenUnits} {options.Outputs} {RowsOf(options)}";
        return NetworkPlacement.Choose(device, options.Placement, shape, candidate => options.Brains == BrainSharing.OneEach
            ? new OwnBrainsTrial(candidate, options) : new SharedBrainTrial(candidate, options));
    }

    /// <exception cref="NotSupportedException">Agents that see textures are to have their brains on the processor.</exception>
    public static void Require(AgentPopulationOptions options)
    {
        if (options.TextureObservations is null || options.Placement != Placement.Processor) return;
        throw new NotSupportedException(
            "Agents that see textures have their brains where the textures are. Declare no TextureObservations, or choose Placement.Gpu or Placement.Auto.");
    }

    private static int RowsOf(AgentPopulationOptions options) => options.Learning?.MostRowsOfAStep(options) ?? 1;

    /// <summary>Measures a decision and a step of all brains.</summary>
    private sealed class OwnBrainsTrial : PlacementTrial
    {
        private readonly NetworkPopulation population;
        private readonly PopulationPrediction prediction;
        private readonly float[] observations;

        public OwnBrainsTrial(NeuralDevice device, AgentPopulationOptions options)
        {
            population = new NetworkPopulation(device, options.Capacity, options.StackedObservations, options.HiddenUnits, Math.Max(2, options.Policy.Outputs));
            prediction = population.PlanPrediction();
            observations = new float[checked(options.Capacity * options.StackedObservations)];
            int rows = checked(options.Capacity * RowsOf(options));
            population.TrainBatch(new float[checked(rows * options.StackedObservations)], new int[rows], learningRate: 0);
        }

        public override void Enqueue()
        {
            population.RepeatStep();
            population.Enqueue(prediction, observations);
        }

        public override void Dispose()
        {
            prediction.Dispose();
            population.Dispose();
        }
    }

    /// <summary>Measures a decision of all agents and a step of their brain.</summary>
    private sealed class SharedBrainTrial : PlacementTrial
    {
        private readonly Network network;
        private readonly BatchTrainer trainer;
        private readonly float[] observations;

        public SharedBrainTrial(NeuralDevice device, AgentPopulationOptions options)
        {
            int rows = RowsOf(options);
            network = new Network(device, options.StackedObservations, new Dense(options.HiddenUnits), new Relu(), new Dense(options.Policy.Outputs));
            trainer = new BatchTrainer(network, new Sgd(0));
            observations = new float[checked(options.Capacity * options.StackedObservations)];
            trainer.EnqueueBatch(new float[checked(rows * options.StackedObservations)], BatchTargets.OfLabels(new int[rows], default, default));
        }

        public override void Enqueue()
        {
            trainer.EnqueueLastBatch();
            network.RequestPrediction(observations);
        }

        public override void Dispose()
        {
            trainer.Dispose();
            network.Dispose();
        }
    }
}
