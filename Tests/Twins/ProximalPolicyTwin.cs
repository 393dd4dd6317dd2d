using static NeuralPlugin.Tests.Twins.TwinArrays;

namespace NeuralPlugin.Tests.Twins;

/// <summary>
/// The clipped objective of proximal policy optimization with a value after the logits, in double precision. The outputs of a row are the logits of the
/// actions and then the value v. With p the softmax over the allowed actions, a the action, A its advantage, R the return and q = log pₐ when it was chosen:
/// <code>ρ = exp(clamp(log pₐ − q, ±20)),  rowᵢ = −min(ρ·A, clamp(ρ, 1 − ε, 1 + ε)·A) − β·H(p) + w·(v − R)² / 2,  loss = Σ rowᵢ / B</code>
/// </summary>
/// <param name="Actions">The number of actions.</param>
/// <param name="ClipRange">ε.</param>
/// <param name="EntropyBonus">β.</param>
/// <param name="ValueWeight">w.</param>
public sealed record ProximalPolicyTwin(int Actions, double ClipRange, double EntropyBonus, double ValueWeight)
{
    private const double MostLogRatio = 20;

    private int Outputs => Actions + 1;

    /// <summary>For each row: the loss, ρ − 1 − log ρ, H(p) and (v − R)² / 2.</summary>
    /// <param name="outputs">[rows × actions + 1].</param>
    /// <param name="decisions">The decisions.</param>
    public double[] Forward(ReadOnlySpan<double> outputs, ProximalPolicyTwinDecisions decisions)
    {
        int rows = decisions.Actions.Length;
        RequireLength(outputs.Length, rows, Outputs, "The outputs");
        double[] result = new double[rows * 4];
        for (int row = 0; row < rows; row++)
        {
            (_, double entropy, double ratio, double logRatio) = Policy(outputs, decisions, row);
            double advantage = decisions.Advantages[row], error = outputs[(row * Outputs) + Actions] - decisions.Returns[row];
            double objective = Math.Min(ratio * advantage, Math.Clamp(ratio, 1 - ClipRange, 1 + ClipRange) * advantage);
            result[row * 4] = -objective - (EntropyBonus * entropy) + (ValueWeight * error * error / 2);
            result[(row * 4) + 1] = ratio - 1 - logRatio;
            result[(row * 4) + 2] = entropy;
            result[(row * 4) + 3] = error * error / 2;
        }

        return result;
    }

    /// <summary>The mean of the rows' losses.</summary>
    public double Loss(ReadOnlySpan<double> outputs, ProximalPolicyTwinDecisions decisions)
    {
        double[] rows = Forward(outputs, decisions);
        return Enumerable.Range(0, decisions.Actions.Length).Average(row => rows[row * 4]);
    }

    /// <summary>The gradient of <see cref="Loss"/> with respect to the outputs: with ∂log pₐ/∂zⱼ = 1{j = a} − pⱼ, where the objective has a slope.</summary>
    public double[] Backward(ReadOnlySpan<double> outputs, ProximalPolicyTwinDecisions decisions)
    {
        int rows = decisions.Actions.Length;
        double[] gradients = new double[rows * Outputs];
        for (int row = 0; row < rows; row++)
        {
            (double[] logs, double entropy, double ratio, _) = Policy(outputs, decisions, row);
            double advantage = decisions.Advantages[row];
            bool hasSlope = advantage >= 0 ? ratio < 1 + ClipRange : ratio > 1 - ClipRange;
            for (int j = 0; j < Actions; j++)
            {
                if (double.IsNegativeInfinity(logs[j])) continue;
                double p = Math.Exp(logs[j]), change = (j == decisions.Actions[row] ? 1 : 0) - p;
                double gradient = (hasSlope ? -advantage * ratio * change : 0) + (p > 0 ? EntropyBonus * p * (logs[j] + entropy) : 0);
                gradients[(row * Outputs) + j] = gradient / rows;
            }

            int value = (row * Outputs) + Actions;
            gradients[value] = ValueWeight * (outputs[value] - decisions.Returns[row]) / rows;
        }

        return gradients;
    }

    private (double[] Logs, double Entropy, double Ratio, double LogRatio) Policy(ReadOnlySpan<double> outputs, ProximalPolicyTwinDecisions decisions, int row)
    {
        double[] logs = SoftmaxTwin.LogSoftmaxForward(
            outputs.Slice(row * Outputs, Actions), 1, Actions, decisions.Allowed.AsSpan(row * Actions, Actions));
        double entropy = -logs.Sum(log => double.IsNegativeInfinity(log) || Math.Exp(log) == 0 ? 0 : Math.Exp(log) * log);
        double logRatio = Math.Clamp(logs[decisions.Actions[row]] - decisions.LogProbabilities[row], -MostLogRatio, MostLogRatio);
        return (logs, entropy, Math.Exp(logRatio), logRatio);
    }
}

/// <summary>Decisions, one per row.</summary>
/// <param name="Actions">a.</param>
/// <param name="Advantages">A.</param>
/// <param name="LogProbabilities">q.</param>
/// <param name="Returns">R.</param>
/// <param name="Allowed">[rows × actions].</param>
public sealed record ProximalPolicyTwinDecisions(int[] Actions, double[] Advantages, double[] LogProbabilities, double[] Returns, bool[] Allowed)
{
    /// <summary>Decisions that may come from the policy of the outputs when its log-probabilities differed from the current ones by up to the distance.</summary>
    public static ProximalPolicyTwinDecisions Make(int seed, ReadOnlySpan<float> outputs, int rows, int actions, bool isMasked, double distance = 0.5)
    {
        int[] chosen = Labels(seed, rows, actions);
        bool[] allowed = isMasked ? Mask(seed + 1, chosen, actions) : [.. Enumerable.Repeat(true, rows * actions)];
        double[] noise = Uniform(seed + 2, rows, -distance, distance), logs = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double[] logits = ToDouble(outputs.Slice(row * (actions + 1), actions));
            logs[row] = (float)(SoftmaxTwin.LogSoftmaxForward(logits, 1, actions, allowed.AsSpan(row * actions, actions))[chosen[row]] + noise[row]);
        }

        return new ProximalPolicyTwinDecisions(
            chosen, ToDouble(UniformFloats(seed + 3, rows, -2, 2)), logs, ToDouble(UniformFloats(seed + 4, rows, -2, 2)), allowed);
    }
}
