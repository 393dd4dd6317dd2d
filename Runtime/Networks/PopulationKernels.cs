using System.Runtime.Intrinsics;

namespace NeuralPlugin;

/// <summary>
/// What the kernels of a population on the processor share: rows of all members of a group at once, a lane for each unit of each member, as
/// <see cref="PopulationLanes{TVector, TSimd}"/> says. The addresses are those of Shaders/Include/population.glsl.
/// </summary>
internal abstract unsafe class PopulationKernel : ProcessorKernel
{
    protected const int Group = PopulationLayout.GroupSize;
    protected const int Lanes = Group * MatrixShape.ColumnsPerTexel;

    private readonly MatrixAddress parameters;
    private readonly MatrixAddress features;

    protected PopulationKernel(Dispatch dispatch) : base(dispatch)
    {
        parameters = Matrix("parameters");
        features = Matrix("features");
        Members = Size("members");
        MostRows = Constant("ROWS");
        Inputs = Constant("INPUTS");
        Classes = Constant("CLASSES");
        HiddenTexels = MatrixShape.Texels(Constant("HIDDEN"));
    }

    /// <summary>Samples, hidden units and their gradients, outputs and theirs, and a texel of sums.</summary>
    public override int ScratchLength => Lanes * ((MostRows * (Inputs + HiddenTexels + (2 * Classes) + 1)) + 1);

    protected int Members { get; }

    /// <summary>Rows of a member that are computed at once.</summary>
    protected int MostRows { get; }

    protected int Inputs { get; }

    protected int Classes { get; }

    protected int HiddenTexels { get; }

    protected int Groups => MatrixShape.CeilingDivide(Members, Group);

    protected int ClassStride => MatrixShape.Texels(Classes) * MatrixShape.ColumnsPerTexel;

    /// <summary>Texels of the parameters around four hidden units.</summary>
    protected int RunTexels => Inputs + 1 + Classes;

    /// <summary>Values of all parameters of a group.</summary>
    protected nint GroupLength => (nint)Lanes * ((HiddenTexels * RunTexels) + MatrixShape.Texels(Classes));

    protected nint OutputBiases => (nint)Lanes * HiddenTexels * RunTexels;

    public override long WorkOf(int rows) => 2L * rows * Members * HiddenTexels * MatrixShape.ColumnsPerTexel * (Inputs + Classes);

    protected float* Parameters(int group) => parameters.Floats + (group * GroupLength);

    protected Layout LayoutOf(float* scratch) => new(scratch, MostRows, Inputs, HiddenTexels, Classes);

    /// <summary>Members of a group that there are.</summary>
    protected int MembersOf(int group) => Math.Min(Group, Members - (group * Group));

    /// <summary>The outputs of some rows of all members of a group: z [rows × classes × members], hidden units before the ReLU.</summary>
    protected void ComputeOutputs(int group, int rows, int firstRow, int count, Layout at)
    {
        Broadcast(group, rows, firstRow, count, at.Samples);
        float* w = Parameters(group);
        new Span<float>(at.Sums, count * Classes * Lanes).Clear();
        nint hiddenStride = (nint)HiddenTexels * Lanes;
        for (int h = 0; h < HiddenTexels; h++)
        {
            float* run = w + ((nint)h * RunTexels * Lanes), hidden = at.Hidden + (h * Lanes);
            float* bias = run + ((nint)Inputs * Lanes);
            if (Vector512.IsHardwareAccelerated) Run<Vector512<float>, Simd512>();
            else if (Vector256.IsHardwareAccelerated) Run<Vector256<float>, Simd256>();
            else if (Vector128.IsHardwareAccelerated) Run<Vector128<float>, Simd128>();
            else Run<float, SimdNone>();

            void Run<TVector, TSimd>()
                where TVector : unmanaged
                where TSimd : struct, ISimd<TVector>
            {
                PopulationLanes<TVector, TSimd>.Multiply(count, at.Samples, run, Inputs, bias, hidden, hiddenStride);
                PopulationLanes<TVector, TSimd>.AddOuter(count, hidden, hiddenStride, bias + Lanes, Classes, at.Sums);
            }
        }

        float* outputBias = w + OutputBiases;
        for (int row = 0; row < count; row++)
        {
            for (int j = 0; j < Classes; j++)
            {
                float* sums = at.Sums + (((row * Classes) + j) * Lanes), z = at.Outputs + (((row * Classes) + j) * Group);
                float* bias = outputBias + (j / MatrixShape.ColumnsPerTexel * Lanes) + (j % MatrixShape.ColumnsPerTexel);
                for (int m = 0; m < Group; m++, sums += MatrixShape.ColumnsPerTexel)
                    z[m] = bias[m * MatrixShape.ColumnsPerTexel] + (sums[0] + sums[1] + (sums[2] + sums[3]));
            }
        }
    }

