namespace NeuralPlugin;

/// <summary>
/// Kernels that are methods, for a device on the processor. Each product runs in register tiles over packed panels, and each of its elements is one chain of
/// multiply-adds: the bits are the same for any number of threads, any capacity, fused or not, and on any machine that rounds a multiply-add once.
/// </summary>
/// <remarks>
/// Neither the layer before the last one nor a small step is fused: running a method costs next to nothing, so only what saves reading memory
/// twice is fused.
/// </remarks>
internal sealed class ProcessorFamily() : KernelFamily("processor")
{
    internal override bool RunsOn(DeviceLimits limits) => limits.RunsMethods;

    internal override FamilyKernels For(DeviceLimits limits) => new ProcessorKernels(this, limits);
}

/// <summary>The kernels of <see cref="ProcessorFamily"/>, each named after its shader.</summary>
internal sealed class ProcessorKernels(KernelFamily family, DeviceLimits limits) : FamilyKernels(family, limits)
{
    public override KernelChoice Forward(DenseForward computation)
    {
        Activation? activation = computation.Activation;
        return new KernelChoice(
            new KernelSource("dense_forward.comp") { Method = dispatch => new DenseForwardKernel(dispatch, activation) },
            DenseForwardKernel.GridFor(computation.Output.Shape.TexelsPerRow, computation.Input.Shape.Columns, computation.Input.Format == TexelFormat.Byte));
    }

    public override KernelChoice BackwardInput(DenseBackwardInput computation)
    {
        Activation? activation = computation.Activation;
        return new KernelChoice(
            new KernelSource("dense_backward_input.comp") { Method = dispatch => new DenseBackwardInputKernel(dispatch, activation) },
            DenseForwardKernel.GridFor(computation.InputGradients.Shape.TexelsPerRow, computation.OutputGradients.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel));
    }

    public override KernelChoice BackwardWeights(DenseBackwardWeights computation)
    {
        Optimizer? optimizer = computation.Update?.Optimizer;
        MatrixShape parameters = computation.OutputGradients.Shape with { Rows = computation.Input.Shape.Columns + 1 };
        return new KernelChoice(
            new KernelSource("dense_backward_weights.comp") { Method = dispatch => new DenseBackwardWeightsKernel(dispatch, optimizer) },
            DenseBackwardWeightsKernel.GridFor(parameters, computation.OutputGradients.Shape.Rows, computation.Sum is not null));
    }

    public override KernelChoice? LastLayerLoss(LastLayerLoss computation)
    {
        if (computation.Before is not null) return null;
        (Loss loss, int outputs, Activation? activation) = (computation.Loss, computation.Outputs, computation.Activation);
        return new KernelChoice(
            new KernelSource("dense_loss_rows.comp") { Method = dispatch => new LastLayerLossKernel(dispatch, loss, outputs, activation) }, LastLayerKernel.Grid);
    }

    public override KernelChoice? LastLayerSoftmax(LastLayerSoftmax computation) => computation.Before is not null ? null : new KernelChoice(
        new KernelSource("dense_softmax_rows.comp") { Method = dispatch => new LastLayerSoftmaxKernel(dispatch) }, LastLayerKernel.Grid);

    public override PopulationKernels Population(PopulationShape shape) => new ProcessorPopulation(shape, Limits);
}
