namespace NeuralPlugin;

/// <content>Changes how a population learns, and saves and loads its state.</content>
public sealed partial class AgentPopulation
{
    private Task saving = Task.CompletedTask;

    /// <summary>
    /// How they learn. If changed between two Updates, brains, the normalization of observations and all counters stay, and learning starts over from
    /// there: from a player's demonstrations to reward, for example. Waits and allocates; open questions are asked again.
    /// </summary>
    /// <exception cref="InvalidOperationException">An agent's script changes it while <see cref="Update"/> is under way.</exception>
    /// <exception cref="ArgumentException">The brains cannot learn this way, as for the constructor.</exception>
    public AgentLearning? Learning
    {
        get => mind.Options.Learning;
        set
        {
            RequireBetweenUpdates(nameof(Learning));
            if (Equals(value, Learning)) return;
            AgentPopulationOptions next = mind.Options with { Learning = value };
            RequireLearning(next);
            Opponents? following = opponents?.For(next);
            try
            {
                Replace(new AgentMind(device, next, errors, following));
            }
            catch
            {
                if (following != opponents) following?.Dispose();
                throw;
            }

            if (following == opponents) return;
            opponents!.Dispose();
            opponents = following;
            opponents!.BeginAnew(mind);
        }
    }

    /// <summary>
    /// Makes a population that continues from a saved one: with the same options and agents that do the same, it has the same bits as that one would
    /// have if all its agents had been removed and added again. The options decide, where they differ, how much is taken over
    /// (Documentation~/agents.md). Waits and allocates.
    /// </summary>
    /// <param name="device">Where the brains live.</param>
    /// <param name="path">A file written by <see cref="Save"/>, <see cref="SaveAsync"/> or <see cref="SaveBrain"/>.</param>
    /// <param name="options">The options that the agents share; null for those of the file, to play without learning.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid, or the constructor rejects the options.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or from a population with other observations, actions, hidden units or brains.</exception>
    /// <exception cref="IOException">The file does not exist, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    /// <exception cref="DeviceLimitException">The brains are too large for one matrix of this device, or exceed what it can run.</exception>
    /// <exception cref="InvalidOperationException">The file's brains had a configuration of this device's kernels that this version does not offer; see <see cref="KernelTuning"/>.</exception>
    public static AgentPopulation Load(NeuralDevice device, string path, AgentPopulationOptions? options = null)
    {
        using FileStream stream = AgentStateFile.Open(path);
        AgentStateFile file = AgentStateFile.Of(stream, path);
        AgentPopulation population = new(device, (options ?? file.Header.ForPlay()) with { Tuning = file.Tuning });
        try
        {
            population.State.Restore(file, brainsAlone: false);
            population.rate.Begin(population.mind.Decisions.Count);
            return population;
        }
        catch
        {
            population.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Replaces the brains, the normalization of observations and the scale of values with those of a file; a file of one brain gives it to all. If
    /// anything is wrong, it replaces none. Waits and allocates. Call it before the agents act: decisions collected from other brains are still
    /// learned from.
    /// </summary>
    /// <param name="path">A file written by <see cref="Save"/>, <see cref="SaveAsync"/> or <see cref="SaveBrain"/>.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is damaged, or from a population with other observations, actions, hidden units or brains.</exception>
    /// <exception cref="IOException">The file does not exist, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission to read it.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    public void LoadBrains(string path)
    {
        RequireBetweenUpdates(nameof(LoadBrains));
        using FileStream stream = AgentStateFile.Open(path);
        State.Restore(AgentStateFile.Of(stream, path), brainsAlone: true);
    }

    /// <summary>
    /// Writes everything that was learned, and the state of learning: brains, the optimizer's state, normalization, counters, random streams, and
    /// decisions collected but not yet learned from, except those of agents that see textures. Waits for the GPU and the disk. <see cref="Load"/> and
    /// <see cref="LoadBrains"/> read it.
    /// </summary>
    /// <param name="path">The file, new or existing. If the process is killed at any moment, it is the complete old file or the complete new one.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous one is intact.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped a change of the scale of values that the brains need. Nothing is written.</exception>
    public void Save(string path)
    {
        PopulationState state = BeginSaving(path, nameof(Save));
        FinishSaving();
        AgentStateFile.Save(path, state.Header, mind.ReadBrains(), state.Capture());
    }

    /// <summary>
    /// As <see cref="Save"/>, without waiting: the brains are read back in a later <see cref="NeuralDevice.Update"/>, and written on another thread. A training step of which only some brains have
    /// had their part (<see cref="FrameBudget"/>) is completed first, whatever the budget: the frame may take as much longer as a whole step does.
    /// </summary>
    /// <param name="path">The file, new or existing.</param>
    /// <returns>Completes when the file is on the disk, on another thread; fails as <see cref="Save"/> does. Do not wait for it on the device's thread.</returns>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NonFiniteValueException">A number of the learner is NaN or infinite.</exception>
    /// <exception cref="DeviceLimitException">The driver has no memory for the copy.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    public Task SaveAsync(string path)
    {
        PopulationState state = BeginSaving(path, nameof(SaveAsync));
        return saving = AgentStateFile.SaveAfter(saving, Path.GetFullPath(path), state.Header, mind.ReadBrainsAsync(), state.Capture());
    }

    /// <summary>Writes one brain with the normalization of observations, and nothing about how it learns: to ship it, or to give it to others. Waits.</summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <param name="path">The file, new or existing.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite: such a file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous one is intact.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped a change of the scale of values that the brains need. Nothing is written.</exception>
    public void SaveBrain(int brain, string path)
    {
        RequireBrain(brain);
        PopulationState state = BeginSaving(path, nameof(SaveBrain));
        FinishSaving();
        AgentStateFile.Save(path, state.HeaderOfOne, state.Only(brain, mind.ReadBrains()), state.CaptureOne(brain));
    }

    /// <summary>
    /// Returns a brain as it is now, like <see cref="SaveBrain"/> without a file. Waits and allocates; in a running game use a
    /// <see cref="BrainReader"/>.
    /// </summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    /// <exception cref="DispatchesSkippedException">A conditional render of the host is open, and the driver skipped a change of the scale of values that the brains need.</exception>
    public BrainState GetBrainState(int brain)
    {
        using BrainReader reader = ReadBrain(brain);
        reader.Begin();
        device.Finish();
        device.Update();
        if (reader.TryTake(out BrainState? state)) return state;
        throw reader.IsPending ? DispatchesSkippedException.OfCall() : new InvalidOperationException("The brain could not be read back: the device's context is gone.");
    }

    /// <summary>Creates a reader for a brain, which reads it in a running game without waiting. Allocates; dispose the reader.</summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    public BrainReader ReadBrain(int brain)
    {
        RequireBrain(brain);
        return new BrainReader(this, brain);
    }

    /// <summary>
    /// Replaces a brain between two Updates; learning continues from there. Weights, normalization (shared by all agents) and the scale of values are
    /// replaced; the optimizer's state, collected decisions, random streams and counters stay. Does not wait for a shared brain; if each agent has
    /// its own, it waits for the device to read one row.
    /// </summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <param name="state">A brain of the same shape; it is copied.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">It has another shape.</exception>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    public void SetBrainState(int brain, BrainState state)
    {
        RequireBrain(brain);
        RequireBetweenUpdates(nameof(SetBrainState));
        ArgumentNullException.ThrowIfNull(state);
        AgentStateHeader ours = State.HeaderOfOne;
        if (state.Header != ours) throw new ArgumentException($"The brains of this population have {new BrainState(ours).Shape}, but got one of {state.Shape}.", nameof(state));
        state.RequireFinite();
        if (mind.Brains.AreOwn) mind.Brains.SetParameters(brain, state.Parameters);
        else mind.Brains.Restore(new BrainsContent(state.Arrays, Standing: null));
        mind.Trainer.Normalizer?.CopyFrom(state.Normalizer!);
        mind.Trainer.SetScale(brain, new ValueScale(state.ValueMean, state.ValueDeviation));
    }

    /// <summary>
    /// Writes a brain as an ONNX model of operator set 17, for other engines and tools. Its inputs are <c>observations</c> [batch × observations],
    /// raw, since the model normalizes them, and of several decisions oldest first if they are stacked (zeros before an episode has that many), and <c>allowed</c> [batch × actions], 1 for an allowed action and 0 otherwise; its outputs are
    /// <c>logits</c> and <c>probabilities</c> [batch × actions], the latter over allowed actions, and <c>value</c> [batch × 1] in rewards, if the
    /// brain has one. Waits and allocates.
    /// </summary>
    /// <param name="brain">The index of its agent; 0 if they share one.</param>
    /// <param name="path">The file; an existing one is replaced when the new one is complete.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such brain.</exception>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NotSupportedException">Agents see textures.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous one is intact.</exception>
    /// <exception cref="InvalidOperationException">An agent's script calls it while <see cref="Update"/> is under way.</exception>
    public void ExportOnnx(int brain, string path)
    {
        RequireBrain(brain);
        _ = BeginSaving(path, nameof(ExportOnnx));
        if (options.TextureObservations is not null) throw new NotSupportedException("A model cannot take textures that agents see. Export brains of agents that see none.");
        ValueScale scale = mind.Trainer.ScaleOf(brain);
        WholeFile.Write(path, AgentOnnxModel.Of(mind.Options, GetBrain(brain), mind.Trainer.Normalizer, scale).WriteTo);
    }

    /// <summary>Writes the brain that all agents share, as <see cref="ExportOnnx(int, string)"/> does.</summary>
    /// <param name="path">The file; an existing one is replaced when the new one is complete.</param>
    /// <exception cref="InvalidOperationException">Each agent has its own brain. Or an agent's script calls it while <see cref="Update"/> is under way.</exception>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="NotSupportedException">Agents see textures.</exception>
    /// <exception cref="FileWriteException">The file could not be written; the previous one is intact.</exception>
    public void ExportOnnx(string path)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (mind.Brains.AreOwn) throw new InvalidOperationException($"A model has one brain, but each of the {Capacity} agents has its own. Say which one: ExportOnnx(brain, path).");
        ExportOnnx(0, path);
    }

    internal AgentMind Mind => mind;

    internal PopulationState State => new(mind, agents, episodes);

    internal BrainsContent ReadBrains() => mind.ReadBrains();

    /// <summary>Continues with another mind, which takes over what this one has learned.</summary>
    private void Replace(AgentMind next)
    {
        try
        {
            new PopulationState(next, agents, episodes).TakeOver(State, mind.ReadBrains());
        }
        catch
        {
            next.Dispose();
            throw;
        }

        (next.Decisions.Explores, next.Decisions.Recording, next.Trainer.Learns) = (Explores, Recording, Learns);
        mind.Dispose();
        mind = next;
        foreach (Agent? agent in agents) agent?.AskAgain(Frame);
    }

    private PopulationState BeginSaving(string path, string call)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RequireBetweenUpdates(call);
        return State;
    }

    /// <summary>Lets a running SaveAsync finish, so that an older save does not replace a newer one.</summary>
    private void FinishSaving()
    {
        while (!saving.IsCompleted)
        {
            device.Update();
            Task.WaitAny([saving], millisecondsTimeout: 1);   // its own caller sees the result
        }
    }
}
