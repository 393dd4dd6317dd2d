namespace NeuralPlugin;

/// <summary>
/// The features of a batch whose samples combine uploaded observations with texture values after them, which are already on the
/// GPU: feature c is observation c, or clamp(2x − 1, ±5) of value c − observations of the texture.
/// </summary>
internal sealed class JoinedFeatures : IDisposable
{
    private const string JoinFile = "texture_features_join.comp";
    private const int GroupSize = 8;
    private const int GroupRows = 4;

    /// <summary>The bound that also applies to observations.</summary>
    public const int Limit = 5;

    private readonly NeuralDevice device;
    private readonly MatrixTexture observed;
    private readonly Dispatch dispatch;
    private readonly float[] uploaded;
    private readonly int observations;

    /// <param name="device">The device to run on.</param>
    /// <param name="seen">The captured textures.</param>
    /// <param name="observations">Observations per sample.</param>
    /// <param name="features">[batch × observations + values of a texture], written.</param>
    public JoinedFeatures(NeuralDevice device, SeenTextures seen, int observations, MatrixTexture features)
    {
        this.device = device;
        this.observations = observations;
        int capacity = features.Shape.Rows, columns = observations + 1;
        uploaded = new float[checked(capacity * columns)];
        observed = new MatrixTexture(device, device.Shape(capacity, columns, "The observations beside textures"));
        dispatch = DispatchFor(observed, seen.Rows, observations, features);
        device.Compile(dispatch);
    }

    /// <summary>The dispatch that joins observations, whose last column is the row of what was seen, with that.</summary>
    public static Dispatch DispatchFor(Operand observed, Operand seen, int observations, Operand features) => new(
        new KernelSource(JoinFile, ("GROUP_SIZE", GroupSize), ("GROUP_ROWS", GroupRows), ("LIMIT", Limit)),
        [MatrixBinding.Read("observed", observed), MatrixBinding.Read("seen", seen), MatrixBinding.Write("features", features)],
        [
            new(
                ("observations", observations), ("values", seen.Shape.Columns), ("observedTexels", observed.Shape.TexelsPerRow),
                ("seenTexels", seen.Shape.TexelsPerRow), ("featureTexels", features.Shape.TexelsPerRow)),
        ],
        new DispatchGrid(MatrixShape.CeilingDivide(features.Shape.TexelsPerRow, GroupSize), RowsPerGroupY: GroupRows))
    {
        NeedsBarrier = true,   // after pending reads of the previous batch
    };

    /// <summary>Enqueues the write of a batch.</summary>
    /// <param name="observedValues">[batch × observations], finite.</param>
    /// <param name="looks">[batch]: the row of each sample's texture; negative for none, whose features are 0.</param>
    public void Write(ReadOnlySpan<float> observedValues, ReadOnlySpan<int> looks)
    {
        int columns = observations + 1;
        for (int row = 0; row < looks.Length; row++)
        {
            observedValues.Slice(row * observations, observations).CopyTo(uploaded.AsSpan(row * columns));
            uploaded[(row * columns) + observations] = looks[row];
        }

        observed.Upload<float>(uploaded.AsSpan(0, looks.Length * columns));
        int lines = dispatch.Grid.Lines(looks.Length);
        for (int first = 0; first < lines; first += Dispatch.MaximumGroups)
            device.Run(dispatch, looks.Length, first, Math.Min(Dispatch.MaximumGroups, lines - first));
        device.MakeWritesVisible();
    }

    public void Dispose() => observed.Dispose();
}
