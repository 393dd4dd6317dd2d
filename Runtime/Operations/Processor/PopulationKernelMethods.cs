using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>Code that the kernels of <see cref="ProcessorPopulation"/> share: some rows of one member at a time, by the products of dense layers.</summary>
internal abstract unsafe class PopulationMethod : LoggedKernel
{
    /// <summary>Rows that are in a thread's memory at a time.</summary>
    protected const int MostRows = ProcessorPopulation.Rows;

    private readonly MatrixAddress weights;
    private readonly MatrixAddress features;
    private readonly Activation activation;

    protected PopulationMethod(Dispatch dispatch, PopulationShape shape, Activation activation) : base(dispatch)
    {
        this.activation = activation;
        weights = Matrix("weights");
        features = Matrix("features");
        Members = Size("members");
        Layout = new PopulationLayout(shape);
    }

    /// <summary>Pointers to rows, hidden units and outputs with their gradients, and the gradients of all parameters of a member.</summary>
    public override int ScratchLength =>
        PointersLength + (2 * MostRows * Layout.HiddenStride) + (2 * MostRows * Layout.OutputStride) + Layout.Length;

    /// <summary>The dispatch's members: none in a warm-up.</summary>
    protected int Members { get; }

    protected PopulationLayout Layout { get; }

    /// <summary>Room for rows of a batch, its columns, or outputs.</summary>
    private int PointersLength => PointerRows.Length(Math.Max(MostRows, Math.Max(Layout.Inputs, Layout.Outputs)));

    public override long WorkOf(int rows) => 2L * rows * Members * Layout.HiddenStride * (Layout.Inputs + Layout.Outputs);

    /// <summary>A member's parameters.</summary>
    protected float* Weights(int member) => weights.Floats + ((nint)member * Layout.Length);

    /// <summary>The layout of a thread's memory.</summary>
    protected Room RoomOf(float* scratch)
    {
        float* hidden = scratch + PointersLength, hiddenGradients = hidden + (MostRows * Layout.HiddenStride);
        float* outputs = hiddenGradients + (MostRows * Layout.HiddenStride), outputGradients = outputs + (MostRows * Layout.OutputStride);
        return new Room((float**)scratch, hidden, hiddenGradients, outputs, outputGradients, outputGradients + (MostRows * Layout.OutputStride));
    }

    /// <summary>Rows of a member's batch; they are contiguous.</summary>
    protected float* Features(long firstSample) => features.Floats + ((nint)firstSample * Layout.InputStride);

    /// <summary>The hidden units and the outputs of some rows of a member.</summary>
    protected void ComputeOutputs(int member, long firstSample, int count, Room at)
    {
        float* w = Weights(member), x = Features(firstSample);
        int stride = Layout.HiddenStride;
        for (int row = 0; row < count; row++) at.Pointers[row] = x + (row * Layout.InputStride);
        MatrixProduct.Multiply(count, at.Pointers, 1, w, stride, Layout.Inputs, w + Layout.HiddenBias, at.Hidden, stride, stride);
        activation.Activate(new Span<float>(at.Hidden, count * stride));
        for (int row = 0; row < count; row++)
            Project(at.Hidden + (row * stride), w + Layout.OutputWeights, stride, Layout.Outputs, w + Layout.OutputBias, at.Outputs + (row * Layout.OutputStride));
    }

    /// <summary>The gradients before the activation.</summary>
    protected void Backward(int count, Room at) => activation.Backward(
        new Span<float>(at.HiddenGradients, count * Layout.HiddenStride), new ReadOnlySpan<float>(at.Hidden, count * Layout.HiddenStride));

    /// <summary>
    /// z_j = b_j + h · w_j. A sum has sixteen parts, which take the units in turn and are added in pairs, so that its bits do not depend on the
    /// machine's vectors.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Project(float* h, float* w, int length, int outputs, float* bias, float* z)
    {
        for (int j = 0; j < outputs; j++, w += length)
        {
            Vector256<float> lower = default, upper = default;
            for (int i = 0; i < length; i += PopulationLayout.HiddenBlock)
            {
                lower = Vector256.MultiplyAddEstimate(Vector256.Load(h + i), Vector256.Load(w + i), lower);
                upper = Vector256.MultiplyAddEstimate(Vector256.Load(h + i + Vector256<float>.Count), Vector256.Load(w + i + Vector256<float>.Count), upper);
            }

            Vector256<float> half = lower + upper;
            Vector128<float> quarter = half.GetLower() + half.GetUpper();
            quarter += Vector128.Shuffle(quarter, Vector128.Create(2, 3, 0, 1));
            quarter += Vector128.Shuffle(quarter, Vector128.Create(1, 0, 3, 2));
            z[j] = bias[j] + quarter.ToScalar();
        }
    }