    /// <summary>The samples of some rows of all members, each value over the lanes of its member; of members that are not there, zeros.</summary>
    private void Broadcast(int group, int rows, int firstRow, int count, float* samples)
    {
        int stride = MatrixShape.Texels(Inputs) * MatrixShape.ColumnsPerTexel, there = MembersOf(group);
        for (int row = 0; row < count; row++)
        {
            float* to = samples + ((nint)row * Inputs * Lanes);
            for (int m = 0; m < Group; m++)
            {
                float* from = features.Floats + ((nint)((((group * Group) + Math.Min(m, there - 1)) * (long)rows) + firstRow + row) * stride);
                for (int i = 0; i < Inputs; i++) Vector128.Create(m < there ? from[i] : 0).Store(to + ((nint)i * Lanes) + (m * MatrixShape.ColumnsPerTexel));
            }
        }
    }

    /// <summary>Where what lies in a thread's memory.</summary>
    protected readonly struct Layout(float* scratch, int rows, int inputs, int hiddenTexels, int classes)
    {
        /// <summary>[rows × inputs], each broadcast.</summary>
        public float* Samples => scratch;

        /// <summary>[rows × hidden texels].</summary>
        public float* Hidden => Samples + (rows * inputs * Lanes);

        /// <summary>[rows × classes], the parts of each output's sum; then the gradients of the outputs, broadcast.</summary>
        public float* Sums => Hidden + (rows * hiddenTexels * Lanes);

        /// <summary>[rows × classes × members].</summary>
        public float* Outputs => Sums + (rows * classes * Lanes);

        /// <summary>[rows], of one texel of hidden units.</summary>
        public float* HiddenGradients => Outputs + (rows * classes * Lanes);

        /// <summary>One texel.</summary>
        public float* Texel => HiddenGradients + (rows * Lanes);
    }
}

/// <summary>network_population_forward.comp: probabilities of every member's rows. A line is some rows of all members.</summary>
internal sealed unsafe class PopulationForwardKernel : PopulationKernel
{
    private readonly MatrixAddress probabilities;

    public PopulationForwardKernel(Dispatch dispatch) : base(dispatch) => probabilities = Matrix("probabilities");

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        Layout at = LayoutOf(scratch);
        float* logits = stackalloc float[ClassStride];
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int firstRow = line * MostRows, count = Math.Min(MostRows, rows - firstRow);
            for (int group = 0; group < Groups; group++)
            {
                ComputeOutputs(group, rows, firstRow, count, at);
                for (int m = 0; m < MembersOf(group); m++)
                {
                    for (int row = 0; row < count; row++)
                    {
                        for (int j = 0; j < Classes; j++) logits[j] = at.Outputs[(((row * Classes) + j) * Group) + m];
                        nint sample = ((nint)((group * Group) + m) * rows) + firstRow + row;
                        Softmax.Probabilities(new ReadOnlySpan<float>(logits, ClassStride), Classes, new Span<float>(probabilities.Floats + (sample * ClassStride), ClassStride));
                    }
                }
            }
        }
    }
}

/// <summary>network_population_step.comp: a training step of every member. A line is a group of members.</summary>
internal sealed unsafe class PopulationStepKernel : PopulationKernel
{
    private readonly MatrixAddress targets;
    private readonly MatrixAddress losses;
    private readonly MatrixAddress pendingParameters;
    private readonly MatrixAddress? velocities;
    private readonly MatrixAddress? pendingVelocities;
    private readonly KernelArguments<float> scalars;
    private readonly SoftmaxCrossEntropy loss;
    private readonly int firstRow;
    private readonly int targetStride;
    private readonly bool isMore;

    public PopulationStepKernel(Dispatch dispatch) : base(dispatch)
    {
        targets = Matrix("targets");
        losses = Matrix("losses");
        pendingParameters = Matrix("pendingParameters");
        velocities = FindMatrix("velocities");
        pendingVelocities = FindMatrix("pendingVelocities");
        scalars = ScalarsWith("learningRate");
        loss = new SoftmaxCrossEntropy(scalars["entropyBonus"]);
        firstRow = Size("firstRow");
        targetStride = MatrixShape.Texels(new LabelTargets(Classes).WordsPerRow) * MatrixShape.ColumnsPerTexel;
        isMore = Constant("MORE") != 0;
    }

