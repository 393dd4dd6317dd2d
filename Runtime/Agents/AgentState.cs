namespace NeuralPlugin;

/// <summary>The properties of a population that another one must know to continue from its state.</summary>
/// <param name="Observations">The numbers that an agent observes.</param>
/// <param name="Actions">The kinds of actions.</param>
/// <param name="HiddenUnits">Hidden units of a brain.</param>
/// <param name="Brains">The number of brains.</param>
/// <param name="Capacity">The maximum number of agents.</param>
/// <param name="AreShared">Whether all agents share one brain.</param>
/// <param name="NormalizesObservations">Whether brains were trained on normalized observations.</param>
/// <param name="EstimatesValues">Whether brains have a value output.</param>
/// <param name="TextureWidth">The width of the agents' view; 0 for none.</param>
/// <param name="TextureHeight">Its height.</param>
/// <param name="TextureChannels">Its channels.</param>
/// <param name="Learning">How they learn; empty for no learning.</param>
/// <param name="Optimizer">The optimizer; empty for none.</param>
internal sealed record AgentStateHeader(
    int Observations, ActionSpec Actions, int HiddenUnits, int Brains, int Capacity, bool AreShared, bool NormalizesObservations, bool EstimatesValues,
    int TextureWidth, int TextureHeight, int TextureChannels, string Learning, string Optimizer)
{
    /// <summary>The decisions whose observations a brain reads.</summary>
    public int NumStackedVectorObservations { get; init; } = 1;

    /// <summary>The inputs of a brain.</summary>
    public int Inputs => checked((Observations * NumStackedVectorObservations) + (TextureWidth * TextureHeight * TextureChannels));

    /// <summary>The outputs of a brain.</summary>
    public int Outputs => Actions.Policy.Outputs + (EstimatesValues ? 1 : 0);

    /// <summary>Makes the header of a population.</summary>
    public static AgentStateHeader Of(AgentPopulationOptions options, Brains brains)
    {
        TextureObservations? seen = options.TextureObservations;
        return new AgentStateHeader(
            options.Observations, options.ActionSpec!, options.HiddenUnits, brains.Count, options.Capacity, !brains.AreOwn, options.NormalizeObservations,
            options.Outputs > options.Policy.Outputs, seen?.Width ?? 0, seen?.Height ?? 0, (int)(seen?.Channels ?? 0), options.Learning?.Name ?? "", brains.Optimizer?.Name ?? "")
        {
            NumStackedVectorObservations = options.NumStackedVectorObservations,
        };
    }

    /// <summary>Returns the options of a population that plays with such brains, and does not learn.</summary>
    public AgentPopulationOptions ForPlay() => new()
    {
        Observations = Observations,
        NumStackedVectorObservations = NumStackedVectorObservations,
        ActionSpec = Actions,
        HiddenUnits = HiddenUnits,
        Capacity = Capacity,
        Brains = AreShared ? BrainSharing.Shared : BrainSharing.OneEach,
        NormalizeObservations = NormalizesObservations,
        TextureObservations = TextureWidth > 0 ? new TextureObservations(TextureWidth, TextureHeight, (TextureChannels)TextureChannels) : null,
        Learning = null,
    };
}

/// <summary>The state of a population: its header, its brains, and the other numbers.</summary>
/// <param name="Header">Its header.</param>
/// <param name="Brains">Its brains.</param>
/// <param name="Fields">The numbers that <see cref="StateForm"/> describes, by name.</param>
internal sealed record AgentState(AgentStateHeader Header, BrainsContent Brains, IReadOnlyDictionary<string, double[]> Fields)
{
    /// <summary>
    /// Returns the brains for a population with another number of them or other outputs: one goes to all, and the value is left out or takes its
    /// initial weights from that population.
    /// </summary>
    /// <param name="to">The population that they are for.</param>
    /// <param name="fresh">Brains of that population.</param>
    /// <param name="keepsStanding">Whether training continues from where it stopped.</param>
    public BrainsContent BrainsFor(AgentStateHeader to, BrainsContent fresh, bool keepsStanding)
    {
        float[][] parameters = Brains.Parameters;
        if (Header.Brains < to.Brains) parameters = [.. parameters.Select(array => Enumerable.Repeat(array, to.Brains).SelectMany(values => values).ToArray())];
        if (Header.Outputs == to.Outputs) return new BrainsContent(parameters, keepsStanding ? Brains.Standing : null);
        float[] weights = WithOutputs(parameters[2], Header.Outputs, fresh.Parameters[2], to.Outputs), biases = WithOutputs(parameters[3], Header.Outputs, fresh.Parameters[3], to.Outputs);
        return new BrainsContent([parameters[0], parameters[1], weights, biases], Standing: null);
    }

    private static float[] WithOutputs(float[] from, int columns, float[] to, int wanted)
    {
        float[] result = [.. to];
        int kept = Math.Min(columns, wanted);
        for (int row = 0; row < from.Length / columns; row++) from.AsSpan(row * columns, kept).CopyTo(result.AsSpan(row * wanted));
        return result;
    }
}
