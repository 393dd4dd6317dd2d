namespace NeuralPlugin;

/// <summary>
/// Earlier states of a shared brain, numbered by age, the oldest first: the weights, on the device, with the normalization of observations and the
/// scale of values that belong to them, and a rating. If the pool is full, a new snapshot replaces the oldest. Saving one copies matrices on the
/// device; it neither waits nor allocates.
/// </summary>
internal sealed class SnapshotPool : IDisposable
{
    private readonly int observations;
    private readonly IReadOnlyList<NetworkParameter> parameters;   // of a network of the same shape, which knows their places in the matrices
    private readonly MatrixTexture[][] matrices;                   // [places][layers]
    private readonly float[] offsets;                              // [places × observations]
    private readonly float[] scales;
    private readonly double[] ratings;
    private readonly float[] valueMeans;
    private readonly float[] valueDeviations;
    private float[][] loaded = [];                                 // weights from a file: the four arrays of all snapshots
    private int oldest;                                            // its place

    /// <param name="device">The device of the brain.</param>
    /// <param name="network">A network of its shape.</param>
    /// <param name="capacity">The maximum number of snapshots.</param>
    /// <param name="observations">The numbers of an observation.</param>
    public SnapshotPool(NeuralDevice device, Network network, int capacity, int observations)
    {
        this.observations = observations;
        parameters = network.Parameters;
        MatrixShape[] shapes = [.. network.Matrices.SelectMany(layer => layer).Select(matrix => matrix.CommittedTexture.Shape)];
        matrices = [.. Enumerable.Range(0, capacity).Select(_ => shapes.Select(shape => new MatrixTexture(device, shape)).ToArray())];
        offsets = new float[checked(capacity * observations)];
        scales = [.. Enumerable.Repeat(1f, offsets.Length)];
        ratings = new double[capacity];
        valueMeans = new float[capacity];
        valueDeviations = new float[capacity];
    }

    /// <summary>The maximum number of snapshots.</summary>
    public int Capacity => matrices.Length;

    /// <summary>The number of snapshots in it.</summary>
    public int Count { get; private set; }

    /// <summary>The matrices of all snapshots, to be read back for <see cref="ReadWeights"/>.</summary>
    public IEnumerable<MatrixTexture> Textures => Enumerable.Range(0, Count).SelectMany(i => matrices[PlaceOf(i)]);

    /// <summary>The rating of a snapshot.</summary>
    public ref double RatingOf(int snapshot) => ref ratings[PlaceOf(snapshot)];

    /// <summary>The scale of its values.</summary>
    public ValueScale ScaleOf(int snapshot) => new(valueMeans[PlaceOf(snapshot)], valueDeviations[PlaceOf(snapshot)]);

    /// <summary>Its weights: a matrix for each layer.</summary>
    public MatrixTexture[] WeightsOf(int snapshot) => matrices[PlaceOf(snapshot)];

    /// <summary>Removes all snapshots.</summary>
    public void Clear() => (Count, oldest) = (0, 0);

    /// <summary>Saves a brain, within a scope of its device.</summary>
    /// <param name="weights">Its matrices.</param>
    /// <param name="normalizer">The normalizer of its observations; null if they stay raw.</param>
    /// <param name="scale">The scale of its values.</param>
    /// <param name="rating">Its rating.</param>
    /// <returns>Whether it replaced the oldest, so that the others are one younger now.</returns>
    public bool Save(List<MatrixTexture> weights, ObservationNormalizer? normalizer, ValueScale scale, double rating)
    {
        bool replaces = Count == Capacity;
        if (replaces) oldest = (oldest + 1) % Capacity;
        else Count++;
        int place = PlaceOf(Count - 1);
        for (int i = 0; i < weights.Count; i++) weights[i].CopyTo(matrices[place][i]);
        normalizer?.Offset.CopyTo(offsets.AsSpan(place * observations));
        normalizer?.Scale.CopyTo(scales.AsSpan(place * observations));
        (valueMeans[place], valueDeviations[place], ratings[place]) = (scale.Mean, scale.Deviation, rating);
        return replaces;
    }

