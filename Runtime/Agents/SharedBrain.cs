namespace NeuralPlugin;

/// <summary>One brain for all agents.</summary>
internal sealed class SharedBrain : Brains
{
    private readonly Network network;
    private readonly BatchTrainer? trainer;
    private readonly Loss? loss;
    private readonly PredictionWorkspace prediction;
    private readonly OutputRescale? valueRescale;
    private readonly JoinedFeatures? asked;
    private readonly JoinedFeatures? learned;

    public SharedBrain(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen) : base(device, seen)
    {
        using UnderConstruction made = new();
        made.Add(Clock);
        network = made.Add(new Network(
            device, options.Seed, InputsOf(options), new Dense(options.HiddenUnits), new Relu(), new Dense(options.Outputs)));
        network.KernelsInUse.TrySettle(options.Tuning!);
        prediction = made.Add(new PredictionWorkspace(network, options.Capacity, softmax: false));
        if (seen is not null) asked = made.Add(new JoinedFeatures(device, seen, options.StackedObservations, prediction.Input));
        if (options.Learning is { } learning)
        {
            int rows = learning.MostRowsOfAStep(options);
            Optimizer = learning.OptimizerFor(options);
            loss = learning.CreateLoss(options);
            trainer = made.Add(new BatchTrainer(network, Optimizer, loss, rows));
            trainer.PrepareEnqueued(rows);
            if (learning.EstimatesValues)
            {
                valueRescale = made.Add(new OutputRescale(network, options.Policy.Outputs));
                network.Parameters[2].SetValues(FirstOutputWeights(options, brain: 0));
            }

            if (seen is not null) learned = made.Add(new JoinedFeatures(device, seen, options.StackedObservations, trainer.EnqueuedFeatures));
        }

        made.Complete();
    }

    public override bool AreOwn => false;

    public override int Count => 1;

    public override long DroppedSteps => trainer?.LostSteps ?? 0;

    public override long TakeSkippedStep() => trainer?.TakeSkippedStep() ?? 0;

    public override GuidedStepResult Guided => trainer?.Guided ?? base.Guided;

    public override float PolicyLoss => loss?.PolicyLossOf(new RowLoss(trainer!.MeanLoss, Guided.Divergence, Guided.Entropy, Guided.ValueLoss)) ?? base.PolicyLoss;

    public override MatrixTexture Outputs => prediction.Results;

    public override MatrixTexture Features => prediction.Input;

    public override void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        using NeuralDevice.Scope scope = network.Enter();
        RescaleOpenValues();
        if (asked is null)
        {
            prediction.Enqueue(features, features.Length / network.Inputs);
            return;
        }

        asked.Write(features, looks);
        prediction.EnqueueWritten(looks.Length);
    }

    public override void Train(StepPart part, ReadOnlySpan<float> features, ReadOnlySpan<int> looks, BatchTargets targets)
    {
        RescaleOpenValues();
        if (learned is not null)
        {
            learned.Write(features, looks);
            trainer!.EnqueueWrittenBatch(looks.Length, targets);
            return;
        }

        trainer!.EnqueueBatch(features, targets);
    }

    public override void RescaleValues(ReadOnlySpan<float> scales) => valueRescale!.Enqueue(scales[0], scales[1]);

    public override void RescaleOpenValues() => valueRescale?.EnqueueOpen();

    public override RescaleReceipts? RescaleReceipts => valueRescale?.Receipts;

    public override void Repeat(StepPart part)
    {
        RescaleOpenValues();
        trainer!.EnqueueLastBatch();
    }

    public override Optimizer? Optimizer { get; }

    public override IReadOnlyList<MatrixTexture> StateTextures =>
        [.. network.Matrices.SelectMany(layer => layer).Select(matrix => matrix.CommittedTexture), .. trainer?.StandingTextures ?? []];

    public override Func<Readback, BrainsContent> ReadContent()
    {
        int matrices = network.Matrices.Sum(layer => layer.Count);
        Func<Readback, int, EnqueuedStanding>? standing = trainer?.ReadStanding();
        KernelTuning used = network.KernelsInUse.Used;
        return readback => new BrainsContent([.. network.Parameters.Select(parameter => parameter.ReadFrom(readback))], standing?.Invoke(readback, matrices)) { Tuning = used };
    }

    public override void Restore(BrainsContent content)
    {
        using NeuralDevice.Scope scope = network.Enter();
        foreach ((int i, NetworkParameter parameter) in network.Parameters.Index()) parameter.Upload(content.Parameters[i]);
        valueRescale?.Forget();
        if (content.Standing is { } standing) trainer?.Restore(standing);
    }

    public override void CollectParameters(List<MatrixTexture> textures)
    {
        for (int layer = 0; layer < network.Matrices.Count; layer++)
        {
            for (int i = 0; i < network.Matrices[layer].Count; i++) textures.Add(network.Matrices[layer][i].CommittedTexture);
        }
    }

    public override void ReadParameters(Readback readback, int brain, float[][] parameters)
    {
        for (int i = 0; i < parameters.Length; i++) network.Parameters[i].ReadFrom(readback, parameters[i]);
    }

    public override ClassifierParameters GetParameters(int brain)
    {
        using NeuralDevice.Scope scope = network.Enter();
        RescaleOpenValues();
        RescaleReceipts?.RequireAll();
        IReadOnlyList<NetworkParameter> parameters = network.Parameters;
        return new ClassifierParameters(parameters[0].GetValues(), parameters[1].GetValues(), parameters[2].GetValues(), parameters[3].GetValues());
    }

    public override void SetParameters(int brain, ClassifierParameters parameters)
    {
        network.SetParameters(
            (nameof(parameters.HiddenWeights), parameters.HiddenWeights), (nameof(parameters.HiddenBiases), parameters.HiddenBiases),
            (nameof(parameters.OutputWeights), parameters.OutputWeights), (nameof(parameters.OutputBiases), parameters.OutputBiases));
        valueRescale?.Forget();
    }

    public override void Dispose()
    {
        asked?.Dispose();
        learned?.Dispose();
        prediction.Dispose();
        trainer?.Dispose();
        valueRescale?.Dispose();
        network.Dispose();
        base.Dispose();
    }
}
