namespace NeuralPlugin;

/// <summary>
/// Steps and predictions of small networks whose shapes reach every kernel of a family, dispatch by dispatch. Each is judged on
/// the inputs it received, so that a wrong one does not spoil those after it.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="family">The family.</param>
/// <param name="isQuick">Whether to run a few cases alone, in the configuration that the device's networks have.</param>
internal sealed class StepVerification(NeuralDevice device, KernelFamily family, bool isQuick = false)
{
    /// <summary>The step of the log that a logged case is: its row is not the first.</summary>
    private const int LoggedStep = 5;

    /// <summary>The first of consecutive steps: the numbers of the log begin again behind the second one.</summary>
    private const int FirstOfSeveral = StepLog.Numbers - 1;

    /// <summary>The first of consecutive steps for the optimizer.</summary>
    private const int FirstOfOptimizer = 2;

    /// <summary>Which of them is spoiled: one with a step before it and one behind it.</summary>
    private const int SpoiledStep = 1;

    private readonly SeededRandom random = new(seed: 1);
    private readonly VerifiedKernels kernels = new(isQuick ? KernelTuning.Of(device) : null);
    private readonly KernelRejections rejections = new(device);
    private (VerifiedCase Verified, VerifiedConfiguration Configuration)[]? all;

    /// <summary>Sizes are odd, to exercise padding and guards.</summary>
    public static IReadOnlyList<VerifiedCase> Cases =>
    [
        new("a step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: false) { IsQuick = true },
        new("a small step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsQuick = true },
        new("a narrow step", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: true),
        new("a wide step", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, new Sgd(0.1f), IsFused: true),
        new("a step with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, new Adam(0.01f), IsFused: true) { IsQuick = true },
        new("a step with many inputs and outputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 41, new Adam(0.01f), IsFused: true),
        new("a step with more outputs", Rows: 9, Inputs: 13, Hidden: 140, Outputs: 21, new Adam(0.01f), IsFused: true),
        new("a small step with more outputs", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 21, new Sgd(0.1f), IsFused: true),
        new("a prediction of more outputs", Rows: 9, Inputs: 13, Hidden: 140, Outputs: 21, Optimizer: null, IsFused: true) { IsOfOutputs = true },
        new("a prediction with more than 32 outputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 41, Optimizer: null, IsFused: true),
        new("a prediction of more than 32 outputs", Rows: 9, Inputs: 13, Hidden: 140, Outputs: 41, Optimizer: null, IsFused: true) { IsOfOutputs = true },
        new("a step with many inputs and no memory for parts", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, new Adam(0.01f), IsFused: true) { KeepsPartsTogether = true },
        new("a step with many outputs", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 41, new Adam(0.01f), IsFused: true),
        new("a step of one layer", Rows: 9, Inputs: 13, Hidden: 0, Outputs: 41, new Adam(0.01f), IsFused: true),
        new("a step by momentum with an entropy bonus", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f, Momentum: 0.9f, WeightDecay: 0.01f), IsFused: false) { Loss = new SoftmaxCrossEntropy(EntropyBonus: 0.1f) },
        new("a step of leaky units to values by AdamW", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new AdamW(0.01f, WeightDecay: 0.1f), IsFused: false) { Activation = new LeakyRelu(0.1f), Loss = new MeanSquaredError() },
        new("a step of tanh units to values by RMSProp", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new RmsProp(0.01f), IsFused: false) { Activation = new Tanh(), Loss = new HuberLoss(0.3f) },
        new("a prediction", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, Optimizer: null, IsFused: false) { IsQuick = true },
        new("a narrow prediction", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, Optimizer: null, IsFused: true) { IsQuick = true },
        new("a prediction with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, Optimizer: null, IsFused: true) { IsQuick = true },
        new("a prediction of outputs with many inputs", Rows: 9, Inputs: 201, Hidden: 37, Outputs: 5, Optimizer: null, IsFused: true) { IsOfOutputs = true },
        new("a wide prediction", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, Optimizer: null, IsFused: true),
        new("a drawn step of bytes with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: false) { IsDrawn = true, IsOfBytes = true, IsLogged = true },
        new("a small step of bytes", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsOfBytes = true },
        new("small, drawn steps without a state, with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsDrawn = true, IsLogged = true, Steps = 3 },
        new("small, drawn steps of bytes with a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 5, new Adam(0.01f), IsFused: true) { IsDrawn = true, IsOfBytes = true, IsLogged = true, Steps = 3 },
        new("small, drawn steps with a log", Rows: 9, Inputs: 13, Hidden: 10, Outputs: 5, new Adam(0.01f), IsFused: true) { IsDrawn = true, IsLogged = true, Steps = 3, IsQuick = true },
        new("larger, drawn steps with a log", Rows: 9, Inputs: 13, Hidden: 160, Outputs: 5, new Adam(0.01f), IsFused: true) { IsDrawn = true, IsLogged = true, Steps = 3 },
        new("a wide, drawn step with a log", Rows: 70, Inputs: 13, Hidden: 300, Outputs: 5, new Sgd(0.1f), IsFused: true) { IsDrawn = true, IsLogged = true },
        new("a drawn step with many outputs and a log", Rows: 9, Inputs: 13, Hidden: 17, Outputs: 41, new Adam(0.01f), IsFused: true) { IsDrawn = true, IsLogged = true, IsQuick = true },
    ];

    /// <summary>The dispatches of all cases, with nothing made, in the order in which they run.</summary>
    public IEnumerable<Dispatch> Planned => All.SelectMany(one => one.Configuration.Planned);

    private (VerifiedCase Verified, VerifiedConfiguration Configuration)[] All =>
        all ??= [.. Cases.Where(verified => !isQuick || verified.IsQuick).SelectMany(verified => ConfigurationsOf(verified).Select(configuration => (verified, configuration)))];

    public IEnumerable<KernelCheck> Run() => All.SelectMany(one => Run(one.Verified, one.Configuration));

    public IEnumerable<KernelCheck> Run(VerifiedCase verified) => ConfigurationsOf(verified).SelectMany(configuration => Run(verified, configuration));

    /// <summary>If quick, as the device's networks have it; otherwise as the family offers it first, and then in the other configurations of kernels that no case has had.</summary>
    private IEnumerable<VerifiedConfiguration> ConfigurationsOf(VerifiedCase verified) => kernels.ConfigurationsOf(verified.KernelsOf(family, device.Limits), verified.Plan, always: true);

    private List<KernelCheck> Run(VerifiedCase verified, VerifiedConfiguration configuration)
    {
        using VerifiedStep step = new(verified, configuration.Kernels, random, device);
        string name = $"{verified}{configuration.Name}";
        step.Realize(device);
        if (step.Computations is [SmallSteps several])
        {
            string nameOfSeveral = $"{verified.Steps} steps in one dispatch, {name}";
            return rejections.Compile(step.Dispatches[0], family.Name, nameOfSeveral, configuration.IsUsed) is { } rejected ? [rejected] : [.. Run(nameOfSeveral, verified, step, several)];
        }

        step.Begin(device, random);
        step.BeginSteps(steps: 1, firstStep: 1, LoggedStep);
        KernelCheck[] ofAll = [.. step.Dispatches.Select((_, i) => Check(name, step, i, configuration.IsUsed))];
        List<KernelCheck> checks = [.. ofAll.Where((_, i) => configuration.IsWanted[i])];
        if (step.Log is not { } log || verified.IsOfBytes || Array.Exists(ofAll, check => check.Rejection is not null)) return checks;   // a guard is one of a whole step
        checks.Add(CheckGuard(name, verified, step, log));
        step.Begin(device, random);
        step.BeginSteps(steps: 1, firstStep: 1, LoggedStep);
        step.Overflow();
        checks.AddRange(step.Dispatches.Select((_, i) => CheckOverflow(name, step, log, i)).ToArray().OfType<KernelCheck>());
        return checks;
    }

    /// <summary>
    /// Several steps in one dispatch; the same where one in the middle has a loss that is not a number, and keeps itself and what follows it from changing anything; and where one has a gradient that is too large.
    /// </summary>
    private IEnumerable<KernelCheck> Run(string name, VerifiedCase verified, VerifiedStep step, SmallSteps several)
    {
        yield return CheckSeveral(name, () => { });
        if (verified.IsOfBytes) yield break;   // no byte is anything but a number, or large
        yield return CheckSeveral($"{name}, of which the loss of one is not a number", () => step.Batch.Spoil(step.Graph, float.NaN, SpoiledStep));
        if (several.Step.HiddenUpdate.State.Count > 0)
            yield return CheckSeveral($"{name}, of which a gradient of one is too large", () => step.Overflow(SpoiledStep));

        KernelCheck CheckSeveral(string case_, Action spoil)
        {
            step.Begin(device, random);
            step.BeginSteps(verified.Steps, FirstOfOptimizer, FirstOfSeveral);
            spoil();
            return new KernelCheck(family.Name, step.Dispatches[0].Source.FileName, case_, ErrorOfSeveral(verified, step, several));
        }
    }

    private double ErrorOfSeveral(VerifiedCase verified, VerifiedStep step, SmallSteps several)
    {
        Operand[] sides = [.. SmallStepsTwin.SidesOf(several.Step).SelectMany(pair => new[] { pair.Committed, pair.Pending })];
        Dictionary<Operand, double[]> content = sides.ToDictionary(side => side, side => MatrixContent.Read((PlannedMatrix)side).Select(value => (double)value).ToArray());
        SmallStepsTwin twin = new(several.Step, step.Batch, content);
        twin.Run(verified.Steps, FirstOfOptimizer, FirstOfSeveral);
        new Plan(device, step.Dispatches).Run(verified.Rows);
        double ofSides = sides.Max(side => MatrixContent.ErrorOf(MatrixContent.Read((PlannedMatrix)side), content[side]));
        double ofRows = twin.Rows.Select((row, i) => ErrorOfRow(step.Log!, FirstOfSeveral + i, row)).Max();
        return IsNoted(step.Log!, StepLog.Slots, twin.Dropped) && IsNoted(step.Log!, StepLog.RowOfKept, twin.Kept) ? Math.Max(ofSides, ofRows) : double.PositiveInfinity;
    }

    /// <summary>The error of a dispatch, by what the twin makes of what it reads.</summary>
    private KernelCheck Check(string name, VerifiedStep step, int at, bool isUsed)
    {
        if (rejections.Compile(step.Dispatches[at], family.Name, name, isUsed) is { } rejected) return rejected;
        (double error, _) = Run(step, at);
        return new KernelCheck(family.Name, step.Dispatches[at].Source.FileName, name, error);
    }

    private (double Error, bool HasKept) Run(VerifiedStep step, int at)
    {
        (Computation computation, ComputationGraph graph, int[] labels) = (step.Computations[at], step.Graph, step.Batch.LabelsOf(0));
        ComputationTwin twin = new(labels.Length, labels, step.Batch.ValuesOf(0));
        foreach (Operand read in computation.Reads.Where(matrix => matrix == graph.Input || matrix is PlannedMatrix { Format: TexelFormat.Float }))
            twin.Set(read, read == graph.Input ? step.Batch.InputsOf(0) : MatrixContent.Read((PlannedMatrix)read).Select(value => (double)value));
        IReadOnlyDictionary<Operand, double[]> given = twin.Content;
        twin.Run(computation);
        new Plan(device, [step.Dispatches[at]]).Run(labels.Length);
        double error = computation.Writes.Where(matrix => twin.Of(matrix) != given.GetValueOrDefault(matrix))   // excludes scratch matrices
            .Max(written => written == step.Log?.Results ? ErrorOfRow(step.Log, LoggedStep, [.. twin.Of(written)!.Take(2), labels.Length, StepLog.NumberOf(LoggedStep)])
                : MatrixContent.ErrorOf(MatrixContent.Read((PlannedMatrix)written), twin.Of(written)!));
        return (error, twin.HasKept);
    }

    /// <summary>A row of the log: the loss and the correct predictions, unless the loss is not a number, the rows and the number of the step.</summary>
    private static double ErrorOfRow(StepLog log, long step, double[] row)
    {
        float[] found = new float[MatrixShape.ColumnsPerTexel];
        log.Texture.Read(found, StepLog.SlotOf(step));
        return double.IsFinite(row[0]) ? MatrixContent.ErrorOf(found, row) : MatrixContent.ErrorOf([found[0], found[2], found[3]], [row[0], row[2], row[3]]);
    }

    private static bool IsNoted(StepLog log, int row, int number)
    {
        float[] found = new float[MatrixShape.ColumnsPerTexel];
        log.Texture.Read(found, row);
        return found[0] == number;
    }

    /// <summary>A step whose loss is not a number is noted in the log and changes no parameter and no state: compilers have turned such guards round.</summary>
    private KernelCheck CheckGuard(string name, VerifiedCase verified, VerifiedStep step, StepLog log)
    {
        PlannedMatrix[] pending = [.. step.Updates.SelectMany(update => update.State.Prepend(update.Weights)).Select(sides => (PlannedMatrix)sides.Pending)];
        float[][] before = [.. pending.Select(MatrixContent.Read)];
        step.Batch.Spoil(step.Graph, float.NaN);
        new Plan(device, step.Dispatches).Run(verified.Rows);
        double error = pending.Zip(before, (matrix, values) => MatrixContent.ErrorOf(MatrixContent.Read(matrix), [.. values.Select(value => (double)value)])).Max();
        if (!IsNoted(log, StepLog.Slots, StepLog.NumberOf(LoggedStep))) error = double.PositiveInfinity;
        return new KernelCheck(family.Name, step.Dispatches[^1].Source.FileName, $"{name}, whose loss is not a number", error);
    }

    /// <summary>Elements whose update is not finite keep their value and their state, the others take their step, and the log notes it; null for a dispatch that updates nothing.</summary>
    private KernelCheck? CheckOverflow(string name, VerifiedStep step, StepLog log, int at)
    {
        Dispatch dispatch = step.Dispatches[at];
        (double error, bool hasKept) = Run(step, at);
        if (!step.Computations[at].Updates) return null;
        bool notesKept = hasKept && dispatch.Source.Constants.Contains(("NOTES_KEPT", 1));
        if (notesKept && !IsNoted(log, StepLog.RowOfKept, StepLog.NumberOf(LoggedStep))) error = double.PositiveInfinity;
        return new KernelCheck(family.Name, dispatch.Source.FileName, $"{name}, one of whose gradients is too large", error);
    }
}