    /// <summary>Parts of a thread's memory.</summary>
    protected readonly struct Room(float** pointers, float* hidden, float* hiddenGradients, float* outputs, float* outputGradients, float* gradients)
    {
        public float** Pointers => pointers;

        /// <summary>[rows × hidden].</summary>
        public float* Hidden => hidden;

        /// <summary>[rows × hidden].</summary>
        public float* HiddenGradients => hiddenGradients;

        /// <summary>[rows × outputs], with their padding.</summary>
        public float* Outputs => outputs;

        /// <summary>[rows × outputs], with their padding.</summary>
        public float* OutputGradients => outputGradients;

        /// <summary>Laid out like the parameters of a member.</summary>
        public float* Gradients => gradients;
    }
}

/// <summary>network_population_forward.comp: the outputs of every member's rows, or their probabilities. A line is some rows of some members.</summary>
internal sealed unsafe class PopulationForwardKernel : PopulationMethod
{
    private readonly MatrixAddress results;
    private readonly bool areProbabilities;

    public PopulationForwardKernel(Dispatch dispatch, PopulationShape shape, Activation activation) : base(dispatch, shape, activation)
    {
        results = Matrix("results");
        areProbabilities = Constant("SOFTMAX") != 0;
    }

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (rows == 0 || Members == 0) return;   // a warm-up
        int groups = MatrixShape.CeilingDivide(Members, ProcessorPopulation.Group), stride = Layout.OutputStride;
        Room at = RoomOf(scratch);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int first = line % groups * ProcessorPopulation.Group, firstRow = line / groups * MostRows, count = Math.Min(MostRows, rows - firstRow);
            for (int member = first; member < Math.Min(first + ProcessorPopulation.Group, Members); member++)
            {
                long sample = ((long)member * rows) + firstRow;
                ComputeOutputs(member, sample, count, at);
                for (int row = 0; row < count; row++)
                {
                    ReadOnlySpan<float> outputs = new(at.Outputs + (row * stride), stride);
                    Span<float> to = new(results.Floats + ((nint)(sample + row) * stride), stride);
                    if (areProbabilities) Softmax.Probabilities(outputs, Layout.Outputs, to);
                    else outputs[..Layout.Outputs].CopyTo(to);
                }
            }
        }
    }
}

/// <summary>network_population_step.comp: a training step of every member on its complete batch. A line is some members.</summary>
internal sealed unsafe class PopulationStepKernel : PopulationMethod
{
    private readonly MatrixAddress targets;
    private readonly MatrixAddress losses;
    private readonly UpdateAccess update;
    private readonly Loss loss;
    private readonly int targetStride;
    private readonly KernelArguments<float>? guide;   // null if no loss guides the learning rate

    public PopulationStepKernel(Dispatch dispatch, PopulationShape shape, Activation activation, Loss loss, Optimizer optimizer) : base(dispatch, shape, activation)
    {
        this.loss = loss;
        targets = Matrix("targets");
        losses = Matrix("losses");
        update = new UpdateAccess(optimizer, FindMatrix, ScalarsWith("learningRate"), Log, GuidedRate);
        targetStride = Size("targetTexels") * MatrixShape.ColumnsPerTexel;
        if (Constant("GUIDED_RATE") != 0) guide = ScalarsWith("firstRate");
    }

