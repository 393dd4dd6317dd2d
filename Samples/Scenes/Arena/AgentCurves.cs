using SkiaSharp;

namespace NeuralPlugin.Samples;

/// <summary>The numbers of agents' progress as curves: those that there are for their way to learn.</summary>
internal sealed class AgentCurves
{
    private readonly CurveRow row = new();
    private readonly CurveRow.Curve reward;
    private readonly CurveRow.Curve length;
    private readonly CurveRow.Curve entropy;
    private readonly CurveRow.Curve policyLoss;
    private readonly CurveRow.Curve valueLoss;
    private readonly CurveRow.Curve divergence;
    private readonly CurveRow.Curve explainedVariance;

    public AgentCurves()
    {
        reward = row.Add("mean episode reward", "F1");
        length = row.Add("mean episode length", "F0");
        entropy = row.Add("entropy, in nats", "F2");
        policyLoss = row.Add("policy loss", "F3");
        valueLoss = row.Add("value loss", "F2");
        divergence = row.Add("KL divergence", "F4");
        explainedVariance = row.Add("explained variance", "F2");
    }

    /// <summary>Adds a frame.</summary>
    /// <param name="progress">The agents' progress.</param>
    /// <param name="inspectedEntropy">The entropy of inspected agents, for brains whose steps report none.</param>
    public void Add(AgentProgress progress, double inspectedEntropy)
    {
        reward.Add(progress.MeanEpisodeReward);
        length.Add(progress.MeanEpisodeLength);
        entropy.Add(float.IsNaN(progress.Entropy) ? inspectedEntropy : progress.Entropy);
        policyLoss.Add(progress.PolicyLoss);
        valueLoss.Add(progress.ValueLoss);
        divergence.Add(progress.Divergence);
        explainedVariance.Add(progress.ExplainedVariance);
    }

    public void Draw(SceneSheet sheet, SKRect place) => row.Draw(sheet, place);
}
