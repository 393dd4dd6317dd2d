namespace NeuralPlugin;

/// <summary>
/// What one brain knows, in memory: its weights, the normalization of observations that belongs to them, and the scale of its values. <see cref="AgentPopulation.GetBrainState"/> and a
/// <see cref="BrainReader"/> take it from a population, <see cref="AgentPopulation.SetBrainState"/> gives it to one, and its bytes are those of a file of <see cref="AgentPopulation.SaveBrain"/>, so
/// that brains travel, are kept and are averaged without a disk and without OpenGL. Nothing in it belongs to a thread.
/// </summary>
public sealed class BrainState
{
    private readonly AgentStateHeader header;
    private readonly float[][] parameters;
    private readonly ObservationNormalizer? normalizer;

    internal BrainState(AgentStateHeader header)
    {
        this.header = header with { Brains = 1, Capacity = 1, AreShared = true, Learning = "", Optimizer = "" };
        int outputs = header.Outputs, hidden = header.HiddenUnits;
        parameters = [new float[checked(header.Inputs * hidden)], new float[hidden], new float[checked(hidden * outputs)], new float[outputs]];
        normalizer = header.NormalizesObservations ? new ObservationNormalizer(header.Observations) : null;
    }

    /// <summary>Numbers that its agents observe.</summary>
    public int Observations => header.Observations;

    /// <summary>Its agents' actions.</summary>
    public ActionSpec ActionSpec => header.Actions;

    /// <summary>Outputs of its network: logits of discrete actions, means and logarithms of deviations of continuous ones and, last, the value if it estimates one.</summary>
    public int Outputs => header.Outputs;

    /// <summary>Hidden units.</summary>
    public int HiddenUnits => header.HiddenUnits;

    /// <summary>Whether it has a value, as the last output.</summary>
    public bool EstimatesValues => header.EstimatesValues;

    /// <summary>Whether it knows normalized observations.</summary>
    public bool NormalizesObservations => header.NormalizesObservations;

    /// <summary>Its weights and biases: the arrays themselves, to read and to change.</summary>
    public ClassifierParameters Parameters => new(parameters[0], parameters[1], parameters[2], parameters[3]);

    /// <summary>Decisions that stand behind it: those of the population that it was read from.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long Decisions { get; set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected 0 decisions or more."); }

    /// <summary>Rows of observations that the normalization has seen; 0 without normalization.</summary>
    public long ObservationCount => normalizer?.Count ?? 0;

    /// <summary>The mean of each observation; empty without normalization.</summary>
    public ReadOnlySpan<double> ObservationMeans => normalizer is null ? [] : normalizer.Mean;

    /// <summary>The sum of the squared differences of each observation from its mean, Σ (x − mean)²; empty without normalization.</summary>
    public ReadOnlySpan<double> ObservationSquares => normalizer is null ? [] : normalizer.Squares;

    /// <summary>The value output v stands for <see cref="ValueMean"/> + <see cref="ValueDeviation"/>·v, in rewards.</summary>
    public float ValueMean { get; set; }

    /// <summary>See <see cref="ValueMean"/>; 0 as long as nothing is known of rewards.</summary>
    public float ValueDeviation { get; set; }

    /// <summary>Its sizes in words, for errors: brains are of one shape where these are equal.</summary>
    public string Shape
    {
        get
        {
            string seen = header.TextureWidth > 0 ? $", a texture of {header.TextureWidth} × {header.TextureHeight} × {header.TextureChannels}" : "";
            return $"{Observations} {(NormalizesObservations ? "normalized" : "raw")} observations{seen}, {HiddenUnits} hidden units, {ActionSpec} {(EstimatesValues ? "with" : "without")} a value";
        }
    }

    internal AgentStateHeader Header => header;

    internal float[][] Arrays => parameters;

    internal ObservationNormalizer? Normalizer => normalizer;

    /// <summary>Reads the bytes of a file of one brain, checked as a file is.</summary>
    /// <param name="bytes">As <see cref="ToBytes"/> gives them, or those of a file of <see cref="AgentPopulation.SaveBrain"/>.</param>
    /// <param name="name">What an error calls them.</param>
    /// <exception cref="ModelFileException">They are damaged, or those of several brains.</exception>
    public static BrainState Read(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentException.ThrowIfNullOrEmpty(name);
        using MemoryStream stream = new(bytes, writable: false);
        AgentStateFile file = AgentStateFile.Of(stream, name);
        if (file.Header.Brains != 1) throw file.Unsuited($"it has {file.Header.Brains} brains, and one is needed. Save one of them (AgentPopulation.SaveBrain).");
        BrainState state = new(file.Header);
        StateForm form = state.DescribeWhatIsRead();
        AgentState read = file.Read(form.Fields, optimizer: null);
        for (int i = 0; i < state.parameters.Length; i++) read.Brains.Parameters[i].CopyTo(state.parameters[i], 0);
        foreach (StateField field in form.Fields) field.Apply(read.Fields[field.Name]);
        return state;
    }

