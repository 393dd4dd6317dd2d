using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The losses of actions of several numbers, in double precision. The outputs of a row are the logits of discrete branches, the means μ of continuous actions, the logarithms s of their deviations and,
/// with a value, v. With x the action, z = (x − μ)·exp(−s), s held within [−5, 2]:
/// <code>log p = Σ_branches log softmax_chosen + Σ_actions (−z²/2 − s − ½ log 2π),  H = Σ_branches H(softmax) + Σ_actions (½ + s + ½ log 2π)</code>
/// and either the clipped objective of <see cref="ProximalPolicyTwin"/> of log p and H, or −w·log p − β·H.
/// </summary>
/// <para>Rows with a weight w have w times that or, where w is negative, w·log p. Where D = KL(p ‖ reference) is above a bound, pull·(D − bound) stands for the objective and the entropy.</para>
/// <param name="Branches">Actions of each discrete branch.</param>
/// <param name="Continuous">Continuous actions.</param>
/// <param name="EntropyBonus">β.</param>
/// <param name="Proximal">The clip range ε and the weight of the value; null for −w·log p − β·H, without a value.</param>
public sealed record ComposedPolicyTwin(int[] Branches, int Continuous, double EntropyBonus, (double ClipRange, double ValueWeight)? Proximal)
{
    /// <summary>The bound on D and the pull beyond it; null for none.</summary>
    public (double Most, double Pull)? Bound { get; init; }

    private const double MostLogRatio = 20, LeastLogDeviation = -5, MostLogDeviation = 2;

    private static readonly double HalfLogTwoPi = 0.5 * Math.Log(2 * Math.PI);

    /// <summary>Logits of all branches.</summary>
    public int Discrete => Branches.Sum();

    /// <summary>Outputs of a row.</summary>
    public int Outputs => Discrete + (2 * Continuous) + (Proximal is null ? 0 : 1);

    /// <summary>Numbers of an action.</summary>
    public int Numbers => Branches.Length + Continuous;

    /// <summary>Of each row: the loss and, of the clipped objective, ρ − 1 − log ρ, H and (v − R)² / 2.</summary>
    public double[] Forward(ReadOnlySpan<double> outputs, ComposedPolicyTwinDecisions decisions)
    {
        int rows = decisions.Weights.Length;
        RequireLength(outputs.Length, rows, Outputs, "The outputs");
        double[] result = new double[rows * 4];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<double> y = outputs.Slice(row * Outputs, Outputs);
            (double logP, double entropy) = Policy(y, decisions, row);
            double weight = decisions.Weights[row];
            if (Proximal is not ({ } clipRange, { } valueWeight))
            {
                result[row * 4] = -(weight * logP) - (EntropyBonus * entropy);
                continue;
            }

            double logRatio = Math.Clamp(logP - decisions.LogProbabilities[row], -MostLogRatio, MostLogRatio), ratio = Math.Exp(logRatio);
            double error = y[^1] - decisions.Returns[row], objective = Math.Min(ratio * weight, Math.Clamp(ratio, 1 - clipRange, 1 + clipRange) * weight);
            double ofRow = decisions.RowWeights?[row] ?? 1;
            if (ofRow < 0)
            {
                result[row * 4] = ofRow * logP;
                continue;
            }

            double ofPolicy = Excess(y, decisions, row) is { } excess ? Bound!.Value.Pull * excess : -objective - (EntropyBonus * entropy);
            result[row * 4] = ofRow * (ofPolicy + (valueWeight * error * error / 2));
            result[(row * 4) + 1] = ofRow * (ratio - 1 - logRatio);
            result[(row * 4) + 2] = ofRow * entropy;
            result[(row * 4) + 3] = ofRow * error * error / 2;
        }

