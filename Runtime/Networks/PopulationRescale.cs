namespace NeuralPlugin;

/// <summary>
/// Rescales one output of every member of a population, z' = factor·z + offset, each with its own values, as <see cref="OutputRescale"/> does for
/// one network. What the driver skips runs later (<see cref="RescaleReceipts"/>). A table gives the locations of the weights, so that it serves every family.
/// </summary>
internal sealed class PopulationRescale : IDisposable
{
    private const int GroupSize = 32;
    private const int ScaleColumns = 2;

    private readonly NeuralDevice device;
    private readonly MatrixTexture places;
    private readonly MatrixTexture scales;
    private readonly RescaleReceipts receipts;
    private readonly KernelArguments<float> scalars = MakeScalars();
    private readonly Dispatch[] dispatches;
    private readonly int members;

    /// <param name="device">The population's device.</param>
    /// <param name="kernels">The layout of its parameters.</param>
    /// <param name="weights">The committed weights.</param>
    /// <param name="output">The index of the output.</param>
    public PopulationRescale(NeuralDevice device, PopulationKernels kernels, Operand weights, int output)
    {
        this.device = device;
        PopulationShape shape = kernels.Shape;
        members = shape.Members;
        places = new MatrixTexture(device, device.Shape(members, shape.Hidden + 1, "The places of a population's output weights"), TexelFormat.UnsignedInteger);
        scales = new MatrixTexture(device, device.Shape(members, ScaleColumns, "The scales of a population's outputs"));
        receipts = new RescaleReceipts(device, members, members * ScaleColumns);
        uint[] table = new uint[members * (shape.Hidden + 1)];
        long stride = kernels.ParameterMatrix.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        for (int i = 0; i < table.Length; i++)
        {
            int member = i / (shape.Hidden + 1), unit = i % (shape.Hidden + 1);
            table[i] = (uint)((kernels.RowOf(member) * stride) + kernels.OutputColumn(member, unit, output));
        }

        places.Upload<uint>(table);
        dispatches = [DispatchFor(weights, receipts.Matrix, places, scales, shape.Hidden, scalars)];
        device.Compile(dispatches[0]);
    }

    /// <summary>Which rescales have run.</summary>
    public RescaleReceipts Receipts => receipts;

    /// <summary>The rescale's number.</summary>
    public static KernelArguments<float> MakeScalars() => new(("number", 0));

    /// <summary>The dispatch that rescales an output of every member, whose weights are at the given places.</summary>
    public static Dispatch DispatchFor(Operand weights, Operand receipts, Operand places, Operand scales, int units, KernelArguments<float> scalars) => new(
        new KernelSource("population_rescale.comp", ("GROUP_SIZE", GroupSize)) { Method = dispatch => new PopulationRescaleKernel(dispatch, GroupSize) },
        [MatrixBinding.ReadWrite("parameters", weights), MatrixBinding.ReadWrite("receipts", receipts), MatrixBinding.Read("places", places), MatrixBinding.Read("scales", scales)],
        [new(("units", units), ("placeTexels", places.Shape.TexelsPerRow))], new DispatchGrid(1, RowsPerGroupX: GroupSize), [scalars])
    {
        NeedsBarrier = true,   // after pending reads of the parameters
    };

    /// <summary>Adds a rescale, which <see cref="RunOpen"/> enqueues.</summary>
    /// <param name="values">[members × 2]: factor and offset.</param>
    public void Add(ReadOnlySpan<float> values) => receipts.Add(values);

    /// <summary>Enqueues all of which it is not known that they ran.</summary>
    /// <returns>Whether there are any.</returns>
    public bool RunOpen()
    {
        if (receipts.Count == 0) return false;
        using NeuralDevice.Scope scope = device.Enter();
        receipts.Collect();
        for (int i = 0; i < receipts.Count; i++)
        {
            scales.Upload(receipts.ValuesOf(i));
            scalars["number"] = receipts.NumberOf(i);
            device.Run(dispatches, members);
        }

        if (receipts.Count > 0) receipts.StartReading();
        return receipts.Count > 0;
    }

    /// <summary>The parameters of all members are replaced: no earlier rescale is to change them.</summary>
    public void Forget() => receipts.Forget();

    /// <summary>Those of one member are.</summary>
    public void Forget(int member)
    {
        using NeuralDevice.Scope scope = device.Enter();
        receipts.Forget(member);
    }

    public void Dispose()
    {
        places.Dispose();
        scales.Dispose();
        receipts.Dispose();
    }
}

/// <summary>population_rescale.comp: rescales one output of every member. A line is a few members.</summary>
internal sealed unsafe class PopulationRescaleKernel : ProcessorKernel
{
    private readonly MatrixAddress parameters;
    private readonly MatrixAddress places;
    private readonly MatrixAddress scales;
    private readonly MatrixAddress receipts;
    private readonly KernelArguments<float> scalars;
    private readonly int units;
    private readonly int stride;
    private readonly int membersPerLine;

    public PopulationRescaleKernel(Dispatch dispatch, int membersPerLine) : base(dispatch)
    {
        this.membersPerLine = membersPerLine;
        parameters = Matrix("parameters");
        places = Matrix("places");
        scales = Matrix("scales");
        receipts = Matrix("receipts");
        scalars = ScalarsWith("number");
        units = Size("units");
        stride = Size("placeTexels") * MatrixShape.ColumnsPerTexel;
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        float number = scalars["number"];
        for (int member = firstLine * membersPerLine; member < Math.Min((firstLine + lines) * membersPerLine, rows); member++)
        {
            float* receipt = receipts.Floats + ((nint)member * MatrixShape.ColumnsPerTexel);
            if (*receipt >= number) continue;
            *receipt = number;
            float* scale = scales.Floats + ((nint)member * MatrixShape.ColumnsPerTexel);
            uint* place = places.Words + ((nint)member * stride);
            for (int unit = 0; unit <= units; unit++)
            {
                float* value = parameters.Floats + place[unit];
                *value = (scale[0] * *value) + (unit == units ? scale[1] : 0);
            }
        }
    }
}
