using System.Runtime.Intrinsics;

namespace NeuralPlugin;

/// <summary>What the kernels of <see cref="ProcessorPopulation"/> share: some rows of all members of a group at once.</summary>
internal abstract unsafe class PopulationMethod : LoggedKernel
{
    protected const int Group = ProcessorPopulation.Group;
    protected const int Lanes = ProcessorPopulation.Lanes;
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
        (Inputs, Outputs, HiddenTexels) = (shape.Inputs, shape.Outputs, MatrixShape.Texels(shape.Hidden));
    }

    /// <summary>Samples, hidden units and their gradients, the parts of the outputs' sums, the outputs, and the gradients of all parameters of a group.</summary>
    public override int ScratchLength => (Lanes * MostRows * (Inputs + (2 * HiddenTexels) + (2 * Outputs))) + (int)GroupLength + OutputStride;

    /// <summary>As the dispatch says: none in a warm-up.</summary>
    protected int Members { get; }

    protected int Inputs { get; }

    protected int Outputs { get; }

    protected int HiddenTexels { get; }

    protected int Groups => MatrixShape.CeilingDivide(Members, Group);

    protected int OutputStride => MatrixShape.Texels(Outputs) * MatrixShape.ColumnsPerTexel;

    /// <summary>Values of a texel of hidden units: W1's rows, b1, W2's.</summary>
    protected nint RunLength => (nint)Lanes * (Inputs + 1 + Outputs);

    /// <summary>Values of all parameters of a group.</summary>
    protected nint GroupLength => (HiddenTexels * RunLength) + ((nint)Lanes * MatrixShape.Texels(Outputs));

    public override long WorkOf(int rows) => 2L * rows * Members * HiddenTexels * MatrixShape.ColumnsPerTexel * (Inputs + Outputs);

    protected float* Weights(int group) => weights.Floats + (group * GroupLength);

    protected Layout LayoutOf(float* scratch) => new(scratch, Inputs, HiddenTexels, Outputs);

    /// <summary>Members of a group that there are.</summary>
    protected int MembersOf(int group) => Math.Min(Group, Members - (group * Group));

    /// <summary>The hidden units and the outputs of some rows of all members of a group.</summary>
    protected void ComputeOutputs<TVector, TSimd>(int group, int rows, int firstRow, int count, Layout at)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        Broadcast(group, rows, firstRow, count, at.Samples);
        float* w = Weights(group);
        nint hiddenStride = (nint)HiddenTexels * Lanes;
        for (int h = 0; h < HiddenTexels; h++)
        {
            float* run = w + (h * RunLength);
            PopulationLanes<TVector, TSimd>.Multiply(count, at.Samples, run, Inputs, run + ((nint)Inputs * Lanes), at.Hidden + (h * Lanes), hiddenStride);
        }

        activation.Activate(new Span<float>(at.Hidden, (int)(count * hiddenStride)));
        PopulationLanes<TVector, TSimd>.MultiplyOutputs(count, at.Hidden, HiddenTexels, w + ((nint)(Inputs + 1) * Lanes), RunLength, Outputs, at.Sums);
        float* outputBias = w + (HiddenTexels * RunLength);
        for (int j = 0; j < Outputs; j++)
        {
            float* bias = outputBias + (j / MatrixShape.ColumnsPerTexel * Lanes) + (j % MatrixShape.ColumnsPerTexel);
            for (int row = 0; row < count; row++)
            {
                float* sums = at.Sums + (((row * Outputs) + j) * Lanes);
                float* z = at.Outputs + (row * OutputStride) + j;
                for (int m = 0; m < Group; m++, sums += MatrixShape.ColumnsPerTexel)
                    z[m * MostRows * OutputStride] = bias[m * MatrixShape.ColumnsPerTexel] + (sums[0] + sums[1] + (sums[2] + sums[3]));
            }
        }
    }

    /// <summary>The gradients before the activation.</summary>
    protected void Backward(int length, Layout at) => activation.Backward(new Span<float>(at.HiddenGradients, length), new ReadOnlySpan<float>(at.Hidden, length));

    /// <summary>The samples of some rows of all members, each value over the lanes of its member; those of members that are not there are those of the last.</summary>
    private void Broadcast(int group, int rows, int firstRow, int count, float* samples)
    {
        int stride = MatrixShape.Texels(Inputs) * MatrixShape.ColumnsPerTexel, last = MembersOf(group) - 1;
        for (int m = 0; m < Group; m++)
        {
            for (int row = 0; row < count; row++)
            {
                float* from = features.Floats + ((nint)((((group * Group) + Math.Min(m, last)) * (long)rows) + firstRow + row) * stride);
                float* to = samples + ((nint)row * Inputs * Lanes) + (m * MatrixShape.ColumnsPerTexel);
                for (int i = 0; i < Inputs; i++, to += Lanes) Vector128.Create(from[i]).Store(to);
            }
        }
    }

    /// <summary>Where what lies in a thread's memory.</summary>
    protected readonly struct Layout(float* scratch, int inputs, int hiddenTexels, int outputs)
    {
        /// <summary>[rows × inputs], each broadcast.</summary>
        public float* Samples => scratch;

        /// <summary>[rows × hidden texels].</summary>
        public float* Hidden => Samples + (MostRows * inputs * Lanes);

        /// <summary>[rows × hidden texels].</summary>
        public float* HiddenGradients => Hidden + (MostRows * hiddenTexels * Lanes);

        /// <summary>[rows × outputs], the parts of each output's sum; then the gradients of the outputs, broadcast.</summary>
        public float* Sums => HiddenGradients + (MostRows * hiddenTexels * Lanes);

        /// <summary>[members × rows], each a row of outputs with its padding, which is zero.</summary>
        public float* Outputs => Sums + (MostRows * outputs * Lanes);

        /// <summary>As the parameters of a group.</summary>
        public float* Gradients => Outputs + (MostRows * outputs * Lanes);
    }
}