        return result;
    }

    /// <summary>The mean of the losses of the rows.</summary>
    public double Loss(ReadOnlySpan<double> outputs, ComposedPolicyTwinDecisions decisions)
    {
        double[] rows = Forward(outputs, decisions);
        return Enumerable.Range(0, decisions.Weights.Length).Average(row => rows[row * 4]);
    }

    /// <summary>The gradient of <see cref="Loss"/> with respect to the outputs.</summary>
    public double[] Backward(ReadOnlySpan<double> outputs, ComposedPolicyTwinDecisions decisions)
    {
        int rows = decisions.Weights.Length;
        double[] gradients = new double[rows * Outputs];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<double> y = outputs.Slice(row * Outputs, Outputs);
            Span<double> dy = gradients.AsSpan(row * Outputs, Outputs);
            double ofRow = decisions.RowWeights?[row] ?? 1, slope = SlopeOf(y, decisions, row), bonus = EntropyBonus, pull = 0, factor = Math.Abs(ofRow) / rows;
            if (ofRow < 0) (slope, bonus) = (1, 0);
            else if (Excess(y, decisions, row) is not null) (slope, bonus, pull) = (0, 0, Bound!.Value.Pull);
            int first = 0;
            for (int branch = 0; branch < Branches.Length; first += Branches[branch++])
            {
                double[] logs = LogsOf(y, decisions, row, first, Branches[branch]);
                double entropy = EntropyOf(logs);
                double[] before = pull > 0 ? LogsOf(ReferenceOf(decisions, row), decisions, row, first, Branches[branch]) : logs;
                double drift = DriftOf(logs, before);
                for (int j = 0; j < logs.Length; j++)
                {
                    double p = Math.Exp(logs[j]);
                    if (p == 0) continue;
                    dy[first + j] = ((slope * (p - (j == (int)decisions.Taken[(row * Numbers) + branch] ? 1 : 0))) + (bonus * p * (logs[j] + entropy)) + (pull * p * (logs[j] - before[j] - drift))) * factor;
                }
            }

            for (int action = 0; action < Continuous; action++)
            {
                (double z, double s) = NormalOf(y, decisions, row, action);
                (double byMean, double byDeviation) = (0, 0);
                if (pull > 0)
                {
                    ReadOnlySpan<double> reference = ReferenceOf(decisions, row);
                    double before = Math.Clamp(reference[Discrete + Continuous + action], LeastLogDeviation, MostLogDeviation);
                    byMean = pull * (y[Discrete + action] - reference[Discrete + action]) * Math.Exp(-2 * before);
                    byDeviation = pull * (Math.Exp(2 * (s - before)) - 1);
                }

                dy[Discrete + action] = ((-slope * z * Math.Exp(-s)) + byMean) * factor;
                dy[Discrete + Continuous + action] = ((-slope * ((z * z) - 1)) - bonus + byDeviation) * factor;
            }

            if (Proximal is var (_, valueWeight)) dy[^1] = ofRow < 0 ? 0 : valueWeight * (y[^1] - decisions.Returns[row]) * factor;
        }

        return gradients;
    }

    /// <summary>log p and H of a row.</summary>
    public (double LogP, double Entropy) Policy(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row)
    {
        (double logP, double entropy, int first) = (0, 0, 0);
        for (int branch = 0; branch < Branches.Length; first += Branches[branch++])
        {
            double[] logs = LogsOf(y, decisions, row, first, Branches[branch]);
            logP += logs[(int)decisions.Taken[(row * Numbers) + branch]];
            entropy += EntropyOf(logs);
        }

        for (int action = 0; action < Continuous; action++)
        {
            (double z, double s) = NormalOf(y, decisions, row, action);
            logP += (-z * z / 2) - s - HalfLogTwoPi;
            entropy += 0.5 + s + HalfLogTwoPi;
        }

        return (logP, entropy);
    }

    /// <summary>D: how far the policy of a row is from the reference.</summary>
    public double Drift(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row)
    {
        ReadOnlySpan<double> reference = ReferenceOf(decisions, row);
        (double drift, int first) = (0, 0);
        for (int branch = 0; branch < Branches.Length; first += Branches[branch++])
            drift += DriftOf(LogsOf(y, decisions, row, first, Branches[branch]), LogsOf(reference, decisions, row, first, Branches[branch]));
        for (int action = 0; action < Continuous; action++)
        {
            double s = Math.Clamp(y[Discrete + Continuous + action], LeastLogDeviation, MostLogDeviation), before = Math.Clamp(reference[Discrete + Continuous + action], LeastLogDeviation, MostLogDeviation);
            double distance = y[Discrete + action] - reference[Discrete + action];
            drift += before - s + ((Math.Exp(2 * s) + (distance * distance)) / (2 * Math.Exp(2 * before))) - 0.5;
        }

        return drift;
    }

    private ReadOnlySpan<double> ReferenceOf(ComposedPolicyTwinDecisions decisions, int row) => decisions.Reference.AsSpan(row * (Discrete + (2 * Continuous)), Discrete + (2 * Continuous));

    /// <summary>D beyond the bound; null within.</summary>
    private double? Excess(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row) =>
        Bound is { } bound && Drift(y, decisions, row) - bound.Most is > 0 and double excess ? excess : null;

    private static double DriftOf(double[] logs, double[] before) => logs.Select((log, j) => Math.Exp(log) == 0 ? 0 : Math.Exp(log) * (log - before[j])).Sum();

    private static double EntropyOf(double[] logs) => -logs.Sum(log => Math.Exp(log) == 0 ? 0 : Math.Exp(log) * log);

    private double[] LogsOf(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row, int first, int size) =>
        SoftmaxTwin.LogSoftmaxForward(y.Slice(first, size), 1, size, decisions.Allowed.AsSpan((row * Discrete) + first, size));

    private (double Z, double S) NormalOf(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row, int action)
    {
        double s = Math.Clamp(y[Discrete + Continuous + action], LeastLogDeviation, MostLogDeviation);
        return ((decisions.Taken[(row * Numbers) + Branches.Length + action] - y[Discrete + action]) * Math.Exp(-s), s);
    }

    /// <summary>−∂L / ∂log p.</summary>
    private double SlopeOf(ReadOnlySpan<double> y, ComposedPolicyTwinDecisions decisions, int row)
    {
        double weight = decisions.Weights[row];
        if (Proximal is not var (clipRange, _)) return weight;
        double ratio = Math.Exp(Math.Clamp(Policy(y, decisions, row).LogP - decisions.LogProbabilities[row], -MostLogRatio, MostLogRatio));
        bool hasSlope = weight >= 0 ? ratio < 1 + clipRange : ratio > 1 - clipRange;
        return hasSlope ? weight * ratio : 0;
    }
}

