namespace NeuralPlugin;

/// <summary>
/// What a rollout needs between being full and being learned from: advantages, the order by brain, and the sums of each brain's returns. There may be a million decisions, so
/// it goes on in pieces, in as many frames as it takes. Allocates nothing.
/// </summary>
/// <param name="brains">The brains that learn.</param>
/// <param name="options">How they learn.</param>
internal sealed class RolloutPreparation(Brains brains, ActorCritic options)
{
    /// <summary>
    /// The decisions of a piece, each counted when its advantage is computed and once more when it is sorted, and the pieces of a frame whose budget is in steps: a rollout of
    /// 8,192 decisions or fewer is prepared in one frame, a larger one with at least eight of each agent's in every frame, which takes an eighth of the time until the next one is full.
    /// </summary>
    private const int DecisionsOfAPiece = 1024, PiecesOfAFrame = 16, DecisionsOfAnAgent = 8;

    private readonly ReturnSums[] sums = new ReturnSums[brains.Count];
    private int observed;

    /// <summary>The decisions that it has come to, each twice by its end; -1 if there is no rollout to prepare.</summary>
    public int Done { get; private set; } = -1;

    /// <summary>Whether a rollout is being prepared.</summary>
    public bool IsUnderWay => Done >= 0;

    /// <summary>The sums of a brain's decisions.</summary>
    public ref readonly ReturnSums Of(int brain) => ref sums[brain];

    /// <summary>Begins anew, with a rollout whose closing has begun.</summary>
    public void Begin()
    {
        (Done, observed) = (0, 0);
        Array.Clear(sums);
    }

    /// <summary>Continues, as far as the budget of the frame allows.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="agents">The number of agents that learn.</param>
    /// <returns>Whether it has ended.</returns>
    public bool Continue(Rollout rollout, StepBudget budget, int agents)
    {
        int most = Math.Max(PiecesOfAFrame, MatrixShape.CeilingDivide(2 * DecisionsOfAnAgent * agents, DecisionsOfAPiece));
        for (int piece = 0; budget.HasTimeForAPiece(piece, most); piece++)
        {
            Prepare(rollout, DecisionsOfAPiece);
            if (!HasAllOf(rollout)) continue;
            Done = -1;
            return true;
        }

        return false;
    }

    /// <summary>Repeats what a saved run had come to.</summary>
    public void Repeat(Rollout rollout, int done)
    {
        while (Done < done && !HasAllOf(rollout)) Prepare(rollout, done - Done);
    }

    private bool HasAllOf(Rollout rollout) => rollout.IsClosed && observed == rollout.Complete.Length;

    private void Prepare(Rollout rollout, int most)
    {
        if (!rollout.IsClosed)
        {
            Done += rollout.CloseSome(options.Discount, options.Lambda, most);
            return;
        }

        if (HasAllOf(rollout)) return;
        ReadOnlySpan<int> some = brains.AreOwn ? rollout.SortSome(most) : rollout.Complete.Slice(observed, Math.Min(most, rollout.Complete.Length - observed));
        ReadOnlySpan<float> drifts = rollout.Drifts;
        foreach (int at in some)
        {
            ref ReturnSums own = ref sums[brains.BrainOf(rollout.Owners[at])];
            own.Add(rollout.Returns[at], rollout.Values[at], rollout.LogProbabilities[at]);
            if (!drifts.IsEmpty) own.Drift += drifts[at];
        }

        observed += some.Length;
        Done += some.Length;
    }
}

/// <summary>Sums over the decisions of a brain in a rollout.</summary>
internal struct ReturnSums
{
    public int Count;
    public double Sum;
    public double Squares;
    public double Errors;
    public double SquaredErrors;
    public double Logs;
    public double Drift;

    public void Add(double gain, double value, double logProbability)
    {
        double error = gain - value;
        Count++;
        Sum += gain;
        Squares += gain * gain;
        Errors += error;
        SquaredErrors += error * error;
        Logs += logProbability;
    }
}
