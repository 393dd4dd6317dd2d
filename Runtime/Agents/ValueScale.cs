namespace NeuralPlugin;

/// <summary>The scale of a brain's value output v in rewards: Mean + Deviation·v. The mean and the deviation are those of returns, as far as they are known.</summary>
internal readonly record struct ValueScale(float Mean, float Deviation)
{
    /// <summary>Converts an output to a value.</summary>
    public float Of(float output) => Mean + (Deviation * output);
}