/// <summary>Decisions, one per row.</summary>
/// <param name="Taken">[rows × numbers of an action].</param>
/// <param name="Weights">A, or w.</param>
/// <param name="LogProbabilities">log p when it was chosen.</param>
/// <param name="Returns">R.</param>
/// <param name="Allowed">[rows × discrete actions].</param>
public sealed record ComposedPolicyTwinDecisions(double[] Taken, double[] Weights, double[] LogProbabilities, double[] Returns, bool[] Allowed)
{
    /// <summary>[rows]; null for 1 each.</summary>
    public double[]? RowWeights { get; init; }

    /// <summary>[rows × outputs of a policy]: those of the reference.</summary>
    public double[] Reference { get; init; } = [];

    /// <summary>The same with weights, a third of them of demonstrated actions, and a reference near the outputs.</summary>
    public ComposedPolicyTwinDecisions Steered(int seed, ComposedPolicyTwin twin, ReadOnlySpan<float> outputs)
    {
        int rows = Weights.Length, columns = twin.Discrete + (2 * twin.Continuous);
        float[] noise = UniformFloats(seed, rows * Math.Max(columns, 1), -1, 1), weights = UniformFloats(seed + 1, rows, 0.5, 2);
        double[] reference = new double[rows * columns];
        for (int i = 0; i < reference.Length; i++) reference[i] = outputs[(i / columns * twin.Outputs) + (i % columns)] + noise[i];
        for (int i = 0; i < reference.Length; i++) reference[i] = (float)reference[i];
        return this with { RowWeights = [.. weights.Select((weight, row) => row % 3 == 2 ? -weight : (double)weight)], Reference = reference };
    }

    /// <summary>Decisions that the policy of the outputs may have made when its log-probabilities differed from the current ones by up to the distance.</summary>
    public static ComposedPolicyTwinDecisions Make(int seed, ComposedPolicyTwin twin, ReadOnlySpan<float> outputs, int rows, bool isMasked, double distance = 0.5)
    {
        double[] taken = new double[rows * twin.Numbers];
        bool[] allowed = [.. Enumerable.Repeat(true, rows * twin.Discrete)];
        int first = 0;
        for (int branch = 0; branch < twin.Branches.Length; first += twin.Branches[branch++])
        {
            int size = twin.Branches[branch];
            int[] chosen = Labels(seed + branch, rows, size);
            bool[] mask = isMasked ? Mask(seed + 10 + branch, chosen, size) : [.. Enumerable.Repeat(true, rows * size)];
            for (int row = 0; row < rows; row++)
            {
                taken[(row * twin.Numbers) + branch] = chosen[row];
                mask.AsSpan(row * size, size).CopyTo(allowed.AsSpan((row * twin.Discrete) + first));
            }
        }

        float[] continuous = UniformFloats(seed + 20, rows * Math.Max(twin.Continuous, 1), -2, 2);
        for (int i = 0; i < rows * twin.Continuous; i++) taken[(i / twin.Continuous * twin.Numbers) + twin.Branches.Length + (i % twin.Continuous)] = continuous[i];
        ComposedPolicyTwinDecisions decisions = new(taken, ToDouble(UniformFloats(seed + 3, rows, -2, 2)), new double[rows], ToDouble(UniformFloats(seed + 4, rows, -2, 2)), allowed);
        double[] noise = Uniform(seed + 2, rows, -distance, distance);
        for (int row = 0; row < rows; row++)
            decisions.LogProbabilities[row] = (float)(twin.Policy(ToDouble(outputs.Slice(row * twin.Outputs, twin.Outputs)), decisions, row).LogP + noise[row]);
        return decisions;
    }
}
