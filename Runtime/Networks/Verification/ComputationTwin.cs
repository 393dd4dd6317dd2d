namespace NeuralPlugin;

/// <summary>
/// The computations of plans in double precision, as plain loops: the reference for a device's kernels
/// (Verify). Fused computations run in their parts. It supports all activations and optimizers, and the losses of labels and values; not those of policies.
/// </summary>
/// <param name="rows">Rows of the batch.</param>
/// <param name="labels">The label of each row.</param>
/// <param name="targetValues">[rows × outputs]: the target values, of a loss of values.</param>
/// <param name="step">The step's number for the optimizer, from 1.</param>
internal sealed class ComputationTwin(int rows, IReadOnlyList<int> labels, IReadOnlyList<float> targetValues, long step = 1)
{
    private readonly Dictionary<Operand, double[]> values = [];

    /// <summary>Whether an update has kept an element whose new value would not have been finite.</summary>
    public bool HasKept { get; private set; }

    /// <summary>The content of a matrix, row-major without padding; null if nothing has written it.</summary>
    public double[]? Of(Operand matrix) => values.GetValueOrDefault(matrix);

    /// <summary>The current content of all matrices.</summary>
    public IReadOnlyDictionary<Operand, double[]> Content => values.ToDictionary();

    public void Set(Operand matrix, IEnumerable<double> content) => values[matrix] = [.. content];

    public void Run(Computation computation)
    {
        switch (computation)
        {
            case DenseForward { Activation: null } product:
                values[product.Output] = Forward(values[product.Input], values[product.Parameters], product.Output.Shape.Columns);
                break;
            case DenseBackwardInput { Activation: null } product:
                values[product.InputGradients] =
                    BackwardInput(values[product.OutputGradients], values[product.Parameters], product.InputGradients.Shape.Columns);
                break;
            case DenseBackwardWeights { Update: null, Sum: null } product:
                values[product.Gradients] = BackwardWeights(values[product.Input], values[product.OutputGradients], product.Gradients.Shape);
                break;
            case ActivationForward activation:
                values[activation.Output] = [.. values[activation.Input].Select(x => Activate(activation.Activation, x))];
                break;
            case ActivationBackward activation:
                values[activation.InputGradients] = [.. values[activation.OutputGradients].Zip(values[activation.Output], (dy, y) => DerivativeOf(activation.Activation, y) is not 0 and var slope ? dy * slope : 0)];
                break;
            case SoftmaxForward softmax:
                values[softmax.Probabilities] = [.. RowsOf(softmax.Logits).SelectMany(Softmax)];
                break;
            case LossForward loss:
                values[loss.RowLosses] = [.. RowsOf(loss.Outputs).SelectMany((outputs, row) => RowLoss(loss.Loss, outputs, row))];
                break;
            case LossBackward loss:
                values[loss.OutputGradients] = [.. RowsOf(loss.Outputs).SelectMany((outputs, row) => RowGradient(loss.Loss, outputs, row))];
                break;
            case LossSum sum:
                double[][] losses = [.. RowsOf(sum.RowLosses)];
                values[sum.BatchLoss] = [losses.Sum(row => row[0]) / rows, losses.Sum(row => row[1]), 0, 0];
                break;
            case ParameterUpdate update:
                Update(update);
                break;
            case DenseForwardParts parts:
                values[parts.PartSums] = Parts(parts);
                break;
            case DensePartsSum { Layer.Activation: null } sum:
                values[sum.Layer.Output] = PartsSum(sum);
                break;
            default:
                foreach (Computation part in PartsOf(computation)) Run(part);
                break;
        }
    }

