using System.Numerics.Tensors;

namespace NeuralPlugin.Benchmarks;

/// <summary>
/// The CPU baseline: the classifier of <see cref="TwoLayerClassifier"/> using the vector instructions of
/// System.Numerics.Tensors, on one thread.
/// </summary>
internal sealed class CpuClassifier(ClassifierCase shape, ClassifierParameters start)
{
    private readonly float[] hidden = new float[shape.Batch * shape.Hidden];
    private readonly float[] hiddenGradients = new float[shape.Batch * shape.Hidden];
    private readonly float[] logitGradients = new float[shape.Batch * shape.Classes];
    private readonly ClassifierParameters gradients = new(
        new float[start.HiddenWeights.Length], new float[start.HiddenBiases.Length],
        new float[start.OutputWeights.Length], new float[start.OutputBiases.Length]);

    /// <summary>Steps change them.</summary>
    public ClassifierParameters Parameters { get; } = new(
        [.. start.HiddenWeights], [.. start.HiddenBiases], [.. start.OutputWeights], [.. start.OutputBiases]);

    /// <summary>Y = X·W + b, with X [rows × inputs], W [inputs × outputs] and Y [rows × outputs], written.</summary>
    public static void Dense(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, ReadOnlySpan<float> biases, Span<float> y, int inputs)
    {
        int outputs = biases.Length;
        for (int row = 0; row < y.Length / outputs; row++)
        {
            Span<float> sums = y.Slice(row * outputs, outputs);
            biases.CopyTo(sums);
            for (int i = 0; i < inputs; i++)
                TensorPrimitives.MultiplyAdd(weights.Slice(i * outputs, outputs), x[(row * inputs) + i], sums, sums);
        }
    }

    /// <summary>The probabilities [batch × classes] of features [batch × inputs].</summary>
    public void Predict(ReadOnlySpan<float> features, Span<float> probabilities)
    {
        Dense(features, Parameters.HiddenWeights, Parameters.HiddenBiases, hidden, shape.Inputs);
        TensorPrimitives.Max(hidden, 0f, hidden);
        Dense(hidden, Parameters.OutputWeights, Parameters.OutputBiases, probabilities, shape.Hidden);
        for (int row = 0; row < shape.Batch; row++)
        {
            Span<float> logits = probabilities.Slice(row * shape.Classes, shape.Classes);
            TensorPrimitives.Subtract(logits, TensorPrimitives.Max(logits), logits);
            TensorPrimitives.SoftMax(logits, logits);
        }
    }

    /// <summary>One step of plain gradient descent on the mean cross-entropy.</summary>
    public void TrainBatch(ReadOnlySpan<float> features, ReadOnlySpan<int> labels, float learningRate)
    {
        Predict(features, logitGradients);
        for (int row = 0; row < shape.Batch; row++) logitGradients[(row * shape.Classes) + labels[row]] -= 1;
        TensorPrimitives.Divide(logitGradients, (float)shape.Batch, logitGradients);

        AccumulateProduct(hidden, logitGradients, gradients.OutputWeights, gradients.OutputBiases, shape.Hidden);
        for (int row = 0; row < shape.Batch; row++)
        {
            ReadOnlySpan<float> ofLogits = logitGradients.AsSpan(row * shape.Classes, shape.Classes);
            for (int unit = 0; unit < shape.Hidden; unit++)
            {
                int at = (row * shape.Hidden) + unit;
                hiddenGradients[at] = hidden[at] > 0
                    ? TensorPrimitives.Dot(Parameters.OutputWeights.AsSpan(unit * shape.Classes, shape.Classes), ofLogits) : 0;
            }
        }

        AccumulateProduct(features, hiddenGradients, gradients.HiddenWeights, gradients.HiddenBiases, shape.Inputs);
        Update(Parameters.HiddenWeights, gradients.HiddenWeights, learningRate);
        Update(Parameters.HiddenBiases, gradients.HiddenBiases, learningRate);
        Update(Parameters.OutputWeights, gradients.OutputWeights, learningRate);
        Update(Parameters.OutputBiases, gradients.OutputBiases, learningRate);
    }

    /// <summary>dW = Xᵀ·dY and db = the column sums of dY.</summary>
    private void AccumulateProduct(ReadOnlySpan<float> x, ReadOnlySpan<float> dY, Span<float> dW, Span<float> db, int inputs)
    {
        int outputs = db.Length;
        dW.Clear();
        db.Clear();
        for (int row = 0; row < shape.Batch; row++)
        {
            ReadOnlySpan<float> ofRow = dY.Slice(row * outputs, outputs);
            TensorPrimitives.Add(db, ofRow, db);
            for (int i = 0; i < inputs; i++)
            {
                Span<float> sums = dW.Slice(i * outputs, outputs);
                TensorPrimitives.MultiplyAdd(ofRow, x[(row * inputs) + i], sums, sums);
            }
        }
    }

    private static void Update(Span<float> weights, ReadOnlySpan<float> gradients, float learningRate)
    {
        TensorPrimitives.MultiplyAdd(gradients, -learningRate, weights, weights);
    }
}
