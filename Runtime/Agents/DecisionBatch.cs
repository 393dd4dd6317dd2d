namespace NeuralPlugin;

/// <summary>
/// The decisions of a training step, the same number for each brain. A learner fills it row by row and enqueues a step on it. Once made, it allocates
/// nothing.
/// </summary>
internal sealed class DecisionBatch
{
    private readonly Brains brains;
    private readonly int observations;
    private readonly int actionCount;
    private readonly DecisionRows decisions;
    private readonly PolicyShape policy;
    private readonly int takenNumbers;

    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="size">The maximum number of decisions of each brain.</param>
    public DecisionBatch(Brains brains, AgentPopulationOptions population, int size)
    {
        this.brains = brains;
        observations = population.StackedObservations;
        actionCount = population.Actions;
        Size = Rows = size;
        policy = population.Policy;
        takenNumbers = population.Policy.TakenNumbers;
        decisions = new DecisionRows(checked(brains.Count * size), observations, policy);
    }

    /// <summary>The maximum number of decisions of each brain.</summary>
    public int Size { get; }

    /// <summary>Decisions of each brain in the step that is being filled; all of them, until it is set.</summary>
    public int Rows { get; set; }

    /// <summary>Whether its rows came from a file.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>Sets a row of a brain.</summary>
    /// <returns>Its observations, which may be changed.</returns>
    public Span<float> Set(int brain, int i, in Decision decision, float weight)
    {
        int row = (brain * Rows) + i;
        decisions.Set(row, decision, weight);
        return decisions.Observed(row);
    }

    /// <summary>Sets all rows of a brain to the oldest decisions of its queue.</summary>
    public void SetOldest(int brain, DecisionQueue queue) => queue.CopyOldest(brain, Rows, decisions, brain * Rows);

    /// <summary>
    /// Sets rows of a brain to teach nothing: weight 0, and one allowed action, whose probability is 1 and whose entropy 0 for any weights, so that
    /// an entropy bonus has no gradient either. For continuous actions no entropy is 0: there the weight is NaN, and a brain of its own stays
    /// unchanged. The observations stay as they were.
    /// </summary>
    public void SetNothing(int brain)
    {
        int row = brain * Rows;
        decisions.Looks.AsSpan(row, Rows).Fill(-1);
        decisions.Actions.AsSpan(row, Rows).Clear();
        decisions.Weights.AsSpan(row, Rows).Fill(policy.Continuous > 0 ? float.NaN : 0);
        decisions.Taken.AsSpan(row * takenNumbers, Rows * takenNumbers).Clear();
        Span<bool> masks = decisions.Allowed.AsSpan(row * actionCount, Rows * actionCount);
        masks.Clear();
        for (int i = 0; i < Rows * policy.Branches; i++) masks[(i / policy.Branches * actionCount) + policy.FirstOf(i % policy.Branches)] = true;
    }

    /// <summary>Describes its state for files.</summary>
    /// <param name="form">The population's form.</param>
    /// <param name="prefix">The prefix of its names.</param>
    /// <param name="isNeeded">Whether more steps on it follow.</param>
    public void Describe(StateForm form, string prefix, Func<bool> isNeeded)
    {
        StateRows rows = new(decisions.Actions.Length, () => isNeeded() ? brains.Count * Rows : 0, Begin)
        {
            FindFault = (value, row) => TakenActions.FindFault(policy, value, prefix, row),
        };
        form.Floats($"{prefix}observed", rows, observations, decisions.Features);
        TakenActions.Describe(form, prefix, rows, policy, decisions.Allowed, decisions.Actions, decisions.Taken);
        float[] weights = decisions.Weights;
        form.Add(new StateField($"{prefix}weight", rows, 1, i => float.IsNaN(weights[i]) ? 0 : weights[i], (i, weight) => weights[i] = (float)weight));
        StateRows marked = new(rows.Most, () => policy.Continuous > 0 ? rows.Count() : 0, _ => { });   // files hold no NaN; those of older versions have no marks
        form.Add(
            new StateField($"{prefix}is_nothing", marked, 1, i => float.IsNaN(weights[i]) ? 1 : 0, (i, isNothing) => weights[i] = isNothing != 0 ? float.NaN : weights[i])
            {
                IsWhole = true,
                Least = 0,
                Most = 1,
            });

        void Begin(int count)
        {
            IsLoaded = count > 0 && count % brains.Count == 0;
            if (IsLoaded) Rows = count / brains.Count;
        }
    }

    /// <summary>Enqueues a part of a step, on the rows that were set for its brains.</summary>
    public void Enqueue(StepPart part)
    {
        (int firstBrain, int endBrain) = brains.BrainsOf(part);
        int first = firstBrain * Rows, rows = (endBrain - firstBrain) * Rows;
        brains.BeginPart();
        ReadOnlySpan<float> ofRows = decisions.Weights.AsSpan(first, rows);
        ReadOnlySpan<bool> masks = decisions.Allowed.AsSpan(first * actionCount, rows * actionCount);
        BatchTargets targets = takenNumbers == 0 ? BatchTargets.OfLabels(decisions.Actions.AsSpan(first, rows), ofRows, masks)
            : BatchTargets.OfActions(decisions.Taken.AsSpan(first * takenNumbers, rows * takenNumbers), ofRows, masks);
        brains.Train(part, decisions.Features.AsSpan(first * observations, rows * observations), decisions.Looks.AsSpan(first, rows), targets);
        brains.EndPart();
    }

    /// <summary>Enqueues a part of one more step on the same rows.</summary>
    public void EnqueueAgain(StepPart part)
    {
        brains.BeginPart();
        brains.Repeat(part);
        brains.EndPart();
    }
}