    /// <summary>The parts of a fused computation, one by one.</summary>
    private static IEnumerable<Computation> PartsOf(Computation computation)
    {
        switch (computation)
        {
            case DenseForward { Activation: { } activation } product:
                PlannedMatrix x = Between(product.Output.Shape);
                return [product with { Output = x, Activation = null }, new ActivationForward(activation, x, product.Output)];
            case DenseBackwardInput { Activation: { } activation, Activations: { } outputs } product:
                PlannedMatrix dy = Between(product.InputGradients.Shape);
                return
                [
                    product with { InputGradients = dy, Activation = null, Activations = null },
                    new ActivationBackward(activation, outputs, dy, product.InputGradients),
                ];
            case DenseBackwardWeights product:
                return [product with { Update = null, Sum = null }, .. product.Update.OrNone(), .. product.Sum.OrNone()];
            case DensePartsSum { Layer: { Activation: { } activation } layer } sum:
                PlannedMatrix y = Between(layer.Output.Shape);
                return [sum with { Layer = layer with { Output = y, Activation = null } }, new ActivationForward(activation, y, layer.Output)];
            case TwoLayerUpdate both:
                return [both.Second, both.First];
            case LastLayerSoftmax last:
                PlannedMatrix logits = Between(last.Probabilities.Shape);
                return [.. BeforeOf(last), new DenseForward(last.Hidden, last.OutputParameters, logits), new SoftmaxForward(logits, last.Probabilities)];
            case LastLayerOutputs last:
                return [.. BeforeOf(last), new DenseForward(last.Hidden, last.OutputParameters, last.NetworkOutputs)];
            case LastLayerLoss last:
                PlannedMatrix z = Between(last.OutputGradients.Shape);
                return
                [
                    .. BeforeOf(last), new DenseForward(last.Hidden, last.OutputParameters, z), new LossForward(last.Loss, z, last.Targets, last.RowLosses),
                    new LossBackward(last.Loss, z, last.Targets, last.OutputGradients),
                    .. last.HiddenGradients is not { } dh ? Array.Empty<Computation>() :
                    [
                        new DenseBackwardInput(last.OutputGradients, last.OutputParameters, dh, last.Activation, last.Activation is null ? null : last.Hidden),
                    ],
                ];
            case SmallStep small:
                return
                [
                    small.Hidden, small.Last, small.Sum,
                    new DenseBackwardWeights(small.Last.Hidden, small.Last.OutputGradients, small.OutputUpdate.Gradients, small.OutputUpdate),
                    new DenseBackwardWeights(small.Hidden.Input, small.Last.HiddenGradients!, small.HiddenUpdate.Gradients, small.HiddenUpdate),
                ];
            default:
                throw new NotSupportedException($"The twin does not support {computation}.");
        }
    }

    private static IEnumerable<Computation> BeforeOf(LastLayer last) =>
        last is { Before: { } layer, PartSums: { } sums } ? [new DensePartsSum(layer, sums)] : last.Before.OrNone();

    private static PlannedMatrix Between(MatrixShape shape) => new(shape, "What stands between fused computations");

    private static double[] Softmax(double[] logits)
    {
        double maximum = logits.Max(), sum = logits.Sum(z => Math.Exp(z - maximum));
        return [.. logits.Select(z => Math.Exp(z - maximum) / sum)];
    }

    private IEnumerable<double[]> RowsOf(Operand matrix) => values[matrix].Chunk(matrix.Shape.Columns).Take(rows);

    private double[] Forward(double[] x, double[] parameters, int outputs)
    {
        int inputs = x.Length / rows;
        double[] y = new double[rows * outputs];
        for (int i = 0; i < y.Length; i++)
        {
            (int row, int output) = Math.DivRem(i, outputs);
            y[i] = parameters[(inputs * outputs) + output];
            for (int input = 0; input < inputs; input++) y[i] += x[(row * inputs) + input] * parameters[(input * outputs) + output];
        }

        return y;
    }

    /// <summary>Part p of the sums of an output is p times the padded outputs behind the first.</summary>
    private double[] Parts(DenseForwardParts parts)
    {
        double[] x = values[parts.Layer.Input], w = values[parts.Layer.Parameters];
        (int inputs, int outputs, int columns) = (parts.Layer.Input.Shape.Columns, parts.Layer.Output.Shape.Columns, parts.PartSums.Shape.Columns);
        int padded = MatrixShape.Texels(outputs) * MatrixShape.ColumnsPerTexel;
        double[] sums = new double[rows * columns];
        for (int i = 0; i < rows * outputs * inputs; i++)
        {
            (int element, int input) = Math.DivRem(i, inputs);
            (int row, int output) = Math.DivRem(element, outputs);
            sums[(row * columns) + (input / parts.PartLength * padded) + output] += x[(row * inputs) + input] * w[(input * outputs) + output];
        }

        return sums;
    }

