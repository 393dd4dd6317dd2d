namespace NeuralPlugin;

/// <summary>
/// Reads a brain out of a population that runs, without a wait: <see cref="Begin"/> enqueues a copy of it as it is between two Updates, and some frames later <see cref="TryTake"/> has it. For
/// a brain that all share neither of them allocates, once both have run.
/// </summary>
/// <remarks>All calls but Dispose come from the device's thread.</remarks>
public sealed class BrainReader : IDisposable
{
    private readonly AgentPopulation population;
    private readonly int brain;
    private readonly List<MatrixTexture> textures = [];
    private AgentMind? mind;
    private Readback? readback;
    private BrainState? state;
    private bool isBegun;

    internal BrainReader(AgentPopulation population, int brain)
    {
        this.population = population;
        this.brain = brain;
        Prepare();
    }

    /// <summary>Whether a copy is under way, or waits to be taken.</summary>
    public bool IsPending => isBegun;

    /// <summary>Enqueues a copy of the brain as it is now; one that was under way is given up. The normalization and the scale of values are those of this moment too.</summary>
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
        textures.Clear();
        mind.Brains.CollectParameters(textures);
        readback!.Start(textures);
        isBegun = true;
    }

    /// <summary>The brain as it was at <see cref="Begin"/>, once it is there. It is the reader's own, and the next Begin changes it: copy what is to stay.</summary>
    /// <param name="taken">The brain, or null.</param>
    /// <returns>Whether it is there; each is taken once.</returns>
    /// <exception cref="InvalidOperationException">The driver lost it: its context is gone, or the population's learning was changed meanwhile.</exception>
    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out BrainState? taken)
    {
        taken = null;
        if (!isBegun || readback!.Status == ReadbackStatus.Pending) return false;
        isBegun = false;
        if (readback.Status == ReadbackStatus.Failed) throw new InvalidOperationException("The brain could not be read back: the device's context is gone.", readback.Failure);
        using NeuralDevice.Scope scope = population.Device.Enter();
        mind!.Brains.ReadParameters(readback, brain, state!.Arrays);
        taken = state;
        return true;
    }

    /// <summary>Frees its buffer at the device's next call. From any thread; a second call does nothing.</summary>
    public void Dispose() => readback?.Dispose();

    private void Prepare()
    {
        mind = population.Mind;
        state = new BrainState(AgentStateHeader.Of(mind.Options, mind.Brains));
        readback?.Dispose();
        using NeuralDevice.Scope scope = population.Device.Enter();
        textures.Clear();
        mind.Brains.CollectParameters(textures);
        readback = new Readback(population.Device, textures.Select(texture => texture.Shape));
    }
}
