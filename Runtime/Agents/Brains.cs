namespace NeuralPlugin;

/// <summary>The networks of a population: what they predict is enqueued and read back later, and what they learn is enqueued.</summary>
internal abstract class Brains(NeuralDevice device, SeenTextures? seen) : IDisposable
{
    /// <summary>Brains; the agents have them by turns of their numbers.</summary>
    public abstract int Count { get; }

    /// <summary>Steps that do not count, since a loss was not finite, or the driver has skipped them.</summary>
    public abstract long DroppedSteps { get; }

    /// <summary>A step that the driver has skipped, the last of those that were not told yet; 0 where none is known.</summary>
    public abstract long TakeSkippedStep();

    /// <summary>What a prediction finds, a row a decision, until the next one.</summary>
    public abstract MatrixTexture Probabilities { get; }

    /// <summary>What a prediction reads, a row a decision.</summary>
    public abstract MatrixTexture Features { get; }

    /// <summary>What agents have seen of textures; null where they see none.</summary>
    public SeenTextures? Seen => seen;

    /// <summary>Whether each agent has its own, so that row i of a prediction is that of brain i.</summary>
    public abstract bool AreOwn { get; }

    /// <summary>Measures each question and each step.</summary>
    public SpanClock Clock { get; } = new(device);

    /// <summary>Those that the options ask for. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where they live.</param>
    /// <param name="options">What the agents have in common.</param>
    /// <param name="seen">What agents have seen of textures, which the brains own from now on; null where they see none.</param>
    public static Brains Create(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen)
    {
        return options.Brains == BrainSharing.OneEach ? new OwnBrains(device, options, seen) : new SharedBrain(device, options, seen);
    }

    /// <summary>Which brain is an agent's.</summary>
    public int BrainOf(int agent) => AreOwn ? agent : 0;

    /// <summary>Enqueues the forward pass of these rows.</summary>
    /// <param name="features">[rows × observations]; where agents have their own brains, a row for each.</param>
    /// <param name="looks">[rows]: what of <see cref="Seen"/> stands behind the observations.</param>
    public abstract void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks);

    /// <summary>Enqueues a training step. Where agents have their own brains, the rows are [brains × batch].</summary>
    public abstract void Train(
        ReadOnlySpan<float> features, ReadOnlySpan<int> looks, ReadOnlySpan<int> actions, ReadOnlySpan<float> weights, ReadOnlySpan<bool> allowed);

    /// <summary>Enqueues one more step on the batch of the last one.</summary>
    public abstract void Repeat();

    public abstract ClassifierParameters GetParameters(int brain);

    public abstract void SetParameters(int brain, ClassifierParameters parameters);

    public virtual void Dispose()
    {
        Clock.Dispose();
        seen?.Dispose();
    }

    /// <summary>Observations, and behind them what is seen of a texture.</summary>
    protected static int InputsOf(AgentPopulationOptions options) => checked(options.Observations + (options.TextureObservations?.Values ?? 0));
}

/// <summary>A brain for each agent.</summary>
internal sealed class OwnBrains : Brains
{
    private readonly NetworkPopulation population;
    private readonly PopulationPrediction prediction;
    private readonly JoinedFeatures? asked;
    private readonly JoinedFeatures? learned;
    private readonly float learningRate;

    public OwnBrains(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen) : base(device, seen)
    {
        learningRate = options.Learning?.OwnOptimizer.LearningRate ?? 0;
        population = new NetworkPopulation(
            device, options.Capacity, InputsOf(options), options.HiddenUnits, options.Actions, options.Seed, loss: options.Learning?.CreateLoss());
        prediction = population.PlanPrediction();
        if (seen is not null) asked = new JoinedFeatures(device, seen, options.Observations, prediction.Features);
        if (options.Learning is not { } learning) return;
        population.PrepareTraining(learning.BatchSize);
        if (seen is not null) learned = new JoinedFeatures(device, seen, options.Observations, population.TrainingFeatures);
    }

    /// <summary>What a training step reads, a batch for each brain.</summary>
    public MatrixTexture BatchFeatures => population.TrainingFeatures;

    public override bool AreOwn => true;

    public override int Count => population.Members;

    public override long DroppedSteps => population.LostSteps;

    public override long TakeSkippedStep() => population.TakeSkippedStep();

