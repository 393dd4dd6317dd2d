namespace NeuralPlugin;

/// <summary>
/// Captures and restores the state of a population. What is restored depends on how alike the two populations are: brains and the normalization of
/// observations always; the optimizer's state and the statistics of rewards if they learn in the same way; decisions collected but not yet learned
/// from, if they also have as many agents.
/// </summary>
/// <param name="mind">The population's mind.</param>
/// <param name="agents">The agents by their places.</param>
/// <param name="episodes">The statistics of ended episodes.</param>
internal sealed class PopulationState(AgentMind mind, Agent?[] agents, EpisodeStatistics episodes)
{
    private readonly AgentStateHeader header = AgentStateHeader.Of(mind.Options, mind.Brains);

    /// <summary>The population's header.</summary>
    public AgentStateHeader Header => header;

    /// <summary>Returns the current numbers besides the brains.</summary>
    /// <exception cref="NonFiniteValueException">A number is NaN or infinite, so that the file could not be loaded.</exception>
    public NamedTensor[] Capture() => Describe().Capture();

    /// <summary>The header of a population that has only one of the brains.</summary>
    public AgentStateHeader HeaderOfOne => header with { Brains = 1, Capacity = 1, AreShared = true, Learning = "", Optimizer = "" };

    /// <summary>Returns one of the brains.</summary>
    public BrainsContent Only(int brain, BrainsContent all) =>
        new([.. all.Parameters.Select(array => array.AsSpan(brain * (array.Length / header.Brains), array.Length / header.Brains).ToArray())], Standing: null);

    /// <summary>Returns the numbers that it needs besides its parameters.</summary>
    public NamedTensor[] CaptureOne(int brain)
    {
        NamedTensor[] all = Describe().Capture(name => IsOfBrain(name) || name == ActionChooser.ExplorationName);
        NamedTensor streams = all.Single(tensor => tensor.Name == ActionChooser.ExplorationName);
        return
        [
            .. all.Where(tensor => IsOfBrain(tensor.Name)).Select(tensor => tensor.Name.StartsWith(StateForm.Values, StringComparison.Ordinal) && header.Brains > 1
                ? tensor with { Shape = [1], WideValues = [tensor.WideValues![brain]] } : tensor),
            streams with { Shape = [1, 2], WideValues = streams.WideValues!.AsSpan(2 * brain, 2).ToArray() },
        ];
    }

    /// <summary>Continues from the state of a file or, if anything is wrong, stays as it was. Waits.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="brainsAlone">Whether only the brains are taken, with the numbers they need to be of use.</param>
    /// <exception cref="ModelFileException">The file is invalid, or from another population.</exception>
    public void Restore(AgentStateFile file, bool brainsAlone)
    {
        if (FindMisfit(file.Header) is { } misfit) throw file.Unsuited(misfit);
        StateForm form = Describe();
        bool learns = Learns(file.Header, brainsAlone), trains = learns && file.Header.Optimizer == header.Optimizer;
        Predicate<string> isWanted = name => IsWanted(name, file.Header, learns, brainsAlone);
        AgentState state = file.Read([.. form.Fields.Where(field => isWanted(field.Name))], trains ? mind.Brains.Optimizer : null);
        Apply(form, state, trains, isWanted);
        mind.Opponents?.EndReading(mind);
    }

    /// <summary>Continues from the state of the population's former mind, whose learner's experience is given up. Waits.</summary>
    public void TakeOver(PopulationState former, BrainsContent brains)
    {
        AgentStateHeader from = former.Header;
        StateForm form = Describe();
        bool learns = Learns(from, brainsAlone: false), trains = learns && from.Optimizer == header.Optimizer;
        Predicate<string> isWanted = name => IsWanted(name, from, learns, brainsAlone: false) && !name.StartsWith(StateForm.Experience, StringComparison.Ordinal)
            && !name.StartsWith(StateForm.SelfPlay, StringComparison.Ordinal);   // the population keeps its opponents
        Dictionary<string, double[]> fields = former.Describe().Capture(isWanted).ToDictionary(field => field.Name, ValuesOf);
        Apply(form, new AgentState(from, brains, fields), trains, isWanted);
    }

    private static bool IsOfBrain(string name) =>
        ((string[])[StateForm.Observations, StateForm.Run, StateForm.Values]).Any(section => name.StartsWith(section, StringComparison.Ordinal));

    private static double[] ValuesOf(NamedTensor tensor) => tensor.WideValues ?? [.. tensor.Values.Select(value => (double)value)];

    private bool Learns(AgentStateHeader from, bool brainsAlone) =>
        !brainsAlone && header.Learning.Length > 0 && from.Learning == header.Learning && from.Brains == header.Brains && from.AreShared == header.AreShared;

    private bool IsWanted(string name, AgentStateHeader from, bool learns, bool brainsAlone)
    {
        bool Is(string section) => name.StartsWith(section, StringComparison.Ordinal);
        if (Is(StateForm.Values)) return learns || (brainsAlone && from.EstimatesValues && header.EstimatesValues);
        if (Is(StateForm.Observations)) return from.NormalizesObservations;
        if (brainsAlone) return false;
        if (Is(StateForm.SelfPlay)) return from.Outputs == header.Outputs;
        bool hasSamePlaces = from.Capacity == header.Capacity;
        return Is(StateForm.Run) || (Is(StateForm.Places) && hasSamePlaces) || (Is(StateForm.Learning) && learns) || (Is(StateForm.Experience) && learns && hasSamePlaces);
    }

