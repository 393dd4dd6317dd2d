using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Benchmarks;

/// <summary>A two-layer classifier and its batch, with fixed data: the peers have the same list.</summary>
public sealed record ClassifierCase(int Batch, int Inputs, int Hidden, int Classes)
{
    public const float LearningRate = 0.1f;

    /// <summary>From tiny to a step of 2 GFLOP, in the peers' order.</summary>
    public static readonly ClassifierCase[] All =
        [new(32, 16, 32, 4), new(32, 64, 32, 10), new(64, 784, 128, 10), new(128, 784, 256, 10), new(256, 784, 1024, 10)];

    public string Shape => $"B{Batch} {Inputs}-{Hidden}-{Classes}";

    /// <summary>Operations of a step's five matrix products: both layers forward and for their weights, the second also for its input.</summary>
    public double TrainOperations => 2.0 * Batch * ((2.0 * Inputs * Hidden) + (3.0 * Hidden * Classes));

    /// <summary>Whether a step takes less time than passing a dispatch to a driver's workers and back.</summary>
    public bool IsTiny => TrainOperations <= 1e6;

    public double PredictOperations => 2.0 * Batch * (((double)Inputs * Hidden) + ((double)Hidden * Classes));

    public float[] Features(int seed = 1) => TwinArrays.UniformFloats(seed, Batch * Inputs, -1, 1);

    public int[] Labels(int seed = 2) => TwinArrays.Labels(seed, Batch, Classes);

    /// <summary>The classifier's twin in double precision, with the same weights.</summary>
    public NetworkTwin Twin(ClassifierParameters weights)
    {
        return new NetworkTwin(
            Inputs, new DenseLayerTwin(Inputs, Hidden, weights.HiddenWeights, weights.HiddenBiases), new ReluLayerTwin(),
            new DenseLayerTwin(Hidden, Classes, weights.OutputWeights, weights.OutputBiases));
    }

    public override string ToString() => Shape;
}
