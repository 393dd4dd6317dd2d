namespace NeuralPlugin;

/// <summary>
/// The source of a step's batch when its kernels draw it by index from all available samples instead of
/// reading an upload: sample i of the batch is at position i, counted from the step's first sample, in the order.
/// </summary>
/// <param name="features">The samples' features as a batch.</param>
/// <param name="targets">Their targets as a batch.</param>
/// <param name="order">Row numbers of samples, four per texel, in drawing order.</param>
internal sealed class BatchSource(DrawnRows features, DrawnRows targets, Operand order)
{
    private readonly KernelArguments<int> firstSample = new(("firstSample", 0));

    public DrawnRows Features => features;

    public DrawnRows Targets => targets;

    /// <summary>Sets the position in the order at which the batch of subsequent dispatches begins.</summary>
    public void BeginBatch(int first) => firstSample["firstSample"] = first;

    /// <summary>Turns a dispatch that reads a batch into one that draws it.</summary>
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

/// <summary>A matrix of samples as a step sees it: with as many rows as a batch, drawn from all samples by the step's kernels.</summary>
internal sealed class DrawnRows(Operand samples, int capacity) : Operand
{
    public override MatrixShape Shape => samples.Shape with { Rows = capacity };

    public override TexelFormat Format => samples.Format;

    public override MatrixStorage Storage => samples.Storage;
}
