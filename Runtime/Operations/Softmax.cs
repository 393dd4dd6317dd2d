namespace NeuralPlugin;

/// <summary>Probabilities from logits, for predictions: p_j = exp(z_j − max z) / Σ exp(z − max z), row by row.</summary>
internal static class Softmax
{
    public const string ForwardFile = "softmax_forward.comp";

    private const int GroupSize = 32;

    public static Dispatch Forward(Operand logits, Operand probabilities)
    {
        return new Dispatch(
            new KernelSource(ForwardFile, ("GROUP_SIZE", GroupSize)),
            [MatrixBinding.Read("LOGITS", logits), MatrixBinding.Write("PROBABILITIES", probabilities)],
            [logits.Shape.TexelsPerRow, logits.Shape.Columns],
            new DispatchGrid(1, RowsPerGroupX: GroupSize));
    }
}
