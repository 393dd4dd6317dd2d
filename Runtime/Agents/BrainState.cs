namespace NeuralPlugin;

/// <summary>
/// One brain in memory: its weights, the normalization of observations that belongs to them, and the scale of its values.
/// <see cref="AgentPopulation.GetBrainState"/> and <see cref="BrainReader"/> read it from a population, and
/// <see cref="AgentPopulation.SetBrainState"/> sets it. Its bytes are those of a file of <see cref="AgentPopulation.SaveBrain"/>, so brains can be
/// sent, stored and averaged without files and without a device. It is not tied to a thread.
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

    /// <summary>The number of observations at a decision.</summary>
    public int Observations => header.Observations;

    /// <summary>The number of decisions whose observations the brain reads at once; the inputs are so many times <see cref="Observations"/>, oldest first.</summary>
    public int NumStackedVectorObservations => header.NumStackedVectorObservations;

    /// <summary>The actions.</summary>
    public ActionSpec ActionSpec => header.Actions;

    /// <summary>
    /// The number of outputs: logits of discrete actions, means and logarithms of deviations of continuous ones and, last, the value if there is one.
    /// </summary>
    public int Outputs => header.Outputs;

    /// <summary>The number of hidden units.</summary>
    public int HiddenUnits => header.HiddenUnits;

    /// <summary>Whether the last output is a value.</summary>
    public bool EstimatesValues => header.EstimatesValues;

    /// <summary>Whether observations are normalized.</summary>
    public bool NormalizesObservations => header.NormalizesObservations;

    /// <summary>The weights and biases. These are the arrays themselves, and may be changed.</summary>
    public ClassifierParameters Parameters => new(parameters[0], parameters[1], parameters[2], parameters[3]);

    /// <summary>The number of decisions behind the brain: those of the population it was read from.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public long Decisions { get; set => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Expected 0 decisions or more."); }

    /// <summary>The number of rows of observations in the normalization's statistics; 0 without normalization.</summary>
    public long ObservationCount => normalizer?.Count ?? 0;

    /// <summary>The mean of each observation; empty without normalization.</summary>
    public ReadOnlySpan<double> ObservationMeans => normalizer is null ? [] : normalizer.Mean;

    /// <summary>The sum of the squared differences of each observation from its mean, Σ (x − mean)²; empty without normalization.</summary>
    public ReadOnlySpan<double> ObservationSquares => normalizer is null ? [] : normalizer.Squares;

    /// <summary>A value output v means <see cref="ValueMean"/> + <see cref="ValueDeviation"/>·v, in rewards.</summary>
    public float ValueMean { get; set; }

    /// <summary>See <see cref="ValueMean"/>; 0 until rewards are known.</summary>
    public float ValueDeviation { get; set; }

    /// <summary>The brain's sizes in words, for error messages.</summary>
    public string Shape
    {
        get
        {
            string seen = header.TextureWidth > 0 ? $", a texture of {header.TextureWidth} × {header.TextureHeight} × {header.TextureChannels}" : "";
            string stacked = NumStackedVectorObservations > 1 ? $" of {NumStackedVectorObservations} decisions" : "";
            return $"{Observations} {(NormalizesObservations ? "normalized" : "raw")} observations{stacked}{seen}, {HiddenUnits} hidden units, {ActionSpec}, {(EstimatesValues ? "with" : "without")} a value";
        }
    }

    internal AgentStateHeader Header => header;

    internal float[][] Arrays => parameters;

    internal ObservationNormalizer? Normalizer => normalizer;

    /// <summary>Reads the bytes of a file with one brain, with the same checks as for a file.</summary>
    /// <param name="bytes">The result of <see cref="ToBytes"/>, or the content of a file of <see cref="AgentPopulation.SaveBrain"/>.</param>
    /// <param name="name">The name of the bytes in error messages.</param>
    /// <exception cref="ModelFileException">The bytes are damaged, or contain several brains.</exception>
    public static BrainState Read(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentException.ThrowIfNullOrEmpty(name);
        using MemoryStream stream = new(bytes, writable: false);
        AgentStateFile file = AgentStateFile.Of(stream, name);
        if (file.Header.Brains != 1) throw file.Unsuited($"it must have one brain, but has {file.Header.Brains} brains. Save one of them (AgentPopulation.SaveBrain).");
        BrainState state = new(file.Header);
        StateForm form = state.DescribeWhatIsRead();
        AgentState read = file.Read(form.Fields, optimizer: null);
        for (int i = 0; i < state.parameters.Length; i++) read.Brains.Parameters[i].CopyTo(state.parameters[i], 0);
        foreach (StateField field in form.Fields) field.Apply(read.Fields[field.Name]);
        return state;
    }

    /// <summary>
    /// Returns the bytes of a file that <see cref="Read"/>, <see cref="AgentPopulation.Load"/> and <see cref="AgentPopulation.LoadBrains(string)"/>
    /// read.
    /// </summary>
    /// <exception cref="NonFiniteValueException">A number is NaN or infinite, so that the bytes could not be read.</exception>
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

    /// <summary>Returns a copy.</summary>
    public BrainState Copy()
    {
        BrainState copy = new(header);
        copy.CopyFrom(this);
        return copy;
    }

    /// <summary>Copies another brain of the same shape. Does not allocate.</summary>
    /// <exception cref="ArgumentException">The other brain has another shape.</exception>
    public void CopyFrom(BrainState other)
    {
        RequireShapeOf(other);
        for (int i = 0; i < parameters.Length; i++) other.parameters[i].CopyTo(parameters[i], 0);
        normalizer?.CopyFrom(other.normalizer!);
        (Decisions, ValueMean, ValueDeviation) = (other.Decisions, other.ValueMean, other.ValueDeviation);
    }

    /// <summary>Returns whether another brain has the same shape.</summary>
    public bool HasShapeOf(BrainState other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return header == other.header;
    }

    /// <summary>Replaces the statistics of observations, which the normalization then uses.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="means">The mean of each observation.</param>
    /// <param name="squares">The sum of the squared differences of each observation from its mean.</param>
    /// <exception cref="InvalidOperationException">Observations are not normalized.</exception>
    /// <exception cref="ArgumentException">The length of a span is not the number of observations.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The count or a sum is negative, or a file cannot hold a number.</exception>
    public void SetObservations(long count, ReadOnlySpan<double> means, ReadOnlySpan<double> squares)
    {
        if (normalizer is null) throw new InvalidOperationException("The brain knows raw observations: there is nothing to normalize.");
        Requirements.Length(means.Length, Observations, "means of observations", nameof(means));
        Requirements.Length(squares.Length, Observations, "squares of observations", nameof(squares));
        if (count is < 0 or > StateForm.MostWhole) throw new ArgumentOutOfRangeException(nameof(count), count, $"Expected 0 to {StateForm.MostWhole} rows.");
        for (int i = 0; i < means.Length; i++)
        {
            if (!(Math.Abs(means[i]) <= float.MaxValue)) throw new ArgumentOutOfRangeException(nameof(means), means[i], $"The mean of observation {i} must be in the range of a float.");
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
