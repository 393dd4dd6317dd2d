namespace NeuralPlugin;

/// <summary>What a brain's value output v means in rewards: Mean + Deviation·v. The mean and the deviation are those of returns, as far as they are known.</summary>
internal readonly record struct ValueScale(float Mean, float Deviation)
{
    /// <summary>The value that an output stands for.</summary>
    public float Of(float output) => Mean + (Deviation * output);
}
