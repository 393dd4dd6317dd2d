namespace NeuralPlugin;

/// <summary>
/// Chooses the configurations of a step's kernels by the time of the whole step, one class of sizes after the other, since what reads the parts of a sum matters as
/// much as what computes them. Its time on the GPU is bounded; what it had no time for has the configuration that the family offers first, and is tuned at another start.
/// </summary>
/// <param name="kernels">The kernels of the device, in the configurations known so far.</param>
/// <param name="rows">Rows of a batch.</param>
/// <param name="step">The dispatches of the step that is timed, on matrices that do not exist yet.</param>
/// <param name="wanted">All dispatches that are wanted of the kernels.</param>
internal sealed class StepTuning(
    FamilyKernels kernels, int rows, Func<FamilyKernels, IEnumerable<Dispatch>> step, Func<FamilyKernels, IEnumerable<Dispatch>> wanted) : IKernelTuner
{
    /// <summary>The GPU's time for a step's kernels.</summary>
    public const long BudgetNanoseconds = 300_000_000;

    /// <summary>How much faster than the first configuration another one must be: less may be noise, which must not decide bits.</summary>
    private const double LeastGain = 0.03;

    private readonly HashSet<string> asked = [];
    private FamilyKernels chosen = kernels;
    private long spent;
    private CandidateTimes? timing;
    private string sizes = "";
    private string[] names = [];

    /// <inheritdoc/>
    public bool IsDone { get; private set; }

    /// <inheritdoc/>
    public IEnumerable<Dispatch> Chosen => wanted(chosen);

    /// <summary>Null if nothing is open: each class of sizes has one configuration, or one that was chosen earlier.</summary>
    public static StepTuning? For(FamilyKernels kernels, int rows, Func<FamilyKernels, IEnumerable<Dispatch>> step, Func<FamilyKernels, IEnumerable<Dispatch>> wanted) =>
        OpenQuestion(kernels, step, []) is null ? null : new StepTuning(kernels, rows, step, wanted);

    /// <inheritdoc/>
    public void Advance(NeuralDevice device)
    {
        if (timing is null) Begin(device);
        if (timing is null || !timing.Advance(device, BudgetNanoseconds - spent)) return;
        spent += timing.Spent;
        if (timing.Ratios() is { } ratios)
        {
            int best = Array.IndexOf(ratios, ratios.Min());
            string name = names[ratios[best] <= 1 - LeastGain ? best : 0];
            KernelTuning.Learn(device, sizes, name);
            chosen = chosen.With(chosen.Tuning.With(sizes, name));
        }

        timing.Dispose();
        timing = null;
    }

    /// <summary>Frees what it times.</summary>
    public void Dispose() => timing?.Dispose();

    /// <summary>The first question that has several answers, of which none is known or was tried.</summary>
    private static TuningQuestion? OpenQuestion(
        FamilyKernels kernels, Func<FamilyKernels, IEnumerable<Dispatch>> step, HashSet<string> asked)
    {
        TuningQuestions questions = new();
        foreach (Dispatch _ in step(kernels.With(kernels.Tuning, questions)))
        {
            // making them asks
        }

        return questions.Asked.FirstOrDefault(question => question.Offered.Length > 1 && kernels.Tuning.Find(question.Sizes) is null && !asked.Contains(question.Sizes));
    }

    private void Begin(NeuralDevice device)
    {
        KernelTuning known = KernelTuning.Of(device);
        if (!known.Equals(chosen.Tuning)) chosen = chosen.With(known);   // others have been tuned meanwhile
        bool isOver = !device.Limits.HasClock || KernelTuning.IsForced(device) || spent >= BudgetNanoseconds;
        if (isOver || OpenQuestion(chosen, step, asked) is not { } question)
        {
            IsDone = true;
            return;
        }

        (sizes, names) = (question.Sizes, question.Offered);
        asked.Add(sizes);
        timing = new CandidateTimes(device, [.. names.Select(name => step(chosen.With(chosen.Tuning.With(sizes, name))))], rows, chosen);
    }
}