    /// <summary>The bytes of a file that <see cref="Read"/>, <see cref="AgentPopulation.Load"/> and <see cref="AgentPopulation.LoadBrains(string)"/> read.</summary>
    /// <exception cref="NonFiniteValueException">A number is NaN or infinite: nobody could read them.</exception>
    public byte[] ToBytes()
    {
        RequireFinite();
        StateForm form = DescribeWhatIsRead();
        new EpisodeStatistics().Describe(form);
        form.Random(ActionChooser.ExplorationName, [new SeededRandom(0, 0)]);
        using MemoryStream stream = new();
        AgentStateFile.Write(stream, header, new BrainsContent(parameters, Standing: null), form.Capture());
        return stream.ToArray();
    }

    /// <summary>A copy of it.</summary>
    public BrainState Copy()
    {
        BrainState copy = new(header);
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>Becomes the same as another one of its shape. Allocates nothing.</summary>
    /// <exception cref="ArgumentException">It has another shape.</exception>
    public void CopyFrom(BrainState other)
    {
        RequireShapeOf(other);
        for (int i = 0; i < parameters.Length; i++) other.parameters[i].CopyTo(parameters[i], 0);
        normalizer?.CopyFrom(other.normalizer!);
        (Decisions, ValueMean, ValueDeviation) = (other.Decisions, other.ValueMean, other.ValueDeviation);
    }

    /// <summary>Whether another one has the same sizes, so that one can take the other's place.</summary>
    public bool HasShapeOf(BrainState other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return header == other.header;
    }

    /// <summary>Replaces what is known of observations, and normalizes by it from now on.</summary>
    /// <param name="count">Rows of observations.</param>
    /// <param name="means">The mean of each.</param>
    /// <param name="squares">The sum of each one's squared differences from its mean.</param>
    /// <exception cref="InvalidOperationException">It normalizes nothing.</exception>
    /// <exception cref="ArgumentException">There are not as many as observations.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The count or a sum is negative, or a number is none that a file holds.</exception>
    public void SetObservations(long count, ReadOnlySpan<double> means, ReadOnlySpan<double> squares)
    {
        if (normalizer is null) throw new InvalidOperationException("The brain knows raw observations: there is nothing to normalize.");
        Requirements.Length(means.Length, Observations, "means of observations", nameof(means));
        Requirements.Length(squares.Length, Observations, "squares of observations", nameof(squares));
        if (count is < 0 or > StateForm.MostWhole) throw new ArgumentOutOfRangeException(nameof(count), count, $"Expected 0 to {StateForm.MostWhole} rows.");
        for (int i = 0; i < means.Length; i++)
        {
            if (!(Math.Abs(means[i]) <= float.MaxValue)) throw new ArgumentOutOfRangeException(nameof(means), means[i], $"The mean of observation {i} must be one that a float holds.");
            if (!(squares[i] >= 0 && squares[i] <= StateForm.MostSquare)) throw new ArgumentOutOfRangeException(nameof(squares), squares[i], $"The sum of squares of observation {i} must be from 0 to {StateForm.MostSquare}.");
        }

        normalizer.Set(count, means, squares);
    }

    internal void RequireShapeOf(BrainState other)
    {
        if (!HasShapeOf(other)) throw new ArgumentException($"The brain must have {Shape}, but got one of {other.Shape}.", nameof(other));
    }

    internal void RequireFinite()
    {
        for (int i = 0; i < parameters.Length; i++) Requirements.Finite(parameters[i], "parameters of a brain", nameof(Parameters));
    }

    private StateForm DescribeWhatIsRead()
    {
        StateForm form = new();
        normalizer?.Describe(form);
        form.Count("run.decisions", () => Decisions, count => Decisions = count);
        if (!EstimatesValues) return form;
        form.Number($"{StateForm.Values}mean", () => ValueMean, mean => ValueMean = (float)mean, float.MinValue, float.MaxValue);
        form.Number($"{StateForm.Values}deviation", () => ValueDeviation, deviation => ValueDeviation = (float)deviation, 0, float.MaxValue);
        return form;
    }
}
