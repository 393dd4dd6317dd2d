namespace NeuralPlugin;

/// <summary>
/// The kernels of one family on a device with given limits: every kernel whose order of sums the family decides, and the thresholds that
/// choose between them. Every family implements this contract.
/// </summary>
/// <remarks>
/// <para>Requirements for every kernel of a family:</para>
/// <list type="bullet">
/// <item>Matrices have the layout of <see cref="MatrixShape"/>, are declared by Shaders/Include/bindings.glsl under the names that the
/// <see cref="Computation"/> gives them, and their padding stays zero. Rows past those in use are never read, whatever they hold.</item>
/// <item>The number of rows in use is a uniform: results depend neither on the capacity of a plan, nor on the parts that a dispatch is cut into
/// (Shaders/Include/dispatch.glsl), nor on the number of invocations.</item>
/// <item>A batch may have 262,140 rows (ComputationGraph.MaximumCapacity) on every device: for it, no dispatch takes more than 65,535 workgroups
/// along a dimension, and no loop runs more iterations.</item>
/// <item>The batch may be drawn (DRAWN_INPUTS, DRAWN_TARGETS) and its features may be bytes (BYTE_INPUTS): Shaders/Include/samples.glsl.</item>
/// <item>Activations, losses and optimizers are includes in slots (<see cref="KernelSlot"/>): a product applies the activation before it
/// stores, and the product that computes the parameters' gradient ends with the optimizer's update, if there is one.</item>
/// <item>The gradient of the last layer also sums the losses of the batch (LOSS_PARTS), in the order of Shaders/Include/loss_sum.glsl.</item>
/// <item>The log of steps (LOG_SLOTS): a non-finite loss is noted before any update of its step, and an update heeds it:
/// Shaders/Include/step_log.glsl. In a population, a member whose loss is not finite keeps its weights and its state; the others take their step.</item>
/// <item>An update is guarded: a parameter whose new weight or state is not finite keeps its weight and its state, by Shaders/Include/guarded_step.glsl. With NOTES_KEPT
/// a kernel calls noteKept after its updates.</item>
/// <item>Constants select a kernel's results: INPUT_GRADIENTS for the gradient of the last layer's input, UPDATE for the
/// optimizer's update, SOFTMAX for a population's probabilities instead of its outputs, ADDS_TO_SUMS when a part of a population's batch adds to
/// the gradients of earlier parts; OUTPUT_TEXELS are the texels of a row of outputs,
/// STATE_SLOTS and EACH_STATE(F, from, to) the optimizer's matrices of state.</item>
/// <item>A fused kernel gives the same bits as the kernels that it replaces, within the family.</item>
/// </list>
/// <para>
/// If a family has no fused kernel for a computation, the method returns null, and the parts run. All families must pass the same tests (Tests/run
/// runs them for each).
/// </para>
/// </remarks>
internal abstract class FamilyKernels(KernelFamily family, DeviceLimits limits)
{
    /// <summary>The family.</summary>
    public KernelFamily Family => family;

    /// <summary>The limits of the device.</summary>
    public DeviceLimits Limits => limits;

    /// <summary>The configurations of its kernels.</summary>
    public KernelTuning Tuning { get; private set; } = KernelTuning.Default;

    private TuningQuestions? Asked { get; set; }

    /// <summary>The same kernels in other configurations, which notes what it is asked for.</summary>
    public FamilyKernels With(KernelTuning tuning, TuningQuestions? asked = null)
    {
        FamilyKernels kernels = (FamilyKernels)MemberwiseClone();
        (kernels.Tuning, kernels.Asked) = (tuning, asked);
        return kernels;
    }

    /// <summary>Y = X·W + b.</summary>
    public abstract KernelChoice Forward(DenseForward computation);

    /// <summary>
    /// The length of the parts in which the sums of Y = X·W + b are computed by <see cref="DenseForwardParts"/> and what reads them; null for sums that stay in one dispatch.
    /// The bits are the same.
    /// </summary>
    public virtual int? PartLengthOf(DenseForward computation) => null;

    /// <summary>The parts of Y = X·W, if <see cref="PartLengthOf"/> has a length.</summary>
    public virtual KernelChoice? ForwardParts(DenseForwardParts computation) => null;

    /// <summary>Y from its parts.</summary>
    public virtual KernelChoice? PartsSum(DensePartsSum computation) => null;

