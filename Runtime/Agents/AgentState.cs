namespace NeuralPlugin;

/// <summary>What a population is, as far as another one must know that goes on from its state.</summary>
/// <param name="Observations">Numbers that an agent observes.</param>
/// <param name="Actions">What actions are.</param>
/// <param name="HiddenUnits">Of a brain.</param>
/// <param name="Brains">How many there are.</param>
/// <param name="Capacity">Most agents.</param>
/// <param name="AreShared">Whether there is one brain for all.</param>
/// <param name="NormalizesObservations">Whether brains know normalized observations.</param>
/// <param name="EstimatesValues">Whether brains have a value output.</param>
/// <param name="TextureWidth">Of what agents see; 0 for nothing.</param>
/// <param name="TextureHeight">The same.</param>
/// <param name="TextureChannels">The same.</param>
/// <param name="Learning">How they learn; empty for not at all.</param>
/// <param name="Optimizer">By which optimizer; empty for none.</param>
internal sealed record AgentStateHeader(
    int Observations, ActionSpec Actions, int HiddenUnits, int Brains, int Capacity, bool AreShared, bool NormalizesObservations, bool EstimatesValues,
    int TextureWidth, int TextureHeight, int TextureChannels, string Learning, string Optimizer)
{
    /// <summary>Numbers that a brain reads.</summary>
    public int Inputs => checked(Observations + (TextureWidth * TextureHeight * TextureChannels));

    /// <summary>Numbers that a brain gives.</summary>
    public int Outputs => Actions.Policy.Outputs + (EstimatesValues ? 1 : 0);

    /// <summary>Of a population.</summary>
    public static AgentStateHeader Of(AgentPopulationOptions options, Brains brains)
    {
        TextureObservations? seen = options.TextureObservations;
        return new AgentStateHeader(
            options.Observations, options.ActionSpec!, options.HiddenUnits, brains.Count, options.Capacity, !brains.AreOwn, options.NormalizeObservations,
            options.Outputs > options.Policy.Outputs, seen?.Width ?? 0, seen?.Height ?? 0, (int)(seen?.Channels ?? 0), options.Learning?.Name ?? "", brains.Optimizer?.Name ?? "");
    }

    /// <summary>Those of a population that plays with such brains, and does not learn.</summary>
    public AgentPopulationOptions ForPlay() => new()
    {
        Observations = Observations,
        ActionSpec = Actions,
        HiddenUnits = HiddenUnits,
        Capacity = Capacity,
        Brains = AreShared ? BrainSharing.Shared : BrainSharing.OneEach,
        NormalizeObservations = NormalizesObservations,
        TextureObservations = TextureWidth > 0 ? new TextureObservations(TextureWidth, TextureHeight, (TextureChannels)TextureChannels) : null,
        Learning = null,
    };
}

/// <summary>The state of a population: what it is, its brains, and the numbers beside.</summary>
/// <param name="Header">What it is.</param>
/// <param name="Brains">Its brains.</param>
/// <param name="Fields">The numbers that <see cref="StateForm"/> describes, by name.</param>
internal sealed record AgentState(AgentStateHeader Header, BrainsContent Brains, IReadOnlyDictionary<string, double[]> Fields)
{
    /// <summary>The brains for a population of another number of them or other outputs: one goes to all, and the value is left out or begins as it does.</summary>
    /// <param name="to">What they are for.</param>
    /// <param name="fresh">Brains of that population.</param>
    /// <param name="keepsStanding">Whether training goes on where it stands.</param>
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
