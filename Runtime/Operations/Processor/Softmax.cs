namespace NeuralPlugin;

/// <summary>
/// The softmax of one row of logits on the processor, from the logits less their maximum: what Shaders/Include/softmax.glsl says in formulas.
/// </summary>
internal static class Softmax
{
    /// <summary>p_j = exp(z_j − max z) / Σ exp(z − max z).</summary>
    /// <param name="logits">One a class.</param>
    /// <param name="probabilities">A row with its padding, which is zeroed.</param>
    public static void Probabilities(ReadOnlySpan<float> logits, Span<float> probabilities)
    {
        float maximum = float.MinValue, sum = 0;
        foreach (float logit in logits) maximum = logit > maximum ? logit : maximum;
        for (int j = 0; j < logits.Length; j++)
        {
            probabilities[j] = MathF.Exp(logits[j] - maximum);
            sum += probabilities[j];
        }

        for (int j = 0; j < logits.Length; j++) probabilities[j] /= sum;
        probabilities[logits.Length..].Clear();
    }

    /// <summary>z − m, kept finite where logits lie further apart than a float reaches, so that 0 · (z − m) is 0.</summary>
    public static float Shifted(float logit, float maximum) => logit - maximum < float.MinValue ? float.MinValue : logit - maximum;
}
