namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// A stack of layers followed by a softmax and its cross-entropy, in double precision; the gradients follow from the stack by the
/// chain rule. Losses are those of <see cref="SoftmaxCrossEntropyTwin"/>; a batch has as many rows as labels.
/// </summary>
public sealed class NetworkTwin
{
    /// <summary>A stack whose features have <paramref name="inputs"/> columns.</summary>
    /// <exception cref="ArgumentException">There is no layer, or one does not fit the one before it.</exception>
    public NetworkTwin(int inputs, params LayerTwin[] layers)
    {
        if (layers.Length == 0)
            throw new ArgumentException("A network has at least one layer.");
        Inputs = inputs;
        Layers = [.. layers];
        Classes = inputs;
        foreach (LayerTwin layer in layers)
            Classes = layer.OutputsFor(Classes);
        Parameters = [.. layers.SelectMany(layer => layer.Parameters)];
    }

    public int Inputs { get; }

    /// <summary>The columns of the logits.</summary>
    public int Classes { get; }

    public IReadOnlyList<LayerTwin> Layers { get; }

    /// <summary>The live arrays of all layers, from first to last: W₁, b₁, W₂, b₂ …</summary>
    public IReadOnlyList<double[]> Parameters { get; }

    /// <summary>The logits, [rows × classes], of features [rows × inputs].</summary>
    public double[] Forward(ReadOnlySpan<double> features, int rows) => Activations(features, rows)[^1];

    /// <summary>The features, then every layer's output: element i is the input of layer i; the last are the logits.</summary>
    public IReadOnlyList<double[]> Activations(ReadOnlySpan<double> features, int rows)
    {
        TwinArrays.RequireLength(features.Length, rows, Inputs, "The features");
        var activations = new List<double[]> { features.ToArray() };
        foreach (LayerTwin layer in Layers)
            activations.Add(layer.Forward(activations[^1], rows));
        return activations;
    }

    /// <summary>
    /// The smallest |x| given to a ReLU or another layer with a kink; +∞ without one. A gradient is compared only where this is well above the
    /// perturbation and the rounding: at the kink, the two sides rightly disagree.
    /// </summary>
    public double DistanceFromKink(ReadOnlySpan<double> features, int rows)
    {
        IReadOnlyList<double[]> activations = Activations(features, rows);
        double smallest = double.PositiveInfinity;
        for (int i = 0; i < Layers.Count; i++)
        {
            if (!Layers[i].HasKinkAtZero)
                continue;
            foreach (double x in activations[i])
                smallest = Math.Min(smallest, Math.Abs(x));
        }
        return smallest;
    }

    /// <summary>The loss of the batch.</summary>
    /// <param name="features">[rows × inputs].</param>
    /// <param name="labels">One class per row.</param>
    /// <param name="sampleWeights">One per row; empty for all 1.</param>
    /// <param name="allowed">True where a class is allowed, [rows × classes]; empty allows all.</param>
    /// <param name="entropyBonus">β.</param>
    public double Loss(
        ReadOnlySpan<double> features, ReadOnlySpan<int> labels,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0) =>
        Evaluate(features, labels, sampleWeights, allowed, entropyBonus).Loss;

    /// <summary>The probabilities, the losses of the rows and of the batch, and the correct count.</summary>
    /// <inheritdoc cref="Loss"/>
    public SoftmaxCrossEntropyTwinResult Evaluate(
        ReadOnlySpan<double> features, ReadOnlySpan<int> labels,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0) =>
        SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyForward(
            Forward(features, labels.Length), labels, Classes, sampleWeights, allowed, entropyBonus);

    /// <summary>The gradients of the batch's loss with respect to every parameter and to the features.</summary>
    /// <inheritdoc cref="Loss"/>
    public NetworkTwinGradients Gradients(
        ReadOnlySpan<double> features, ReadOnlySpan<int> labels,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0)
    {
        int rows = labels.Length;
        IReadOnlyList<double[]> activations = Activations(features, rows);
        double[] logits = activations[^1];
        SoftmaxCrossEntropyTwinResult forward = SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyForward(
            logits, labels, Classes, sampleWeights, allowed, entropyBonus);
        double[] gradient = SoftmaxCrossEntropyTwin.SoftmaxCrossEntropyBackward(
            logits, labels, Classes, sampleWeights, allowed, entropyBonus);

        (IReadOnlyList<double[]> parameters, double[] input) = Backward(activations, gradient, rows);
        return new NetworkTwinGradients(forward, parameters, input);
    }

    /// <summary>
    /// The gradients with respect to every parameter, in the order and shapes of <see cref="Parameters"/>, and to the features, from those of any loss
    /// with respect to the outputs.
    /// </summary>
    /// <param name="activations">The result of <see cref="Activations"/>.</param>
    /// <param name="outputGradients">[rows × outputs].</param>
    /// <param name="rows">The rows of both.</param>
    public (IReadOnlyList<double[]> Parameters, double[] Input) Backward(IReadOnlyList<double[]> activations, double[] outputGradients, int rows)
    {
        double[] gradient = outputGradients;
        var parameters = new List<double[]>();
        for (int i = Layers.Count - 1; i >= 0; i--)
        {
            LayerTwinGradients layer = Layers[i].Backward(activations[i], gradient, rows);
            parameters.InsertRange(0, layer.Parameters);
            gradient = layer.Input;
        }
        return (parameters, gradient);
    }

    /// <summary>One step of the optimizer on the batch; returns the network's results before it.</summary>
    /// <inheritdoc cref="Loss"/>
    public SoftmaxCrossEntropyTwinResult Step(
        OptimizerTwin optimizer, ReadOnlySpan<double> features, ReadOnlySpan<int> labels,
        ReadOnlySpan<double> sampleWeights = default, ReadOnlySpan<bool> allowed = default, double entropyBonus = 0)
    {
        NetworkTwinGradients gradients = Gradients(features, labels, sampleWeights, allowed, entropyBonus);
        optimizer.Step(Parameters, gradients.Parameters);
        return gradients.Forward;
    }
}

/// <summary>The result of <see cref="NetworkTwin.Gradients"/>.</summary>
/// <param name="Forward">The forward pass of the same batch.</param>
/// <param name="Parameters">In the order and shapes of <see cref="NetworkTwin.Parameters"/>.</param>
/// <param name="Input">With respect to the features, [rows × inputs].</param>
public sealed record NetworkTwinGradients(
    SoftmaxCrossEntropyTwinResult Forward, IReadOnlyList<double[]> Parameters, double[] Input);
