namespace NeuralPlugin;

/// <summary>
/// One agent's last decision, for a developer to inspect: its observations, the actions it could choose from, and its brain's outputs. Made by
/// <see cref="AgentPopulation.Inspect"/>, it is filled in by <see cref="AgentPopulation.Update"/>, which neither waits nor allocates for it once the
/// usual number of decisions is in flight. Read it on the thread of Update, between two calls.
/// </summary>
public sealed class AgentInspector : IDisposable
{
    private const int UsualQuestions = 4;

    private readonly PolicyShape policy;
    private readonly float[] observations;
    private readonly float[] normalized;
    private readonly bool[] allowed;
    private readonly float[] logits;
    private readonly float[] probabilities;
    private readonly float[] means;
    private readonly float[] deviations;
    private readonly List<(long Frame, float[] Observed)> asked = new(UsualQuestions);   // raw, until the answer comes
    private readonly Stack<float[]> spare = new(UsualQuestions);

    internal AgentInspector(Agent agent, AgentPopulationOptions options)
    {
        Agent = agent;
        policy = options.Policy;
        observations = new float[options.StackedObservations];
        normalized = new float[options.StackedObservations];
        allowed = new bool[policy.DiscreteOutputs];
        logits = new float[policy.DiscreteOutputs];
        probabilities = new float[policy.DiscreteOutputs];
        means = new float[policy.Continuous];
        deviations = new float[policy.Continuous];
        for (int i = 0; i < UsualQuestions; i++) spare.Push(new float[observations.Length]);   // now, so that no frame allocates
    }

    /// <summary>The inspected agent.</summary>
    public Agent Agent { get; }

    /// <summary>Decisions since the inspection began; 0 before the first, when everything else is zero too.</summary>
    public long Decisions { get; private set; }

    /// <summary>The frame of these observations (<see cref="AgentPopulation.Frame"/>).</summary>
    public long Frame { get; private set; }

    /// <summary>
    /// Whether the brain decided; false for <see cref="Agent.Heuristic()"/>, whose decisions have no logits, probabilities, means, deviations or
    /// value.
    /// </summary>
    public bool IsByBrain { get; private set; }

    /// <summary>
    /// [observations]: the raw observations, as many as the brain reads; of several decisions, oldest first
    /// (<see cref="AgentPopulationOptions.NumStackedVectorObservations"/>).
    /// </summary>
    public ReadOnlySpan<float> Observations => observations;

    /// <summary>[observations]: the same as the brain reads them, normalized unless <see cref="AgentPopulationOptions.NormalizeObservations"/> is false.</summary>
    public ReadOnlySpan<float> NormalizedObservations => normalized;

    /// <summary>[actions of all discrete branches]: whether the mask allowed the action.</summary>
    public ReadOnlySpan<bool> AllowedActions => allowed;

    /// <summary>[actions of all discrete branches]: the brain's logits z.</summary>
    public ReadOnlySpan<float> Logits => logits;

    /// <summary>[actions of all discrete branches]: p_j = exp(z_j − max z) / Σ exp(z − max z) over the allowed actions of the branch, and 0 for the others.</summary>
    public ReadOnlySpan<float> Probabilities => probabilities;

    /// <summary>[continuous actions]: the means of their normal distributions, which may lie beyond ±1.</summary>
    public ReadOnlySpan<float> Means => means;

    /// <summary>[continuous actions]: the standard deviations of their normal distributions.</summary>
    public ReadOnlySpan<float> Deviations => deviations;

    /// <summary>The expected discounted reward, by the brain's estimate; NaN if it estimates no values (<see cref="ActorCritic"/> does).</summary>
    public float Value { get; private set; } = float.NaN;

    /// <summary>Ends the inspection; the last decision stays. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Agent.Inspector == this) Agent.Inspector = null;
    }

    /// <summary>Notes that the agent asked its brain.</summary>
    internal void Ask(long frame, ReadOnlySpan<float> observed)
    {
        float[] kept = spare.Count > 0 ? spare.Pop() : new float[observations.Length];
        observed.CopyTo(kept);
        asked.Add((frame, kept));
    }

    /// <summary>Notes that the brain's answer is carried out from now on.</summary>
    internal void Decide(DecisionRequest request, int row)
    {
        TakeObservations(request.Frame);
        Note(request.Frame, isByBrain: true, request.Allowed(row));
        request.Observed(row).CopyTo(normalized);
        ReadOnlySpan<float> outputs = request.PolicyOutputs(row);
        outputs[..logits.Length].CopyTo(logits);
        for (int branch = 0; branch < policy.Branches; branch++) Share(policy.FirstOf(branch), policy.EndOf(branch));
        outputs.Slice(logits.Length, means.Length).CopyTo(means);
        for (int i = 0; i < deviations.Length; i++) deviations[i] = MathF.Exp(ComposedPolicyLoss.Held(outputs[logits.Length + means.Length + i]));
        Value = request.EstimatesValues ? request.Value(row) : float.NaN;
    }

    /// <summary>Notes that the agent decided by its heuristic.</summary>
    internal void DecideByItself(long frame, ReadOnlySpan<float> observed, ReadOnlySpan<bool> mask)
    {
        Note(frame, isByBrain: false, mask);
        observed.CopyTo(observations);
        observed.CopyTo(normalized);
        foreach (float[] ofBrain in (ReadOnlySpan<float[]>)[logits, probabilities, means, deviations]) Array.Clear(ofBrain);
        Value = float.NaN;
    }

    private void Note(long frame, bool isByBrain, ReadOnlySpan<bool> mask)
    {
        Decisions++;
        Frame = frame;
        IsByBrain = isByBrain;
        mask.CopyTo(allowed);
    }

    // Questions older than the answered one will get no answer: their episode ended, or the driver skipped them.
    private void TakeObservations(long frame)
    {
        int answered = 0;
        for (; answered < asked.Count && asked[answered].Frame <= frame; answered++)
        {
            if (asked[answered].Frame == frame) asked[answered].Observed.CopyTo(observations, 0);
            spare.Push(asked[answered].Observed);
        }

        asked.RemoveRange(0, answered);
    }

    private void Share(int first, int end)
    {
        float greatest = float.NegativeInfinity, sum = 0;
        for (int i = first; i < end; i++)
        {
            if (allowed[i]) greatest = MathF.Max(greatest, logits[i]);
        }

        for (int i = first; i < end; i++) sum += probabilities[i] = allowed[i] ? MathF.Exp(logits[i] - greatest) : 0;
        for (int i = first; i < end; i++) probabilities[i] /= sum;
    }
}
