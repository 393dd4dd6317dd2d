namespace NeuralPlugin;

/// <content>What files keep of a rollout.</content>
internal sealed partial class Rollout
{
    /// <summary>
    /// Describes its state for files: everything, but if agents see textures, nothing is saved. Values that were asked for and have not arrived are lost.
    /// </summary>
    /// <param name="form">The population's form.</param>
    /// <param name="prefix">The prefix of its names.</param>
    /// <param name="hasClosed">Whether it is being learned from.</param>
    public void Describe(StateForm form, string prefix, bool hasClosed)
    {
        StateRows rows = new(Capacity, () => seen is null ? Count : 0, count => Count = count)
        {
            FindFault = (value, at) => TakenActions.FindFault(policy, value, prefix, at),
        };
        form.Floats($"{prefix}observed", rows, observations, features);
        form.Integers($"{prefix}agent", rows, owners, open.Length - 1);
        TakenActions.Describe(form, prefix, rows, policy, allowed, actions, taken);
        form.Floats($"{prefix}log_probability", rows, 1, logProbabilities);
        form.Floats($"{prefix}value", rows, 1, values);
        form.Sums($"{prefix}reward", rows, rewards);
        form.Add(new StateField($"{prefix}outcome", rows, 1, i => (int)outcomes[i], (i, outcome) => outcomes[i] = (Outcome)outcome) { IsWhole = true, Least = 0, Most = (int)Outcome.IsKnown });
        form.Add(new StateField($"{prefix}value_after", rows, 1, i => outcomes[i] == Outcome.IsKnown ? after[i] : 0, (i, value) => after[i] = (float)value));
        if (hasClosed) DescribeLearned(form, prefix, rows);
        else form.Then(StateForm.Experience, Reopen);
        if (referenceOutputs == 0) return;
        StateRows ofReference = new(Capacity, () => rows.Count(), count => referencesRead = count);
        form.Floats($"{prefix}reference", ofReference, referenceOutputs, references);
        form.Floats($"{prefix}drift", ofReference, 1, drifts);
        form.Then(StateForm.Experience, () =>
        {
            if (referencesRead != Count) Clear();   // what was collected without the reference cannot be held to it
        });
    }

    private void DescribeLearned(StateForm form, string prefix, StateRows rows)
    {
        StateRows order = new(Capacity, () => seen is null ? Complete.Length : 0, count => firstComplete = Count - Math.Min(count, Count))
        {
            FindFault = (value, i) => value($"{prefix}order", i) >= rows.Read || i >= rows.Read ? "there are not so many decisions" : null,
        };
        form.Floats($"{prefix}advantage", rows, 1, advantages);
        form.Floats($"{prefix}return", rows, 1, returns);
        form.Add(new StateField($"{prefix}order", order, 1, i => complete[firstComplete + i], (i, at) => complete[firstComplete + i] = (int)at) { IsWide = true, IsWhole = true, Least = 0 });
    }

    /// <summary>Finds the decisions that continue, which are the last of their agents, and stops waiting for values.</summary>
    private void Reopen()
    {
        open.AsSpan().Fill(-1);
        awaiting.AsSpan().Fill(-1);
        for (int at = 0; at < Count; at++)
        {
            if (outcomes[at] == Outcome.Awaits) (outcomes[at], after[at]) = (Outcome.IsKnown, values[at]);
            open[owners[at]] = outcomes[at] == Outcome.GoesOn ? at : -1;
        }

        incomplete = open.Count(at => at >= 0);
    }
}