/// <summary>network_population_forward.comp: probabilities of every member's rows. A line is some rows of a group.</summary>
internal sealed unsafe class PopulationForwardKernel : PopulationMethod
{
    private readonly MatrixAddress probabilities;

    public PopulationForwardKernel(Dispatch dispatch, PopulationShape shape, Activation activation) : base(dispatch, shape, activation) =>
        probabilities = Matrix("probabilities");

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (Vector512.IsHardwareAccelerated) Run<Vector512<float>, Simd512>(rows, firstLine, lines, scratch);
        else if (Vector256.IsHardwareAccelerated) Run<Vector256<float>, Simd256>(rows, firstLine, lines, scratch);
        else if (Vector128.IsHardwareAccelerated) Run<Vector128<float>, Simd128>(rows, firstLine, lines, scratch);
        else Run<float, SimdNone>(rows, firstLine, lines, scratch);
    }

    private void Run<TVector, TSimd>(int rows, int firstLine, int lines, float* scratch)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        if (rows == 0 || Groups == 0) return;   // a warm-up
        Layout at = LayoutOf(scratch);
        for (int line = firstLine; line < firstLine + lines; line++)
        {
            int group = line % Groups, firstRow = line / Groups * MostRows, count = Math.Min(MostRows, rows - firstRow);
            ComputeOutputs<TVector, TSimd>(group, rows, firstRow, count, at);
            for (int m = 0; m < MembersOf(group); m++)
            {
                for (int row = 0; row < count; row++)
                {
                    nint sample = ((nint)((group * Group) + m) * rows) + firstRow + row;
                    Softmax.Probabilities(
                        new ReadOnlySpan<float>(at.Outputs + (((m * MostRows) + row) * OutputStride), OutputStride), Outputs,
                        new Span<float>(probabilities.Floats + (sample * OutputStride), OutputStride));
                }
            }
        }
    }
}

/// <summary>network_population_step.comp: a training step of every member on its whole batch. A line is a group.</summary>
internal sealed unsafe class PopulationStepKernel : PopulationMethod
{
    private readonly MatrixAddress targets;
    private readonly MatrixAddress losses;
    private readonly UpdateAccess update;
    private readonly Loss loss;
    private readonly int targetStride;

    public PopulationStepKernel(Dispatch dispatch, PopulationShape shape, Activation activation, Loss loss, Optimizer optimizer) : base(dispatch, shape, activation)
    {
        this.loss = loss;
        targets = Matrix("targets");
        losses = Matrix("losses");
        update = new UpdateAccess(optimizer, FindMatrix, ScalarsWith("learningRate"), Log);
        targetStride = Size("targetTexels") * MatrixShape.ColumnsPerTexel;
    }

