namespace NeuralPlugin;

/// <summary>Networks that agents are asked of: brains, or the snapshots that opponents act with.</summary>
internal interface IDecidingNetwork
{
    /// <summary>The answers to a question, one row per decision, until the next one: logits and, if brains estimate values, the value output after them.</summary>
    MatrixTexture Outputs { get; }

    /// <summary>Enqueues the forward pass of these rows.</summary>
    /// <param name="features">[rows × observations]; if agents have their own brains, one row for each.</param>
    /// <param name="looks">[rows]: the row of the seen texture that follows the observations; -1 for none.</param>
    void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks);
}
