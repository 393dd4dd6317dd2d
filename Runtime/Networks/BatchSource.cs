namespace NeuralPlugin;

/// <summary>
/// Where the batch of a step comes from, when its kernels draw it by index from all samples that there are, instead of finding
/// it uploaded: sample i of the batch is the one that <paramref name="Order"/> has at the step's first sample and i.
/// </summary>
/// <param name="Features">The samples' features as a batch.</param>
/// <param name="Targets">Their targets as a batch.</param>
/// <param name="Order">Row numbers of samples, four a texel, in the order they are drawn in.</param>
internal sealed record BatchSource(DrawnRows Features, DrawnRows Targets, Operand Order)
{
    /// <summary>The texture unit at which kernels look the order up.</summary>
    public const int OrderUnit = 0;

    /// <summary>A dispatch that reads a batch, as one that draws it.</summary>
    public Dispatch Draw(Dispatch dispatch)
    {
        bool readsFeatures = dispatch.Matrices.Any(matrix => matrix.Operand == Features), readsTargets = dispatch.Matrices.Any(matrix => matrix.Operand == Targets);
        if (!readsFeatures && !readsTargets) return dispatch;
        List<(string, int)> constants = [("ORDER_TEXTURE", OrderUnit)];
        if (readsFeatures) constants.Add(("DRAWN_INPUTS", 1));
        if (readsTargets) constants.Add(("DRAWN_TARGETS", 1));
        return dispatch.WithTexture(OrderUnit, Order, [.. constants]);
    }
}

/// <summary>A matrix of samples as a step sees it: with the rows of a batch, which its kernels draw from all of them.</summary>
internal sealed class DrawnRows(Operand samples, int capacity) : Operand
{
    public override MatrixShape Shape => samples.Shape with { Rows = capacity };

    public override TexelFormat Format => samples.Format;

    public override MatrixStorage Storage => samples.Storage;
}