    public override long WorkOf(int rows) => 3 * base.WorkOf(rows);

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        if (Vector512.IsHardwareAccelerated) Run<Vector512<float>, Simd512>(rows, firstLine, lines, scratch);
        else if (Vector256.IsHardwareAccelerated) Run<Vector256<float>, Simd256>(rows, firstLine, lines, scratch);
        else if (Vector128.IsHardwareAccelerated) Run<Vector128<float>, Simd128>(rows, firstLine, lines, scratch);
        else Run<float, SimdNone>(rows, firstLine, lines, scratch);
    }

    private void Run<TVector, TSimd>(int rows, int firstLine, int lines, float* scratch)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        Layout at = LayoutOf(scratch);
        for (int group = firstLine; group < Math.Min(firstLine + lines, Groups); group++)
        {
            new Span<float>(at.Gradients, (int)GroupLength).Clear();
            for (int m = 0; m < MembersOf(group); m++) *LossOf(group, m) = 0;
            for (int firstRow = 0; firstRow < rows; firstRow += MostRows)
            {
                int count = Math.Min(MostRows, rows - firstRow);
                ComputeOutputs<TVector, TSimd>(group, rows, firstRow, count, at);
                ComputeLosses(group, rows, firstRow, count, at);
                AddGradients<TVector, TSimd>(group, count, at);
            }

            update.Run(group * GroupLength, (int)GroupLength, at.Gradients);
            for (int m = 0; m < MembersOf(group); m++)
            {
                *LossOf(group, m) /= rows;
                if (!float.IsFinite(*LossOf(group, m))) KeepMember(group, m);
            }
        }
    }

    private float* LossOf(int group, int m) => losses.Floats + ((nint)((group * Group) + m) * MatrixShape.ColumnsPerTexel);

    /// <summary>The losses, and the gradients of the outputs, each broadcast over the lanes of its member.</summary>
    private void ComputeLosses(int group, int rows, int firstRow, int count, Layout at)
    {
        int there = MembersOf(group);
        if (there < Group) new Span<float>(at.Sums, count * Outputs * Lanes).Clear();
        for (int m = 0; m < there; m++)
        {
            float* sum = LossOf(group, m);
            for (int row = 0; row < count; row++)
            {
                float* z = at.Outputs + (((m * MostRows) + row) * OutputStride);
                Span<float> gradients = new(at.Gradients + GroupLength, OutputStride);
                for (int j = Outputs; j < OutputStride; j++) z[j] = 0;
                nint sample = ((nint)((group * Group) + m) * rows) + firstRow + row;
                *sum += loss.ComputeRow(
                    new ReadOnlySpan<float>(z, OutputStride), new ReadOnlySpan<uint>(targets.Words + (sample * targetStride), targetStride), Outputs, rows,
                    gradients).Loss;
                float* to = at.Sums + ((nint)row * Outputs * Lanes) + (m * MatrixShape.ColumnsPerTexel);
                for (int j = 0; j < Outputs; j++, to += Lanes) Vector128.Create(gradients[j]).Store(to);
            }
        }
    }

    private void AddGradients<TVector, TSimd>(int group, int count, Layout at)
        where TVector : unmanaged
        where TSimd : struct, ISimd<TVector>
    {
        float* w = Weights(group);
        nint hiddenStride = (nint)HiddenTexels * Lanes, outputs = (nint)(Inputs + 1) * Lanes;
        for (int h = 0; h < HiddenTexels; h++)
        {
            PopulationLanes<TVector, TSimd>.Multiply(count, at.Sums, w + (h * RunLength) + outputs, Outputs, null, at.HiddenGradients + (h * Lanes), hiddenStride);
            PopulationLanes<TVector, TSimd>.AddOuter(count, at.Sums, Outputs, at.Hidden + (h * Lanes), hiddenStride, at.Gradients + (h * RunLength) + outputs);
        }

        Backward((int)(count * hiddenStride), at);
        for (int h = 0; h < HiddenTexels; h++)
        {
            float* d = at.HiddenGradients + (h * Lanes), g = at.Gradients + (h * RunLength), bias = g + ((nint)Inputs * Lanes);
            PopulationLanes<TVector, TSimd>.AddOuter(count, at.Samples, Inputs, d, hiddenStride, g);
            for (int row = 0; row < count; row++) Add(new ReadOnlySpan<float>(d + (row * hiddenStride), Lanes), new Span<float>(bias, Lanes));
        }

        AddOutputBiases(count, at);
    }

    private static void Add(ReadOnlySpan<float> values, Span<float> sums)
    {
        for (int i = 0; i < Lanes; i += System.Numerics.Vector<float>.Count)
            (new System.Numerics.Vector<float>(sums[i..]) + new System.Numerics.Vector<float>(values[i..])).CopyTo(sums[i..]);
    }

    private void AddOutputBiases(int count, Layout at)
    {
        float* biases = at.Gradients + (HiddenTexels * RunLength);
        for (int j = 0; j < Outputs; j++)
        {
            float* to = biases + (j / MatrixShape.ColumnsPerTexel * Lanes) + (j % MatrixShape.ColumnsPerTexel);
            for (int row = 0; row < count; row++)
            {
                float* from = at.Sums + (((row * Outputs) + j) * Lanes);
                for (int lane = 0; lane < Lanes; lane += MatrixShape.ColumnsPerTexel) to[lane] += from[lane];
            }
        }
    }

    /// <summary>A member whose loss is not finite keeps its weights and the optimizer's state of them.</summary>
    private void KeepMember(int group, int m)
    {
        for (nint at = (group * GroupLength) + (m * MatrixShape.ColumnsPerTexel); at < (group + 1) * GroupLength; at += Lanes) update.Keep(at, MatrixShape.ColumnsPerTexel);
    }
}
