namespace NeuralPlugin;

/// <summary>The part of a population that decides and learns: its brains, its agents' decisions, and its trainer. Another way to learn is another mind.</summary>
internal sealed class AgentMind : IDisposable
{
    private readonly NeuralDevice device;
    private readonly ReferencePolicy? reference;

    /// <param name="device">Where the brains live.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="errors">Receives the errors of the agents' scripts.</param>
    /// <param name="opponents">What opponents act with, whose owner is the population; null without self-play.</param>
    public AgentMind(NeuralDevice device, AgentPopulationOptions options, FrameErrors errors, Opponents? opponents)
    {
        Opponents = opponents;
        this.device = device;
        Options = options;
        using NeuralDevice.Scope scope = device.Enter();
        using UnderConstruction made = new();
        SeenTextures? seen = options.TextureObservations is { } declared
            ? made.Add(new SeenTextures(device, declared.Width, declared.Height, declared.Channels, options.MostLooks)) : null;
        Brains = made.Add(Brains.Create(device, options, seen));
        Trainer = made.Add(new AgentTrainer(device, Brains, options));
        if (options.Learning?.ReferenceBrain is { } brain) reference = made.Add(new ReferencePolicy(device, brain, options, seen));
        Decisions = made.Add(new AgentDecisions(device, options, Brains, Trainer, errors, opponents, reference));
        FinalValues = made.Add(new FinalValues(device, options, Brains, Trainer));
        made.Complete();
    }

    public AgentPopulationOptions Options { get; }

    public Brains Brains { get; }

    /// <summary>What opponents act with; null without self-play.</summary>
    public Opponents? Opponents { get; }

    public AgentTrainer Trainer { get; }

    public AgentDecisions Decisions { get; }

    public FinalValues FinalValues { get; }

    /// <summary>Describes its state for files, besides the brains and their optimizer.</summary>
    public void Describe(StateForm form)
    {
        Trainer.Normalizer?.Describe(form);
        Decisions.Describe(form);
        Trainer.Learner?.Describe(form);
        Opponents?.Describe(form);
    }

    /// <summary>Its own part of the progress.</summary>
    public AgentProgress Progress
    {
        get
        {
            LearningStatistics statistics = Trainer.Learner?.Statistics ?? LearningStatistics.None;
            BrainSpread rates = Brains.Rates, divergences = Brains.Divergences;
            return new AgentProgress
            {
                TrainingSteps = Trainer.Learner?.Steps ?? 0,
                DroppedSteps = Brains.DroppedSteps,
                SkippedDecisions = Trainer.Learner?.SkippedDecisions ?? 0,
                LearnedDecisions = statistics.LearnedDecisions,
                LearningRate = rates.Median,
                LearningRates = rates,
                Entropy = statistics.Steps.Entropy,
                Divergence = divergences.Median,
                Divergences = divergences,
                ValueLoss = statistics.Steps.ValueLoss,
                PolicyLoss = statistics.PolicyLoss,
                ExplainedVariance = statistics.ExplainedVariance,
                Drift = statistics.Drift,
                Elo = (float)(Opponents?.Rating ?? double.NaN),
                TrainingTime = Trainer.Time,
                GpuTime = TimeSpan.FromMicroseconds(Brains.Clock.LastNanoseconds / 1e3),
                StepsThisFrame = Trainer.StepsThisFrame,
                IsWaitingForGpu = Trainer.IsWaitingForGpu,
            };
        }
    }

    /// <summary>Starts to read back the brains as they are now.</summary>
    /// <returns>Completes in a later Update of the device.</returns>
    public Task<BrainsContent> ReadBrainsAsync()
    {
        using NeuralDevice.Scope scope = device.Enter();
        Trainer.FinishStep();   // so that weights, the optimizer's state, learning rates and the learner's counts belong together
        Brains.RescaleOpenValues();
        IReadOnlyList<MatrixTexture> ofBrains = Brains.StateTextures;
        Func<Readback, BrainsContent> readBrains = Brains.ReadContent();
        Func<Readback, int, NamedTensor[]>? readSnapshots = Opponents?.Pool.ReadWeights();
        List<MatrixTexture> textures = [.. ofBrains, .. Opponents?.Pool.Textures ?? []];
        int snapshotsEnd = textures.Count;
        float rescale = Brains.RescaleReceipts?.LastOpen ?? 0;
        if (Brains.RescaleReceipts is { } receipts) textures.Add(receipts.Matrix);
        BrainsContent Read(Readback readback)
        {
            if (Brains.RescaleReceipts?.HadRun(rescale, readback, snapshotsEnd) == false) throw DispatchesSkippedException.OfCall();
            return readBrains(readback) with { Snapshots = readSnapshots?.Invoke(readback, ofBrains.Count) ?? [] };
        }

        TaskCompletionSource<BrainsContent> content = new(TaskCreationOptions.RunContinuationsAsynchronously);
        new Readback(device, textures.Select(texture => texture.Shape), readback => HandOver(readback, Read, content)).Start(textures);
        return content.Task;
    }

    /// <summary>Returns the brains as they are now. Waits.</summary>
    public BrainsContent ReadBrains()
    {
        Task<BrainsContent> reading = ReadBrainsAsync();
        device.Finish();
        device.Update();
        return reading.GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        Decisions.Dispose();
        FinalValues.Dispose();
        reference?.Dispose();
        Brains.Dispose();
        Trainer.Dispose();
    }

    private static void HandOver(Readback readback, Func<Readback, BrainsContent> read, TaskCompletionSource<BrainsContent> content)
    {
        using (readback)
        {
            try
            {
                if (readback.Failure is not null) content.SetException(readback.Failure);
                else content.SetResult(read(readback));
            }
            catch (Exception exception) when (exception is OutOfMemoryException or InvalidOperationException)
            {
                content.SetException(exception);   // the game continues, and whoever awaits the task gets the error
            }
        }
    }
}