    /// <summary>Says why brains of another population are of no use in this one, and what to do; null if they are.</summary>
    private string? FindMisfit(AgentStateHeader from)
    {
        string? Differs(string what, object theirs, object ours) => Equals(theirs, ours) ? null
            : $"its agents have {theirs} {what}, but those of this population have {ours}. Make the population with the same AgentPopulationOptions.";
        string? misfit = Differs("observations", from.Observations, header.Observations) ?? (from.Actions.Policy.IsOneBranch && header.Actions.Policy.IsOneBranch
                ? Differs("actions", from.Actions.SumOfDiscreteBranchSizes, header.Actions.SumOfDiscreteBranchSizes) : Differs("as actions", from.Actions, header.Actions))
            ?? Differs("stacked observations", from.NumStackedVectorObservations, header.NumStackedVectorObservations)
            ?? Differs("hidden units", from.HiddenUnits, header.HiddenUnits)
            ?? Differs("(width, height, channels) of a texture", (from.TextureWidth, from.TextureHeight, from.TextureChannels), (header.TextureWidth, header.TextureHeight, header.TextureChannels));
        if (misfit is not null) return misfit;
        if (from.NormalizesObservations != header.NormalizesObservations)
            return $"its brains know {(from.NormalizesObservations ? "normalized" : "raw")} observations. Set AgentPopulationOptions.NormalizeObservations to {from.NormalizesObservations}.";
        return from.Brains == header.Brains || from.Brains == 1 ? null
            : $"it has {from.Brains} brains, but this population has {header.Brains}. Make the population with that Capacity and BrainSharing.OneEach, or save one brain (SaveBrain).";
    }

    private void Apply(StateForm form, AgentState state, bool trains, Predicate<string> isWanted)
    {
        BrainsContent fresh = state.Header.Outputs == header.Outputs ? state.Brains : mind.ReadBrains();
        mind.Brains.Restore(state.BrainsFor(header, fresh, trains));
        foreach (IGrouping<StateRows, StateField> group in form.Fields.Where(field => isWanted(field.Name)).GroupBy(field => field.Rows))
        {
            StateRows rows = group.Key;
            int count = state.Fields.TryGetValue(group.First().Name, out double[]? first) ? first.Length / group.First().Columns : 0;
            bool fits = count <= rows.Most;   // otherwise the settings were different, and it is left out
            rows.Begin?.Invoke(fits ? count : 0);
            foreach (StateField field in group)
            {
                if (fits && state.Fields.TryGetValue(field.Name, out double[]? values)) field.Apply(values);
            }
        }

        foreach ((string section, Action action) in form.Afterwards)
        {
            if (isWanted(section)) action();
        }
    }

    private StateForm Describe()
    {
        StateForm form = new();
        mind.Describe(form);
        episodes.Describe(form);
        DescribeAgents(form);
        return form;
    }

    /// <summary>Describes the rewards of the agents' last decisions. Agents are added again, so nothing more is needed, as when they are removed.</summary>
    private void DescribeAgents(StateForm form)
    {
        StateRows places = StateRows.Exactly(agents.Length);
        double[] rewards = new double[agents.Length], cumulative = new double[agents.Length], lengths = new double[agents.Length];
        Ending[] endings = new Ending[agents.Length];
        string prefix = $"{StateForm.Experience}agents.";
        form.Add(
            new StateField($"{prefix}ending", places, 1, i => (int)EndingOf(agents[i]), (i, ending) => endings[i] = (Ending)ending)
            {
                IsWhole = true,
                Least = 0,
                Most = (int)Ending.Interrupted,
            });
        form.Add(
            new StateField($"{prefix}reward", places, 1, i => StateForm.Held(agents[i]?.PendingReward ?? 0), (i, reward) => rewards[i] = StateForm.Released(reward)) { IsWide = true });
        form.Add(new StateField($"{prefix}cumulative_reward", places, 1, i => agents[i]?.CumulativeReward ?? 0, (i, reward) => cumulative[i] = reward));
        form.Add(
            new StateField($"{prefix}steps", places, 1, i => agents[i]?.StepCount ?? 0, (i, steps) => lengths[i] = steps) { IsWide = true, IsWhole = true, Least = 0, Most = StateForm.MostWhole });
        form.Then(StateForm.Experience, () =>
        {
            for (int i = 0; i < endings.Length; i++)
            {
                mind.Trainer.EndEpisode(i, (float)rewards[i], isCutOff: endings[i] != Ending.Over);
                if (endings[i] is Ending.Over or Ending.Interrupted) episodes.Add((float)cumulative[i], (long)lengths[i]);
            }
        });
    }

    private static Ending EndingOf(Agent? agent) => agent is not { IsEpisodeOver: true, ActsBySnapshot: false } ? Ending.None : agent.IsInterrupted ? Ending.Interrupted : Ending.Over;

    /// <summary>The state of an agent's episode.</summary>
    private enum Ending
    {
        /// <summary>It was running.</summary>
        None,

        /// <summary>It was over, and the next one had not begun.</summary>
        Over,

        /// <summary>The same, and it was interrupted.</summary>
        Interrupted,
    }
}
