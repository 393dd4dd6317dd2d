namespace NeuralPlugin;

/// <summary>
/// The computations of plans in double precision, as plain loops: the reference for a device's kernels
/// (<see cref="DeviceVerification"/>). Fused computations run in their parts. It supports the activations, losses and optimizers that the verification uses.
/// </summary>
/// <param name="rows">Rows of the batch.</param>
/// <param name="labels">The label of each row.</param>
internal sealed class ComputationTwin(int rows, IReadOnlyList<int> labels)
{
    private readonly Dictionary<Operand, double[]> values = [];

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
            case ActivationForward { Activation: Relu } relu:
                values[relu.Output] = [.. values[relu.Input].Select(x => Math.Max(x, 0))];
                break;
            case ActivationBackward { Activation: Relu } relu:
                values[relu.InputGradients] = [.. values[relu.OutputGradients].Zip(values[relu.Output], (dy, y) => y > 0 ? dy : 0)];
                break;
            case SoftmaxForward softmax:
                values[softmax.Probabilities] = [.. RowsOf(softmax.Logits).SelectMany(Softmax)];
                break;
            case LossForward { Loss: SoftmaxCrossEntropy { EntropyBonus: 0 } } loss:
                values[loss.RowLosses] = [.. RowsOf(loss.Outputs).SelectMany(RowLoss)];
                break;
            case LossBackward { Loss: SoftmaxCrossEntropy { EntropyBonus: 0 } } loss:
                values[loss.OutputGradients] = [.. RowsOf(loss.Outputs).SelectMany(RowGradient)];
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
            case SmallStep step:
                return
                [
                    step.Hidden, step.Last, step.Sum,
                    new DenseBackwardWeights(step.Last.Hidden, step.Last.OutputGradients, step.OutputUpdate.Gradients, step.OutputUpdate),
                    new DenseBackwardWeights(step.Hidden.Input, step.Last.HiddenGradients!, step.HiddenUpdate.Gradients, step.HiddenUpdate),
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

    /// <summary>−log p of the label, and whether its logit is the first maximum.</summary>
    private double[] RowLoss(double[] logits, int row)
    {
        double loss = -Math.Log(Softmax(logits)[labels[row]]);
        return [loss, Array.IndexOf(logits, logits.Max()) == labels[row] ? 1 : 0, 0, 0];
    }

    private IEnumerable<double> RowGradient(double[] logits, int row) =>
        Softmax(logits).Select((p, output) => (p - (output == labels[row] ? 1 : 0)) / rows);

    /// <summary>The first step, by the formulas in the optimizers' include files, guarded as by Shaders/Include/guarded_step.glsl.</summary>
    private void Update(ParameterUpdate update)
    {
        double[] w = values[update.Weights.Committed], g = values[update.Gradients];
        double[][] state = [.. update.State.Select(s => values[s.Committed])];
        Step(update, w, g, state);
        (double[] Committed, double[] Pending)[] pairs = [(w, values[update.Weights.Pending]), .. update.State.Select((s, i) => (state[i], values[s.Pending]))];
        for (int i = 0; i < w.Length; i++)
        {
            if (float.IsFinite((float)g[i]) && pairs.All(pair => float.IsFinite((float)pair.Pending[i]))) continue;
            foreach ((double[] committed, double[] pending) in pairs) pending[i] = committed[i];
        }
    }

    private void Step(ParameterUpdate update, double[] w, double[] g, double[][] state)
    {
        double rate = update.Optimizer.LearningRate;
        switch (update.Optimizer)
        {
            case Sgd { Momentum: 0 } sgd:
                values[update.Weights.Pending] = [.. w.Zip(g, (weight, gradient) => weight - (rate * (gradient + (sgd.WeightDecay * weight))))];
                break;
            case Adam adam:
                double[] mean = [.. state[0].Zip(g, (m, gradient) => (adam.Beta1 * m) + ((1 - adam.Beta1) * gradient))];
                double[] variance = [.. state[1].Zip(g, (v, gradient) => (adam.Beta2 * v) + ((1 - adam.Beta2) * gradient * gradient))];
                (values[update.State[0].Pending], values[update.State[1].Pending]) = (mean, variance);
                values[update.Weights.Pending] =
                [
                    .. w.Select((weight, i) => weight - (rate * mean[i] / (1 - adam.Beta1) / (Math.Sqrt(variance[i] / (1 - adam.Beta2)) + adam.Epsilon))),
                ];
                break;
            default:
                throw new NotSupportedException($"The twin does not support {update.Optimizer}.");
        }
    }
}

/// <summary>Computations that may be absent among the parts.</summary>
file static class OptionalComputation
{
    public static IEnumerable<T> OrNone<T>(this T? part) where T : Computation => part is null ? [] : [part];
}