    public override long WorkOf(int rows) => 3 * base.WorkOf(rows);

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        Room at = RoomOf(scratch);
        int first = firstLine * ProcessorPopulation.Group, last = Math.Min((firstLine + lines) * ProcessorPopulation.Group, Members);
        for (int member = first; member < last; member++)
        {
            RowLoss sums = default;
            for (int firstRow = 0; firstRow < rows; firstRow += MostRows)
            {
                int count = Math.Min(MostRows, rows - firstRow);
                long sample = ((long)member * rows) + firstRow;
                ComputeOutputs(member, sample, count, at);
                sums = sums.Plus(ComputeLosses(rows, sample, count, at));
                AddGradients(member, sample, count, firstRow > 0, at);
            }

            float* means = losses.Floats + ((nint)member * MatrixShape.ColumnsPerTexel);
            *means = sums.Loss / rows;
            if (float.IsFinite(*means)) update.Run((nint)member * Layout.Length, Layout.Length, at.Gradients, guide is null ? null : GuideRate(sums.Over(rows), means));
            else update.Keep((nint)member * Layout.Length, Layout.Length);   // the other members take their step
        }
    }

    /// <summary>A member's learning rate, which is stored beside its loss.</summary>
    private float GuideRate(RowLoss found, float* means)
    {
        (means[1], means[3]) = (found.Second, loss.PolicyLossOf(found));
        return means[2] = GuidedRateAccess.RateFrom(means[2], found.Second, guide!);
    }

    /// <summary>The gradients of the outputs, and the sums of the losses and of the numbers that guide the learning rate.</summary>
    [SkipLocalsInit]
    private RowLoss ComputeLosses(int rows, long firstSample, int count, Room at)
    {
        uint** rowTargets = stackalloc uint*[MostRows];
        RowLoss* results = stackalloc RowLoss[MostRows];
        for (int row = 0; row < count; row++)
        {
            rowTargets[row] = targets.Words + ((nint)(firstSample + row) * targetStride);
            for (int j = Layout.Outputs; j < Layout.OutputStride; j++) at.Outputs[(row * Layout.OutputStride) + j] = 0;
        }

        loss.ComputeRows(new LossRows
        {
            Outputs = at.Outputs,
            Stride = Layout.OutputStride,
            Targets = rowTargets,
            TargetStride = targetStride,
            OutputCount = Layout.Outputs,
            Count = count,
            BatchRows = rows,
            Gradients = at.OutputGradients,
            Results = results,
        });
        RowLoss sums = default;
        for (int row = 0; row < count; row++) sums = sums.Plus(results[row]);
        return sums;
    }

    private void AddGradients(int member, long firstSample, int count, bool goesOn, Room at)
    {
        (int stride, int outputStride) = (Layout.HiddenStride, Layout.OutputStride);
        float* w = Weights(member), x = Features(firstSample), g = at.Gradients;
        for (int j = 0; j < Layout.Outputs; j++) at.Pointers[j] = at.OutputGradients + j;
        MatrixProduct.Multiply(Layout.Outputs, at.Pointers, outputStride, at.Hidden, stride, count, null, g + Layout.OutputWeights, stride, stride, goesOn);
        SumRows(at.OutputGradients, count, outputStride, g + Layout.OutputBias, goesOn);
        for (int row = 0; row < count; row++) at.Pointers[row] = at.OutputGradients + (row * outputStride);
        MatrixProduct.Multiply(count, at.Pointers, 1, w + Layout.OutputWeights, stride, Layout.Outputs, null, at.HiddenGradients, stride, stride);
        Backward(count, at);
        for (int i = 0; i < Layout.Inputs; i++) at.Pointers[i] = x + i;
        MatrixProduct.Multiply(Layout.Inputs, at.Pointers, Layout.InputStride, at.HiddenGradients, stride, count, null, g, stride, stride, goesOn);
        SumRows(at.HiddenGradients, count, stride, g + Layout.HiddenBias, goesOn);
    }

    private static void SumRows(float* rows, int count, int stride, float* sums, bool goesOn)
    {
        int i = 0;
        for (; i + Vector256<float>.Count <= stride; i += Vector256<float>.Count)
        {
            Vector256<float> sum = goesOn ? Vector256.Load(sums + i) : default;
            for (int row = 0; row < count; row++) sum += Vector256.Load(rows + (row * stride) + i);
            sum.Store(sums + i);
        }

        for (; i < stride; i += MatrixShape.ColumnsPerTexel)
        {
            Vector128<float> sum = goesOn ? Vector128.Load(sums + i) : default;
            for (int row = 0; row < count; row++) sum += Vector128.Load(rows + (row * stride) + i);
            sum.Store(sums + i);
        }
    }
}