    /// <summary>dX = dY·Wᵀ.</summary>
    public abstract KernelChoice BackwardInput(DenseBackwardInput computation);

    /// <summary>dW = Xᵀ·dY and db, with or without an update and the sum of the losses.</summary>
    public abstract KernelChoice BackwardWeights(DenseBackwardWeights computation);

    /// <summary>The last layer with the loss, fused with the layer before it if given.</summary>
    public virtual KernelChoice? LastLayerLoss(LastLayerLoss computation) => null;

    /// <summary>The last layer with the softmax, fused with the layer before it if given.</summary>
    public virtual KernelChoice? LastLayerSoftmax(LastLayerSoftmax computation) => null;

    /// <summary>The last layer, fused with what is left of the layer before if its sums come in parts.</summary>
    public virtual KernelChoice? LastLayerOutputs(LastLayerOutputs computation) => null;

    /// <summary>The updates of two layers in one dispatch.</summary>
    public virtual KernelChoice? TwoLayerUpdate(TwoLayerUpdate computation) => null;

    /// <summary>Texels per row of the matrix through which the phases of a small network's step exchange results; 0 if they need none.</summary>
    public virtual int SmallStepScratchTexels(LastLayerLoss last) => 0;

    /// <summary>A complete step of a small network, with any optimizer; null for a network that the kernel does not suit.</summary>
    public virtual KernelChoice? SmallStep(SmallStep computation) => null;

    /// <summary>
    /// How many consecutive steps of a small network one dispatch may run, each on the batch of a training set that is drawn next, with the bits of as many dispatches; 1 if the family has no
    /// kernel for several.
    /// </summary>
    public virtual int MostStepsOf(SmallStep step) => 1;

    /// <summary>Consecutive steps of a small network, if <see cref="MostStepsOf"/> allows them.</summary>
    public virtual KernelChoice? SmallSteps(SmallSteps computation) => null;

    /// <summary>The kernels of populations of one shape, the layout of their parameters, and how many rows a dispatch takes.</summary>
    /// <exception cref="DeviceLimitException">The networks are too large for one matrix of the device, or for its kernels.</exception>
    public abstract PopulationKernels Population(PopulationShape shape);

    /// <summary>The configuration that the tuning has for a class of sizes; null for the first that the family offers.</summary>
    protected string? Tuned(ShapeClass shape) => Tuning.Find(NameOf(shape));

    /// <summary>
    /// The configuration of a kernel among a handful that a family offers for a class of sizes, each correct on this device: the tuned one, otherwise the first. The text of each is its name in
    /// files, so the names must be distinct, have no line breaks and never change, and all sizes of a class must have the same ones, in whatever order.
    /// </summary>
    /// <param name="shape">The class of sizes.</param>
    /// <param name="offered">The configurations.</param>
    /// <param name="decidesBits">
    /// Whether they differ in the order of sums. Checkpoints then name the one in use, and one that is not offered is an error; otherwise it only was faster elsewhere.
    /// </param>
    /// <param name="neverFirst">
    /// Those that are offered first for no sizes at all. A network has them only where a tuning has chosen them, and a tuning leaves out what the driver rejects: so it is no fault of a device if the driver rejects one.
    /// </param>
    /// <exception cref="InvalidOperationException">The tuning has a configuration that decides bits and is not offered.</exception>
    protected T Choose<T>(ShapeClass shape, IReadOnlyList<T> offered, bool decidesBits, params IEnumerable<T> neverFirst) where T : notnull
    {
        string sizes = NameOf(shape);
        string[] names = [.. offered.Select(configuration => configuration.ToString()!)];
        int chosen = Tuning.Find(sizes) is { } name ? Array.IndexOf(names, name) : 0;
        if (chosen < 0 && !decidesBits) chosen = 0;
        if (chosen < 0)
        {
            throw new InvalidOperationException(
                $"The tuning has the configuration '{Tuning.Find(sizes)}' for {sizes}, and this version offers {string.Join(", ", names)}. Force KernelTuning.Default, or load parameters alone.");
        }

        Asked?.Add(new TuningQuestion(sizes, names, names[chosen], decidesBits) { NeverFirst = [.. neverFirst.Select(configuration => configuration.ToString()!)] });
        return offered[chosen];
    }

    private string NameOf(ShapeClass shape) => $"{Family.Name} {shape}";
}