    public override long WorkOf(int rows) => 3 * base.WorkOf(Math.Min(rows, MostRows));

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        Layout at = LayoutOf(scratch);
        for (int group = firstLine; group < Math.Min(firstLine + lines, Groups); group++)
        {
            int count = Math.Min(MostRows, rows - firstRow);
            ComputeOutputs(group, rows, firstRow, count, at);
            ComputeLosses(group, rows, count, at);
            if (Vector512.IsHardwareAccelerated) Update<Vector512<float>, Simd512>(group, count, at);
            else if (Vector256.IsHardwareAccelerated) Update<Vector256<float>, Simd256>(group, count, at);
            else if (Vector128.IsHardwareAccelerated) Update<Vector128<float>, Simd128>(group, count, at);
            else Update<float, SimdNone>(group, count, at);
            for (int m = 0; m < MembersOf(group); m++)
            {
                if (!float.IsFinite(*LossOf(group, m))) Keep(group, m);
            }
        }
    }

    private float* LossOf(int group, int m) => losses.Floats + ((nint)((group * Group) + m) * MatrixShape.ColumnsPerTexel);

    /// <summary>The losses, and the gradients of the outputs, each broadcast over the lanes of its member.</summary>
    private void ComputeLosses(int group, int rows, int count, Layout at)
    {
        float* z = stackalloc float[2 * ClassStride];
        Span<float> gradients = new(z + ClassStride, ClassStride);
        new Span<float>(z, ClassStride).Clear();
        new Span<float>(at.Sums, count * Classes * Lanes).Clear();
        for (int m = 0; m < MembersOf(group); m++)
        {
            float sum = 0;
            for (int row = 0; row < count; row++)
            {
                for (int j = 0; j < Classes; j++) z[j] = at.Outputs[(((row * Classes) + j) * Group) + m];
                nint sample = ((nint)((group * Group) + m) * rows) + firstRow + row;
                sum += loss.ComputeRow(
                    new ReadOnlySpan<float>(z, ClassStride), new ReadOnlySpan<uint>(targets.Words + (sample * targetStride), targetStride), rows, gradients).Loss;
                for (int j = 0; j < Classes; j++)
                    Vector128.Create(gradients[j]).Store(at.Sums + (((row * Classes) + j) * Lanes) + (m * MatrixShape.ColumnsPerTexel));
            }

            float* to = LossOf(group, m);
            *to = (isMore ? *to : 0) + (sum / rows);
        }
    }

    private void Update<TVector, TSimd>(int group, int count, Layout at)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        nint origin = group * GroupLength;
        PopulationUpdate update = new()
        {
            Weights = Parameters(group),
            NewWeights = pendingParameters.Floats + origin,
            Velocities = velocities is null ? null : velocities.Floats + origin,
            NewVelocities = pendingVelocities is null ? null : pendingVelocities.Floats + origin,
            LearningRate = scalars["learningRate"],
            Momentum = scalars["momentum"],
            WeightDecay = scalars["weightDecay"],
            IsMore = isMore,
        };
        nint hiddenStride = (nint)HiddenTexels * Lanes;
        for (int h = 0; h < HiddenTexels; h++)
        {
            nint run = (nint)h * RunTexels * Lanes, bias = run + ((nint)Inputs * Lanes), outputs = bias + Lanes;
            float* hidden = at.Hidden + (h * Lanes);
            PopulationLanes<TVector, TSimd>.Multiply(count, at.Sums, update.Weights + outputs, Classes, null, at.HiddenGradients, Lanes);
            PopulationLanes<TVector, TSimd>.Backward(count, at.HiddenGradients, hidden, hiddenStride, at.Texel);
            PopulationLanes<TVector, TSimd>.UpdateBy(at.Texel, update, bias);
            PopulationLanes<TVector, TSimd>.UpdateOuter(count, at.Samples, Inputs, at.HiddenGradients, Lanes, update, run);
            PopulationLanes<TVector, TSimd>.UpdateOuter(count, at.Sums, Classes, hidden, hiddenStride, update, outputs);
        }

        for (int texel = 0; texel < MatrixShape.Texels(Classes); texel++)
        {
            SumOutputGradients(texel, count, at);
            PopulationLanes<TVector, TSimd>.UpdateBy(at.Texel, update, OutputBiases + (texel * Lanes));
        }
    }

    /// <summary>The gradients of four output biases of all members.</summary>
    private void SumOutputGradients(int texel, int count, Layout at)
    {
        for (int lane = 0; lane < Lanes; lane++)
        {
            int j = (texel * MatrixShape.ColumnsPerTexel) + (lane % MatrixShape.ColumnsPerTexel);
            float sum = 0;
            for (int row = 0; row < count && j < Classes; row++) sum += at.Sums[(((row * Classes) + j) * Lanes) + lane];
            at.Texel[lane] = sum;
        }
    }

    /// <summary>A member whose loss is not finite stays as it was.</summary>
    private void Keep(int group, int m)
    {
        for (nint at = (group * GroupLength) + (m * MatrixShape.ColumnsPerTexel); at < (group + 1) * GroupLength; at += Lanes)
        {
            Vector128.Load(Parameters(0) + at).Store(pendingParameters.Floats + at);
            if (velocities is not null) Vector128.Load(velocities.Floats + at).Store(pendingVelocities!.Floats + at);
        }
    }
}
