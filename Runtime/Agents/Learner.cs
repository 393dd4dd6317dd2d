namespace NeuralPlugin;

/// <summary>
/// Turns what agents do and show into training steps. What it takes in, it says by the interfaces that it implements:
/// <see cref="ILearnsFromReward"/>, <see cref="ILearnsFromDemonstrations"/>, or both.
/// </summary>
internal abstract class Learner
{
    /// <summary>Steps that were enqueued.</summary>
    public long Steps { get; private set; }

    /// <summary>Decisions that were never learned from, since others came faster than steps.</summary>
    public long SkippedDecisions { get; protected set; }

    /// <summary>Enqueues steps while there is room for one and something to learn from.</summary>
    /// <param name="budget">That of this frame, which was begun.</param>
    /// <param name="agents">Agents that learn.</param>
    /// <returns>Whether more steps would have found nothing to learn from.</returns>
    public bool Train(StepBudget budget, int agents)
    {
        while (budget.HasRoom())
        {
            budget.BeginStep();
            if (!Step(agents)) return true;
            budget.EndStep();
            Steps++;
        }

        return false;
    }

    /// <summary>Enqueues a step, if there is enough to learn from.</summary>
    /// <param name="agents">Agents that learn.</param>
    /// <returns>Whether there was.</returns>
    protected abstract bool Step(int agents);
}

/// <summary>A learner that takes in what agents decide and what it brings.</summary>
internal interface ILearnsFromReward
{
    /// <summary>An agent carries a decision out from now on.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">What it does; its observations are normalized.</param>
    void Decide(int agent, in Decision decision);

    /// <summary>What the decision that an agent carries out has brought.</summary>
    void Reward(int agent, float reward);

    /// <summary>An agent's episode is over; where it was cut off, what would have come is estimated.</summary>
    void EndEpisode(int agent, bool isCutOff);
}

/// <summary>A learner that takes in what agents show.</summary>
internal interface ILearnsFromDemonstrations
{
    /// <summary>An agent showed what to do.</summary>
    /// <param name="agent">Its number.</param>
    /// <param name="decision">What it showed; its observations are raw.</param>
    void Demonstrate(int agent, in Decision decision);
}
