namespace NeuralPlugin;

/// <summary>
/// An agent's observations at its last decisions of an episode, raw, which its brain reads before those of the present one
/// (<see cref="AgentPopulationOptions.NumStackedVectorObservations"/>). As in ML-Agents, they are zeros before an episode has that many decisions.
/// </summary>
/// <param name="observations">The numbers that an agent observes at a decision.</param>
/// <param name="stacked">The decisions whose observations a brain reads, including the present one.</param>
internal sealed class ObservationHistory(int observations, int stacked)
{
    private readonly float[] past = new float[observations * (stacked - 1)];   // oldest first
    private Demonstration? recorded;
    private int lastRecorded;      // its last decision in that demonstration
    private bool isRecorded;       // the present decision

    /// <summary>Begins an episode.</summary>
    public void Clear()
    {
        Array.Clear(past);
        (recorded, isRecorded) = (null, false);
    }

    /// <summary>Copies the observations before the present ones to the front of a row, oldest first.</summary>
    public void CopyTo(Span<float> row)
    {
        if (past.Length > 0) past.CopyTo(row);
    }

    /// <summary>Adds the observations of a decision that was asked for, or made by the heuristic.</summary>
    public void Add(ReadOnlySpan<float> newest)
    {
        if (!isRecorded) recorded = null;   // the next recorded decision does not continue the previous ones
        isRecorded = false;
        if (past.Length == 0) return;
        past.AsSpan(observations).CopyTo(past);
        newest.CopyTo(past.AsSpan(past.Length - observations));
    }

    /// <summary>Records the present decision, as one that follows on the agent's previous one if that was recorded too.</summary>
    public void RecordInto(Demonstration demonstration, in Decision shown)
    {
        lastRecorded = demonstration.Add(shown, recorded == demonstration ? lastRecorded : -1);
        (recorded, isRecorded) = (demonstration, true);
    }
}
