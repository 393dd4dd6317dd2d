namespace NeuralPlugin;

/// <summary>
/// Chooses the configurations of a step's kernels by the time of the whole step, one class of sizes after the other, since what reads the parts of a sum matters as
/// much as what computes them. The time on the GPU is bounded, for all steps of a device together; what it had no time for has the configuration that the family offers first, and is
/// tuned at another start. A step that is too long to run whole in a frame has it too. Configurations in which the step has the same dispatches are not timed: noise would choose.
/// </summary>
/// <param name="kernels">The kernels of the device, in the configurations known so far.</param>
/// <param name="rows">Rows of a batch.</param>
/// <param name="step">The dispatches of the step that is timed, on matrices that do not exist yet.</param>
/// <param name="wanted">All dispatches that are wanted of the kernels.</param>
internal sealed class StepTuning(
    FamilyKernels kernels, int rows, Func<FamilyKernels, IEnumerable<Dispatch>> step, Func<FamilyKernels, IEnumerable<Dispatch>> wanted) : IKernelTuner
{
    /// <summary>The GPU's time for all kernels of a device.</summary>
    public const long BudgetNanoseconds = 300_000_000;

    /// <summary>
    /// How much faster than the first configuration another one must be: less may be noise. One that decides bits must be so in every turn, since noise must not decide them.
    /// </summary>
    private const double LeastGain = 0.03;

    private readonly HashSet<string> asked = [];
    private FamilyKernels chosen = kernels;
    private OpenQuestion? question;
    private CandidateTimes? timing;
    private bool isTooLong;

    /// <inheritdoc/>
    public bool IsDone { get; private set; }

    /// <inheritdoc/>
    public IEnumerable<Dispatch> Chosen => wanted(chosen);

    /// <summary>Null if nothing is open: each class of sizes has one configuration, or one that was chosen earlier.</summary>
    public static StepTuning? For(FamilyKernels kernels, int rows, Func<FamilyKernels, IEnumerable<Dispatch>> step, Func<FamilyKernels, IEnumerable<Dispatch>> wanted) =>
        NextQuestion(kernels, step, []) is null ? null : new StepTuning(kernels, rows, step, wanted);

    /// <inheritdoc/>
    public void Advance(NeuralDevice device)
    {
        if (KernelTuning.IsForced(device)) EndQuestion(device);   // it may have been forced since the question began
        if (question is null && !Begin(device)) return;
        try
        {
            timing ??= new CandidateTimes(device, question!.Steps, rows, chosen);
            if (!timing.Advance(device, BudgetNanoseconds - KernelTuning.SpentOn(device))) return;
            isTooLong = timing.IsTooLong;
            if (timing.Choose(LeastGain, question!.DecidesBits) is { } best)
            {
                string name = question.Names[best];
                KernelTuning.Learn(device, question.Sizes, name);
                chosen = chosen.With(chosen.Tuning.With(question.Sizes, name));
            }
        }
        catch (Exception exception) when (exception is DeviceLimitException or DeviceNotSupportedException)
        {
            // Several steps have no room where one has, or the driver does not take what times them. The question stays open: whoever needs a kernel that does not work is told then.
        }

        EndQuestion(device);
    }

    /// <summary>Frees what it times.</summary>
    public void Dispose() => timing?.Dispose();

    /// <summary>The first question with several answers that give the step different dispatches, of which none is known and which was not asked before.</summary>
    private static OpenQuestion? NextQuestion(FamilyKernels kernels, Func<FamilyKernels, IEnumerable<Dispatch>> step, HashSet<string> asked)
    {
        TuningQuestions questions = new();
        foreach (Dispatch _ in step(kernels.With(kernels.Tuning, questions)))
        {
            // making them asks
        }

        foreach (TuningQuestion question in questions.Asked)
        {
            if (question.Offered.Length < 2 || kernels.Tuning.Find(question.Sizes) is not null || !asked.Add(question.Sizes)) continue;
            (string Name, Dispatch[] Step)[] candidates =
            [
                .. question.Offered.Select(name => (name, step(kernels.With(kernels.Tuning.With(question.Sizes, name))).ToArray()))
                    .DistinctBy(candidate => string.Join('\n', candidate.Item2.Select(dispatch => $"{dispatch.Program.Key} {dispatch.Grid}"))),
            ];
            if (candidates.Length > 1) return new OpenQuestion(question.Sizes, question.DecidesBits, [.. candidates.Select(candidate => candidate.Name)], [.. candidates.Select(candidate => candidate.Step)]);
        }

        return null;
    }

    private void EndQuestion(NeuralDevice device)
    {
        if (timing is not null) KernelTuning.Spend(device, timing.Spent);
        timing?.Dispose();
        (timing, question) = (null, null);
    }

    /// <summary>False if there is nothing left to ask.</summary>
    private bool Begin(NeuralDevice device)
    {
        KernelTuning known = KernelTuning.Of(device);
        if (!known.Equals(chosen.Tuning)) chosen = chosen.With(known);   // others have been tuned meanwhile
        question = isTooLong || !device.Limits.HasClock || KernelTuning.IsForced(device) || KernelTuning.SpentOn(device) >= BudgetNanoseconds ? null : NextQuestion(chosen, step, asked);
        IsDone = question is null;
        return !IsDone;
    }

    /// <summary>A class of sizes, and the step in each of its configurations that differ.</summary>
    private sealed record OpenQuestion(string Sizes, bool DecidesBits, string[] Names, Dispatch[][] Steps);
}