    private double[] PartsSum(DensePartsSum sum)
    {
        double[] parts = values[sum.PartSums], parameters = values[sum.Layer.Parameters];
        (int inputs, int outputs, int columns) = (sum.Layer.Input.Shape.Columns, sum.Layer.Output.Shape.Columns, sum.PartSums.Shape.Columns);
        int padded = MatrixShape.Texels(outputs) * MatrixShape.ColumnsPerTexel;
        double[] y = new double[rows * outputs];
        for (int i = 0; i < y.Length; i++)
        {
            (int row, int output) = Math.DivRem(i, outputs);
            y[i] = parameters[(inputs * outputs) + output];
            for (int first = 0; first < columns; first += padded) y[i] += parts[(row * columns) + first + output];
        }

        return y;
    }

    private double[] BackwardInput(double[] dy, double[] parameters, int inputs)
    {
        int outputs = dy.Length / rows;
        double[] dx = new double[rows * inputs];
        for (int i = 0; i < dx.Length; i++)
        {
            (int row, int input) = Math.DivRem(i, inputs);
            for (int output = 0; output < outputs; output++) dx[i] += dy[(row * outputs) + output] * parameters[(input * outputs) + output];
        }

        return dx;
    }

    /// <summary>The gradients of the weights and, as for an input that is always one, of the biases.</summary>
    private double[] BackwardWeights(double[] x, double[] dy, MatrixShape shape)
    {
        (int inputs, int outputs) = (shape.Rows - 1, shape.Columns);
        double[] gradients = new double[shape.Rows * outputs];
        for (int i = 0; i < gradients.Length; i++)
        {
            (int input, int output) = Math.DivRem(i, outputs);
            for (int row = 0; row < rows; row++) gradients[i] += (input < inputs ? x[(row * inputs) + input] : 1) * dy[(row * outputs) + output];
        }

        return gradients;
    }

    private static double Activate(Activation activation, double x) => activation switch
    {
        Relu => Math.Max(x, 0),
        LeakyRelu leaky => x < 0 ? leaky.NegativeSlope * x : x,
        Tanh => Math.Tanh(x),
        _ => throw new NotSupportedException($"The twin does not support {activation.Name}."),
    };

    /// <summary>The derivative, from the output.</summary>
    private static double DerivativeOf(Activation activation, double y) => activation switch
    {
        Relu => y > 0 ? 1 : 0,
        LeakyRelu leaky => y > 0 ? 1 : leaky.NegativeSlope,
        Tanh => 1 - (y * y),
        _ => throw new NotSupportedException($"The twin does not support {activation.Name}."),
    };

    /// <summary>The loss of a row and whether its prediction is correct: the label's logit is the first maximum.</summary>
    private double[] RowLoss(Loss loss, double[] outputs, int row) => loss switch
    {
        SoftmaxCrossEntropy softmax =>
            [-Math.Log(Softmax(outputs)[labels[row]]) - (softmax.EntropyBonus * Entropy(outputs)), Array.IndexOf(outputs, outputs.Max()) == labels[row] ? 1 : 0, 0, 0],
        MeanSquaredError => [DifferencesOf(outputs, row).Average(d => d * d), 0, 0, 0],
        HuberLoss huber => [DifferencesOf(outputs, row).Average(d => Math.Clamp(d, -huber.Delta, huber.Delta) * (d - (Math.Clamp(d, -huber.Delta, huber.Delta) / 2))), 0, 0, 0],
        _ => throw new NotSupportedException($"The twin does not support {loss.Name}."),
    };

    private IEnumerable<double> RowGradient(Loss loss, double[] outputs, int row)
    {
        switch (loss)
        {
            case SoftmaxCrossEntropy softmax:
                double entropy = Entropy(outputs);
                return Softmax(outputs).Select((p, output) => (p - (output == labels[row] ? 1 : 0) + (softmax.EntropyBonus * p * (Math.Log(p) + entropy))) / rows);
            case MeanSquaredError:
                return DifferencesOf(outputs, row).Select(d => 2 * d / outputs.Length / rows);
            case HuberLoss huber:
                return DifferencesOf(outputs, row).Select(d => Math.Clamp(d, -huber.Delta, huber.Delta) / outputs.Length / rows);
            default:
                throw new NotSupportedException($"The twin does not support {loss.Name}.");
        }
    }

