namespace NeuralPlugin;

/// <summary>
/// Reads a brain from a running population without waiting: <see cref="Begin"/> enqueues a copy between two Updates, and <see cref="TryTake"/>
/// returns it some frames later. For a shared brain neither allocates after its first call.
/// </summary>
/// <remarks>Make all calls except Dispose from the device's thread.</remarks>
public sealed class BrainReader : IDisposable
{
    private readonly AgentPopulation population;
    private readonly int brain;
    private readonly List<MatrixTexture> textures = [];
    private AgentMind? mind;
    private Readback? readback;
    private BrainState? state;
    private bool isBegun;
    private float rescale;   // the last one of the value output that may have been skipped

    internal BrainReader(AgentPopulation population, int brain)
    {
        this.population = population;
        this.brain = brain;
        Prepare();
    }

    /// <summary>Whether a copy is in flight or ready to be taken.</summary>
    public bool IsPending => isBegun;

    /// <summary>Enqueues a copy of the brain, its normalization and the scale of its values as they are now. Discards a copy in flight.</summary>
    /// <exception cref="ObjectDisposedException">The population was disposed.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while Update is under way.</exception>
    public void Begin()
    {
        population.RequireBetweenUpdates(nameof(BrainReader));
        if (mind != population.Mind || readback!.Status is ReadbackStatus.Pending or ReadbackStatus.Failed) Prepare();
        using NeuralDevice.Scope scope = population.Device.Enter();
        state!.Normalizer?.CopyFrom(mind!.Trainer.Normalizer!);
        ValueScale scale = mind!.Trainer.ScaleOf(brain);
        (state.Decisions, state.ValueMean, state.ValueDeviation) = (mind.Decisions.Count, scale.Mean, scale.Deviation);
        mind.Brains.RescaleOpenValues();
        Collect(mind.Brains);
        rescale = mind.Brains.RescaleReceipts?.LastOpen ?? 0;
        readback!.Start(textures);
        isBegun = true;
    }

    /// <summary>
    /// Returns the brain as it was at <see cref="Begin"/>, once it has arrived; if the driver skipped the last change of the scale of its values (a conditional render of the host was open), a copy begun anew by this call, some
    /// frames later. The object belongs to the reader and changes with the next Begin: copy it to keep it.
    /// </summary>
    /// <param name="taken">The brain; null if it has not arrived.</param>
    /// <returns>Whether it has arrived. Each copy is returned once.</returns>
    /// <exception cref="InvalidOperationException">The device's context is gone.</exception>
    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out BrainState? taken)
    {
        taken = null;
        if (!isBegun || readback!.Status == ReadbackStatus.Pending) return false;
        isBegun = false;
        if (readback.Status == ReadbackStatus.Failed) throw new InvalidOperationException("The brain could not be read back: the device's context is gone.", readback.Failure);
        using NeuralDevice.Scope scope = population.Device.Enter();
        if (mind!.Brains.RescaleReceipts?.HadRun(rescale, readback, textures.Count - 1) == false)
        {
            Begin();
            return false;
        }

        mind.Brains.ReadParameters(readback, brain, state!.Arrays);
        taken = state;
        return true;
    }

    /// <summary>Frees the buffer at the device's next call. Any thread may call it; a second call does nothing.</summary>
    public void Dispose() => readback?.Dispose();

    private void Prepare()
    {
        mind = population.Mind;
        state = new BrainState(AgentStateHeader.Of(mind.Options, mind.Brains));
        readback?.Dispose();
        using NeuralDevice.Scope scope = population.Device.Enter();
        Collect(mind.Brains);
        readback = new Readback(population.Device, textures.Select(texture => texture.Shape));
    }

    /// <summary>The matrices of the parameters and, last, the receipts of the rescalings.</summary>
    private void Collect(Brains brains)
    {
        textures.Clear();
        brains.CollectParameters(textures);
        if (brains.RescaleReceipts is { } receipts) textures.Add(receipts.Matrix);
    }
}