    public override MatrixTexture Probabilities => prediction.Probabilities;

    public override MatrixTexture Features => prediction.Features;

    public override void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        if (asked is null)
        {
            prediction.Enqueue(features);
            return;
        }

        asked.Write(features, looks);
        prediction.EnqueueWritten();
    }

    public override void Train(
        ReadOnlySpan<float> features, ReadOnlySpan<int> looks, ReadOnlySpan<int> actions, ReadOnlySpan<float> weights, ReadOnlySpan<bool> allowed)
    {
        if (learned is null)
        {
            population.EnqueueBatch(features, actions, learningRate, weights, allowed);
            return;
        }

        learned.Write(features, looks);
        population.TrainWrittenBatch(actions, learningRate, weights, allowed);
    }

    public override void Repeat() => population.RepeatStep();

    public override ClassifierParameters GetParameters(int brain) => population.GetParameters(brain);

    public override void SetParameters(int brain, ClassifierParameters parameters) => population.SetParameters(brain, parameters);

    public override void Dispose()
    {
        asked?.Dispose();
        learned?.Dispose();
        prediction.Dispose();
        population.Dispose();
        base.Dispose();
    }
}

/// <summary>One brain for all agents.</summary>
internal sealed class SharedBrain : Brains
{
    private readonly Network network;
    private readonly BatchTrainer? trainer;
    private readonly PredictionWorkspace prediction;
    private readonly JoinedFeatures? asked;
    private readonly JoinedFeatures? learned;

    public SharedBrain(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen) : base(device, seen)
    {
        network = new Network(
            device, options.Seed, InputsOf(options), new Dense(options.HiddenUnits), new Relu(), new Dense(options.Actions));
        prediction = new PredictionWorkspace(network, options.Capacity);
        if (seen is not null) asked = new JoinedFeatures(device, seen, options.Observations, prediction.Input);
        if (options.Learning is not { } learning) return;
        trainer = new BatchTrainer(network, learning.SharedOptimizer, learning.CreateLoss(), learning.BatchSize);
        trainer.PrepareEnqueued(learning.BatchSize);
        if (seen is not null) learned = new JoinedFeatures(device, seen, options.Observations, trainer.EnqueuedFeatures);
    }

    public override bool AreOwn => false;

    public override int Count => 1;

    public override long DroppedSteps => trainer?.LostSteps ?? 0;

    public override long TakeSkippedStep() => trainer?.TakeSkippedStep() ?? 0;

    public override MatrixTexture Probabilities => prediction.Results;

    public override MatrixTexture Features => prediction.Input;

    public override void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        using NeuralDevice.Scope scope = network.Enter();
        if (asked is null)
        {
            prediction.Enqueue(features, features.Length / network.Inputs);
            return;
        }

        asked.Write(features, looks);
        prediction.EnqueueWritten(looks.Length);
    }

    public override void Train(
        ReadOnlySpan<float> features, ReadOnlySpan<int> looks, ReadOnlySpan<int> actions, ReadOnlySpan<float> weights, ReadOnlySpan<bool> allowed)
    {
        if (learned is not null)
        {
            learned.Write(features, looks);
            trainer!.EnqueueWrittenBatch(actions.Length, BatchTargets.OfLabels(actions, weights, allowed));
            return;
        }

        trainer!.EnqueueBatch(features, BatchTargets.OfLabels(actions, weights, allowed));
    }

    public override void Repeat() => trainer!.EnqueueLastBatch();

    public override ClassifierParameters GetParameters(int brain)
    {
        IReadOnlyList<NetworkParameter> parameters = network.Parameters;
        return new ClassifierParameters(parameters[0].GetValues(), parameters[1].GetValues(), parameters[2].GetValues(), parameters[3].GetValues());
    }

    public override void SetParameters(int brain, ClassifierParameters parameters)
    {
        network.SetParameters(
            (nameof(parameters.HiddenWeights), parameters.HiddenWeights), (nameof(parameters.HiddenBiases), parameters.HiddenBiases),
            (nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases));
    }

    public override void Dispose()
    {
        asked?.Dispose();
        learned?.Dispose();
        prediction.Dispose();
        trainer?.Dispose();
        network.Dispose();
        base.Dispose();
    }
}
