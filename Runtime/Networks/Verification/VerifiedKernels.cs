namespace NeuralPlugin;

/// <summary>
/// The kernels of a family that have been checked. A tuning may choose any configuration that a family offers, each of which is a kernel of its own to compile; cases of other sizes share them, and a kernel is
/// checked once in each.
/// </summary>
/// <param name="only">The one configuration to check, for whatever kernels other cases have had; null for each that a tuning may choose.</param>
internal sealed class VerifiedKernels(KernelTuning? only = null)
{
    private readonly HashSet<string> found = [];

    /// <summary>
    /// A case's kernels as the family offers them first, and then in each other configuration that gives a kernel which no case has had: each order of sums with each other choice, for all questions that offer it.
    /// </summary>
    /// <param name="kernels">The family.</param>
    /// <param name="plan">The case's dispatches, with nothing made.</param>
    /// <param name="always">Whether all kernels are wanted as they are offered first, too, even if other cases have had them.</param>
    public IEnumerable<VerifiedConfiguration> ConfigurationsOf(FamilyKernels kernels, Func<FamilyKernels, IEnumerable<Dispatch>> plan, bool always)
    {
        if (only is not null)
        {
            Dispatch[] planned = [.. plan(kernels.With(only))];
            yield return new VerifiedConfiguration(kernels.With(only), "", planned, [.. planned.Select(_ => true)], IsUsed: true);
            yield break;
        }

        TuningQuestions asked = new();
        Dispatch[] first = [.. plan(kernels.With(KernelTuning.Default, asked))];
        bool[] isNew = [.. first.Select(dispatch => found.Add(dispatch.Program.Key) || always)];
        if (isNew.Contains(true)) yield return new VerifiedConfiguration(kernels.With(KernelTuning.Default), "", first, isNew, IsUsed: true);
        foreach ((string name, KernelTuning tuning, bool isUsed) in TuningsOf(asked.Asked))
        {
            Dispatch[] tuned = [.. plan(kernels.With(tuning))];
            isNew = [.. tuned.Select(dispatch => found.Add(KeyOf(dispatch, first, name)))];
            if (isNew.Contains(true)) yield return new VerifiedConfiguration(kernels.With(tuning), $", tuned: {name}", tuned, isNew, isUsed);
        }
    }

    /// <summary>Other workgroups of a kernel that the case already has are a configuration, too.</summary>
    private static string KeyOf(Dispatch dispatch, Dispatch[] first, string configuration)
    {
        string key = dispatch.Program.Key;
        return Array.Exists(first, other => other.Program.Key == key && other.Grid == dispatch.Grid) || !Array.Exists(first, other => other.Program.Key == key) ? key : $"{key} {configuration}";
    }

    /// <summary>
    /// What is new in one needs both of its choices, since each alone came before. So networks without a tuning have it only if, at other sizes, they may have both.
    /// </summary>
    private static IEnumerable<(string Name, KernelTuning Tuning, bool IsUsed)> TuningsOf(IReadOnlyList<TuningQuestion> asked)
    {
        string[] sums = OthersOf(asked.Where(question => question.DecidesBits)), others = OthersOf(asked.Where(question => !question.DecidesBits));
        foreach (string ofSums in sums.Prepend(""))
        {
            foreach (string other in others.Prepend(""))
            {
                string[] chosen = [.. new[] { ofSums, other }.Where(name => name.Length > 0)];
                if (chosen.Length == 0) continue;
                KernelTuning tuning = asked.Aggregate(KernelTuning.Default, (tuning, question) =>
                    question.Offered.Contains(question.DecidesBits ? ofSums : other) ? tuning.With(question.Sizes, question.DecidesBits ? ofSums : other) : tuning);
                yield return (string.Join(", ", chosen), tuning, !asked.Any(question => question.NeverFirst.Any(name => tuning.Find(question.Sizes) == name)));
            }
        }
    }

    private static string[] OthersOf(IEnumerable<TuningQuestion> questions) => [.. questions.SelectMany(question => question.Offered.Except([question.Chosen])).Distinct()];
}

/// <summary>A case's kernels in one configuration.</summary>
/// <param name="Kernels">The kernels.</param>
/// <param name="Name">What distinguishes them from those that the family offers first, for the names of checks.</param>
/// <param name="Planned">The case's dispatches with them, with nothing made.</param>
/// <param name="IsWanted">Which of these are to be checked.</param>
/// <param name="IsUsed">Whether networks may have what it adds without a tuning, at these sizes or at others.</param>
internal sealed record VerifiedConfiguration(FamilyKernels Kernels, string Name, Dispatch[] Planned, bool[] IsWanted, bool IsUsed);
