namespace NeuralPlugin;

/// <summary>The demonstrated rows of an actor-critic's training steps, and their weight. Once made, it allocates nothing.</summary>
internal sealed class CloningRows
{
    private readonly CloningTerm term;
    private readonly Brains brains;
    private readonly ObservationNormalizer? normalizer;
    private readonly ShownDecisions shown;
    private readonly long[] decided;   // by each brain

    /// <param name="brains">The brains that learn.</param>
    /// <param name="population">The options that the agents share.</param>
    /// <param name="term">What is cloned.</param>
    /// <param name="normalizer">The normalizer of the agents' observations; null if they stay raw.</param>
    public CloningRows(Brains brains, AgentPopulationOptions population, CloningTerm term, ObservationNormalizer? normalizer)
    {
        this.term = term;
        this.brains = brains;
        this.normalizer = normalizer;
        shown = new ShownDecisions(brains, population, term.Demonstration, term.Capacity, normalizer);
        decided = new long[brains.Count];
    }

    /// <summary>An agent has decided, which weakens the term.</summary>
    public void NoteDecision(int agent) => decided[brains.BrainOf(agent)]++;

    public void Demonstrate(int agent, in Decision decision) => shown.Add(agent, decision);

    /// <summary>The weight of the term for a brain; 0 if it was shown nothing.</summary>
    public float StrengthOf(int brain) => shown.Count(brain) == 0 ? 0
        : term.DecayDecisions == 0 ? term.Strength : (float)(term.Strength * Math.Max(0, 1 - ((double)decided[brain] / term.DecayDecisions)));

    /// <summary>Rows of each brain in the next step. Brains of their own always have as many, since their steps are planned for a number of rows.</summary>
    public int RowsOfEach => brains.AreOwn || StrengthOf(0) > 0 ? term.BatchSize : 0;

    /// <summary>Samples the rows of a brain.</summary>
    public void Fill(RolloutBatch batch, int brain, SeededRandom random)
    {
        float strength = StrengthOf(brain);
        for (int i = 0; i < batch.ShownRows; i++)
        {
            if (strength == 0)
            {
                batch.SetUnused(brain, i);
                continue;
            }

            Span<float> observed = batch.SetShown(brain, i, shown[brain, random.NextInt32(shown.Count(brain))], strength);
            normalizer?.Apply(observed);
        }
    }

    /// <summary>Describes its state for files. A file without it leaves the weight at its beginning.</summary>
    public void Describe(StateForm form)
    {
        StateRows rows = new(decided.Length, () => decided.Length, _ => Array.Clear(decided));
        form.Add(
            new StateField($"{StateForm.Learning}cloning.decided", rows, 1, i => decided[i], (i, count) => decided[i] = (long)count)
            {
                IsWide = true,
                IsWhole = true,
                Least = 0,
                Most = StateForm.MostWhole,
            });
        shown.Describe(form);
    }
}
