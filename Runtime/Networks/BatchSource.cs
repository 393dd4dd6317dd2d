namespace NeuralPlugin;

/// <summary>
/// Where the batch of a step comes from, when its kernels draw it by index from all samples that there are, instead of finding
/// it uploaded: sample i of the batch is the one that the order has at the step's first sample and i.
/// </summary>
/// <param name="features">The samples' features as a batch.</param>
/// <param name="targets">Their targets as a batch.</param>
/// <param name="order">Row numbers of samples, four a texel, in the order they are drawn in.</param>
internal sealed class BatchSource(DrawnRows features, DrawnRows targets, Operand order)
{
    private readonly KernelArguments<int> firstSample = new(("firstSample", 0));

    public DrawnRows Features => features;

    public DrawnRows Targets => targets;

    /// <summary>Says where in the order the batch begins that dispatches draw from now on.</summary>
    public void BeginBatch(int first) => firstSample["firstSample"] = first;

    /// <summary>A dispatch that reads a batch, as one that draws it.</summary>
    public Dispatch Draw(Dispatch dispatch)
    {
        bool readsFeatures = dispatch.Matrices.Any(matrix => matrix.Operand == Features), readsTargets = dispatch.Matrices.Any(matrix => matrix.Operand == Targets);
        if (!readsFeatures && !readsTargets) return dispatch;
        List<(string, int)> constants = [];
        if (readsFeatures) constants.Add(("DRAWN_INPUTS", 1));
        if (readsTargets) constants.Add(("DRAWN_TARGETS", 1));
        return dispatch.With(constants: constants, sizes: firstSample, texture: new TextureBinding("order", order));
    }
}

/// <summary>A matrix of samples as a step sees it: with the rows of a batch, which its kernels draw from all of them.</summary>
internal sealed class DrawnRows(Operand samples, int capacity) : Operand
{
    public override MatrixShape Shape => samples.Shape with { Rows = capacity };

    public override TexelFormat Format => samples.Format;

    public override MatrixStorage Storage => samples.Storage;
}