    /// <summary>Makes a normalizer apply the values that belong to a snapshot.</summary>
    public void ApplyTo(ObservationNormalizer normalizer, int snapshot)
    {
        int first = PlaceOf(snapshot) * observations;
        normalizer.SetApplied(offsets.AsSpan(first, observations), scales.AsSpan(first, observations));
    }

    /// <summary>Reads the weights of all snapshots as they are now, from a later readback of <see cref="Textures"/> whose matrix of the given index is their first.</summary>
    /// <returns>By the names of their fields in files.</returns>
    public Func<Readback, int, NamedTensor[]> ReadWeights()
    {
        (int count, int layers) = (Count, matrices[0].Length);
        return (readback, first) =>
        [
            .. parameters.Select((parameter, i) => new NamedTensor(
                NameOf(i), ShapeOf(count, LengthOf(parameter)),
                [.. Enumerable.Range(0, count).SelectMany(snapshot => parameter.ReadFrom(readback, first + (snapshot * layers) + parameter.MatrixNumber))])),
        ];
    }

    /// <summary>Describes its state for files. The weights are read back from the device with those of the brains.</summary>
    public void Describe(StateForm form)
    {
        StateRows rows = new(Capacity, () => Count, Begin);
        void Add(string name, int columns, Func<int, double> get, Action<int, double> set, double least, double most, bool isWide = false) =>
            form.Add(new StateField($"{StateForm.SelfPlay}{name}", rows, columns, get, set) { Least = least, Most = most, IsWide = isWide });

        int Of(int i) => (PlaceOf(i / observations) * observations) + (i % observations);

        Add("rating", 1, i => RatingOf(i), (i, rating) => RatingOf(i) = rating, -EloRating.MostInFiles, EloRating.MostInFiles, isWide: true);
        Add("offset", observations, i => offsets[Of(i)], (i, value) => offsets[Of(i)] = (float)value, float.MinValue, float.MaxValue);
        Add("scale", observations, i => scales[Of(i)], (i, value) => scales[Of(i)] = (float)value, ObservationNormalizer.LeastScale, float.MaxValue);
        Add("value_mean", 1, i => valueMeans[PlaceOf(i)], (i, value) => valueMeans[PlaceOf(i)] = (float)value, float.MinValue, float.MaxValue);
        Add("value_deviation", 1, i => valueDeviations[PlaceOf(i)], (i, value) => valueDeviations[PlaceOf(i)] = (float)value, 0, float.MaxValue);
        for (int number = 0; number < parameters.Count; number++)
        {
            int array = number;
            form.Add(new StateField(NameOf(number), rows, LengthOf(parameters[number]), _ => 0, (i, value) => loaded[array][i] = (float)value) { IsOnDevice = true });
        }
    }

    /// <summary>Uploads the weights that were read from a file, within a scope of the device.</summary>
    public void Upload()
    {
        for (int snapshot = 0; snapshot < Count; snapshot++)
        {
            for (int i = 0; i < parameters.Count; i++)
            {
                int length = LengthOf(parameters[i]);
                parameters[i].UploadTo(matrices[snapshot][parameters[i].MatrixNumber], loaded[i].AsSpan(snapshot * length, length));
            }
        }

        loaded = [];
    }

    public void Dispose()
    {
        foreach (MatrixTexture matrix in matrices.SelectMany(snapshot => snapshot)) matrix.Dispose();
    }

    private static int LengthOf(NetworkParameter parameter) => parameter.Rows * parameter.Columns;

    private static int[] ShapeOf(int count, int length) => length == 1 ? [count] : [count, length];

    private static string NameOf(int parameter) => $"{StateForm.SelfPlay}{AgentStateFile.ParameterNames[parameter]}";

    private int PlaceOf(int snapshot) => (oldest + snapshot) % Capacity;

    private void Begin(int count)
    {
        (Count, oldest) = (count, 0);
        loaded = [.. parameters.Select(parameter => new float[count * LengthOf(parameter)])];
    }
}