    private static double Entropy(double[] logits) => -Softmax(logits).Sum(p => p * Math.Log(p));

    private IEnumerable<double> DifferencesOf(double[] outputs, int row) => outputs.Select((y, i) => y - targetValues[(row * outputs.Length) + i]);

    /// <summary>A step by the formulas in the optimizers' include files, guarded as by Shaders/Include/guarded_step.glsl.</summary>
    private void Update(ParameterUpdate update)
    {
        double[] w = values[update.Weights.Committed], g = values[update.Gradients];
        double[][] state = [.. update.State.Select(s => values[s.Committed])];
        Step(update, w, g, state);
        (double[] Committed, double[] Pending)[] pairs = [(w, values[update.Weights.Pending]), .. update.State.Select((s, i) => (state[i], values[s.Pending]))];
        for (int i = 0; i < w.Length; i++)
        {
            if (float.IsFinite((float)g[i]) && pairs.All(pair => float.IsFinite((float)pair.Pending[i]))) continue;
            HasKept = true;
            foreach ((double[] committed, double[] pending) in pairs) pending[i] = committed[i];
        }
    }

    private void Step(ParameterUpdate update, double[] w, double[] g, double[][] state)
    {
        double rate = update.OptimizerScalars["learningRate"];
        switch (update.Optimizer)
        {
            case Sgd { Momentum: 0 } sgd:
                values[update.Weights.Pending] = [.. w.Zip(g, (weight, gradient) => weight - (rate * (gradient + (sgd.WeightDecay * weight))))];
                break;
            case Sgd sgd:
                double[] velocity = [.. state[0].Select((v, i) => (sgd.Momentum * v) + g[i] + (sgd.WeightDecay * w[i]))];
                values[update.State[0].Pending] = velocity;
                values[update.Weights.Pending] = [.. w.Select((weight, i) => weight - (rate * velocity[i]))];
                break;
            case Adam adam:
                values[update.Weights.Pending] = [.. Adaptive(update, g, state, adam.Beta1, adam.Beta2, adam.Epsilon).Select((adaptive, i) => w[i] - (rate * adaptive))];
                break;
            case AdamW adam:
                values[update.Weights.Pending] =
                    [.. Adaptive(update, g, state, adam.Beta1, adam.Beta2, adam.Epsilon).Select((adaptive, i) => w[i] - (rate * (adaptive + (adam.WeightDecay * w[i]))))];
                break;
            case RmsProp rms:
                double[] square = [.. state[0].Zip(g, (v, gradient) => (rms.Rho * v) + ((1 - rms.Rho) * gradient * gradient))];
                values[update.State[0].Pending] = square;
                values[update.Weights.Pending] = [.. w.Select((weight, i) => weight - (rate * g[i] / (Math.Sqrt(square[i]) + rms.Epsilon)))];
                break;
            default:
                throw new NotSupportedException($"The twin does not support {update.Optimizer}.");
        }
    }

    /// <summary>The corrected mean of the gradients by the root of that of their squares; both become the new state.</summary>
    private double[] Adaptive(ParameterUpdate update, double[] g, double[][] state, double beta1, double beta2, double epsilon)
    {
        double[] mean = [.. state[0].Zip(g, (m, gradient) => (beta1 * m) + ((1 - beta1) * gradient))];
        double[] variance = [.. state[1].Zip(g, (v, gradient) => (beta2 * v) + ((1 - beta2) * gradient * gradient))];
        (values[update.State[0].Pending], values[update.State[1].Pending]) = (mean, variance);
        return [.. mean.Zip(variance, (m, v) => m / (1 - Math.Pow(beta1, step)) / (Math.Sqrt(v / (1 - Math.Pow(beta2, step))) + epsilon))];
    }
}

/// <summary>Computations that may be absent among the parts.</summary>
file static class OptionalComputation
{
    public static IEnumerable<T> OrNone<T>(this T? part) where T : Computation => part is null ? [] : [part];
}
