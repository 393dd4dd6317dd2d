namespace NeuralPlugin;

/// <summary>
/// The kernels of one family on a device of some limits: every kernel whose order of sums the family decides, and the thresholds that
/// choose between them. This is the contract that a family is written against.
/// </summary>
/// <remarks>
/// <para>What every kernel of a family must keep:</para>
/// <list type="bullet">
/// <item>Matrices have the layout of <see cref="MatrixShape"/>, are declared by Shaders/Include/bindings.glsl under the names that the
/// <see cref="Computation"/> gives them, and their padding stays zero. Rows past those in use are never looked at, whatever they hold.</item>
/// <item>The rows in use are a uniform: results do not depend on the capacity of a plan, nor on the parts that a dispatch is cut into
/// (Shaders/Include/dispatch.glsl), nor on how many invocations run.</item>
/// <item>A batch may have 262,140 rows (ComputationGraph.MaximumCapacity) on every device: no dispatch takes more than 65,535 workgroups along a
/// dimension for it, and no loop turns more often.</item>
/// <item>The batch may be drawn (DRAWN_INPUTS, DRAWN_TARGETS) and its features may be bytes (BYTE_INPUTS): Shaders/Include/samples.glsl.</item>
/// <item>Activations, losses and optimizers are includes in slots (<see cref="KernelSlot"/>): a product applies the activation before it
/// stores, and the product that gives the gradient of parameters ends with the optimizer's update where there is one.</item>
/// <item>The gradient of the last layer sums the losses of the batch beside (LOSS_PARTS), in the order of Shaders/Include/loss_sum.glsl.</item>
/// <item>The log of steps (LOG_SLOTS): a loss that is not finite is noted before any update of its step, and an update heeds it:
/// Shaders/Include/step_log.glsl. In a population a member whose loss is not finite keeps its weights and its state, and the others take their step.</item>
/// <item>What is wanted of a kernel is told it in constants: INPUT_GRADIENTS where the gradient of the last layer's input is, UPDATE where the optimizer's
/// update is, SOFTMAX where the probabilities of a population are and not its outputs, ADDS_TO_SUMS where a part of a population's batch adds to the gradients of the parts before; OUTPUT_TEXELS are those of a row of outputs,
/// STATE_SLOTS and EACH_STATE(F) the optimizer's matrices of state.</item>
/// <item>A fused kernel gives the bits of the kernels that it replaces, within the family.</item>
/// </list>
/// <para>
/// What a family has no fused kernel for is null, and then the parts run. All families are held to the same tests (Tests/run runs them for each).
/// </para>
/// </remarks>
internal abstract class FamilyKernels(KernelFamily family, DeviceLimits limits)
{
    /// <summary>Whose kernels they are.</summary>
    public KernelFamily Family => family;

    /// <summary>The limits of the device that they run on.</summary>
    public DeviceLimits Limits => limits;

    /// <summary>Y = X·W + b.</summary>
    public abstract KernelChoice Forward(DenseForward computation);

    /// <summary>dX = dY·Wᵀ.</summary>
    public abstract KernelChoice BackwardInput(DenseBackwardInput computation);

    /// <summary>dW = Xᵀ·dY and db, with or without an update and the sum of the losses.</summary>
    public abstract KernelChoice BackwardWeights(DenseBackwardWeights computation);

    /// <summary>The last layer with the loss; with the layer before it where that is there.</summary>
    public virtual KernelChoice? LastLayerLoss(LastLayerLoss computation) => null;

    /// <summary>The last layer with the softmax; with the layer before it where that is there.</summary>
    public virtual KernelChoice? LastLayerSoftmax(LastLayerSoftmax computation) => null;

    /// <summary>Texels of a row of the matrix in which the phases of a small network's step leave each other what they found; 0 where a family has no such kernel.</summary>
    public virtual int SmallStepScratchTexels(LastLayerLoss last) => 0;

    /// <summary>A whole step of a small network, with any optimizer; null for those that the kernel is not for.</summary>
    public virtual KernelChoice? SmallStep(SmallStep computation) => null;

    /// <summary>The kernels of populations of one shape, the layout of their parameters, and how many rows a dispatch takes.</summary>
    /// <exception cref="DeviceLimitException">The networks are too large for one matrix of the device, or more than its kernels run.</exception>
    public abstract PopulationKernels Population(PopulationShape shape);
}
