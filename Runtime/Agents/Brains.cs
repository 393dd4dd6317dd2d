namespace NeuralPlugin;

/// <summary>The networks of a population: predictions are enqueued and read back later, and training steps are enqueued.</summary>
internal abstract class Brains(NeuralDevice device, SeenTextures? seen) : IDecidingNetwork, IDisposable
{
    private const ulong FirstOutputStream = (1UL << 62) + 1;
    private const ulong OutputStreamStep = 4;   // beside streams for other purposes
    private const float FirstLogitDeviation = 0.01f;
    private const float FirstValueDeviation = 0.1f;

    /// <summary>The number of brains; agents are assigned to them in turn, by their numbers.</summary>
    public abstract int Count { get; }

    /// <summary>Steps that do not count, because a loss was not finite or the driver skipped them.</summary>
    public abstract long DroppedSteps { get; }

    /// <summary>Takes the last skipped step that was not reported yet; 0 if none is known.</summary>
    public abstract long TakeSkippedStep();

    /// <summary>The answers to a question, one row per decision, until the next one: logits and, if brains estimate values, the value output after them.</summary>
    public abstract MatrixTexture Outputs { get; }

    /// <summary>The inputs of a question, one row per decision.</summary>
    public abstract MatrixTexture Features { get; }

    /// <summary>The textures that agents have seen; null if they see none.</summary>
    public SeenTextures? Seen => seen;

    /// <summary>The results of the last known steps, if the loss guides the learning rate; NaN before the first, and if it does not.</summary>
    public virtual GuidedStepResult Guided => new(float.NaN, float.NaN, float.NaN, float.NaN);

    /// <summary>The learning rates of the brains, if the loss guides them; NaN before the first step.</summary>
    public virtual BrainSpread Rates => BrainSpread.OfOne(Guided.Rate);

    /// <summary>The divergences of their last known steps; NaN in the same cases.</summary>
    public virtual BrainSpread Divergences => BrainSpread.OfOne(Guided.Divergence);

    /// <summary>The policy's share of the mean loss of the last known steps; NaN before the first, and for brains of their own whose loss guides no learning rate.</summary>
    public virtual float PolicyLoss => float.NaN;

    /// <summary>Whether each agent has its own brain, so that row i of a question is for brain i.</summary>
    public abstract bool AreOwn { get; }

    /// <summary>Measures each question and each step.</summary>
    public SpanClock Clock { get; } = new(device);

    /// <summary>The lines that a training step can be cut into, each of as many brains; 1 if it runs whole.</summary>
    public virtual int StepLines => 1;

    /// <summary>Whether a change of the scale of values is enqueued of which it is not known that it ran.</summary>
    public bool HasOpenRescales => RescaleReceipts?.Count > 0;

    /// <summary>Called when a part of a step is laid out, before it is uploaded and enqueued.</summary>
    public Action? PartBegins { get; set; }

    /// <summary>Enqueues the rest of a step that is partly enqueued: called before brains are replaced.</summary>
    public Action? CompleteStep { get; set; }

    /// <summary>Makes the brains that the options ask for. Allocates, and compiles kernels.</summary>
    /// <param name="device">Where they live.</param>
    /// <param name="options">The options that the agents share.</param>
    /// <param name="seen">The textures that agents have seen, owned by the brains once these are made; null if they see none.</param>
    public static Brains Create(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen)
    {
        return options.Brains == BrainSharing.OneEach ? new OwnBrains(device, options, seen) : new SharedBrain(device, options, seen);
    }

    /// <summary>The brains of some lines of a step: the first, and the one after the last.</summary>
    public virtual (int First, int End) BrainsOf(StepPart part) => (0, Count);

    /// <summary>Prepares steps of this many rows of each brain, if the last ones had others.</summary>
    public virtual void PrepareSteps(int rows)
    {
    }

    /// <summary>Begins to measure a part of a step, which is laid out.</summary>
    public void BeginPart()
    {
        PartBegins?.Invoke();
        Clock.BeginSpan();
    }

    /// <summary>Ends it.</summary>
    public void EndPart() => Clock.EndSpan();

    /// <summary>The index of an agent's brain.</summary>
    public int BrainOf(int agent) => AreOwn ? agent : 0;

    /// <summary>Enqueues the forward pass of these rows.</summary>
    /// <param name="features">[rows × observations]; if agents have their own brains, one row for each.</param>
    /// <param name="looks">[rows]: the row of <see cref="Seen"/> that follows the observations.</param>
    public abstract void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks);

    /// <summary>Enqueues a part of a training step; the last one completes it. If agents have their own brains, the rows are [brains of the part × batch].</summary>
    public abstract void Train(StepPart part, ReadOnlySpan<float> features, ReadOnlySpan<int> looks, BatchTargets targets);

    /// <summary>
    /// Enqueues a rescaling: the value output v of each brain becomes factor·v + offset, for all that is asked, trained or read from now on, even if the driver skips it now.
    /// </summary>
    /// <param name="scales">[brains × 2]: factor and offset.</param>
    public abstract void RescaleValues(ReadOnlySpan<float> scales);

    /// <summary>Enqueues rescalings again of which it is not known that they ran: call before the parameters are read.</summary>
    public abstract void RescaleOpenValues();

    /// <summary>Which rescalings have run, to be read back after the parameters; null if brains estimate no values.</summary>
    public abstract RescaleReceipts? RescaleReceipts { get; }

    /// <summary>Enqueues a part of one more step on the batch of the last one.</summary>
    public abstract void Repeat(StepPart part);

    /// <summary>Their optimizer; null for none.</summary>
    public abstract Optimizer? Optimizer { get; }

    /// <summary>The current textures that must be read back for <see cref="ReadContent"/>.</summary>
    public abstract IReadOnlyList<MatrixTexture> StateTextures { get; }

    /// <summary>Returns the present content, from a later readback of <see cref="StateTextures"/>.</summary>
    public abstract Func<Readback, BrainsContent> ReadContent();

    /// <summary>Replaces the content. Does not wait.</summary>
    public abstract void Restore(BrainsContent content);

    /// <summary>Adds the current textures that must be read back for <see cref="ReadParameters"/>.</summary>
    public abstract void CollectParameters(List<MatrixTexture> textures);

    /// <summary>Reads the parameters of a brain, the four arrays of <see cref="ClassifierParameters"/>, from a later readback of the collected textures.</summary>
    public abstract void ReadParameters(Readback readback, int brain, float[][] parameters);

    public abstract ClassifierParameters GetParameters(int brain);

    public abstract void SetParameters(int brain, ClassifierParameters parameters);

    public virtual void Dispose()
    {
        Clock.Dispose();
        seen?.Dispose();
    }

    /// <summary>The number of observations plus the values of a texture, which follow them.</summary>
    protected static int InputsOf(AgentPopulationOptions options) => checked(options.StackedObservations + (options.TextureObservations?.Values ?? 0));

    /// <summary>
    /// First output weights [hidden × outputs] of a brain that estimates values: uniform, with a deviation of 0.01/√hidden for logits and means, so
    /// that all actions are equally likely at first (Andrychowicz et al., 2021, section 3.2), zero for the logarithms of deviations, so that these
    /// start at 1 everywhere, and with 0.1/√hidden for the value.
    /// </summary>
    protected static float[] FirstOutputWeights(AgentPopulationOptions options, int brain)
    {
        SeededRandom random = new((ulong)options.Seed, FirstOutputStream + (OutputStreamStep * (ulong)brain));
        float[] weights = new float[options.HiddenUnits * options.Outputs];
        float scale = (float)Math.Sqrt(3.0 / options.HiddenUnits);   // a uniform number within ±√3 has a deviation of 1
        for (int i = 0; i < weights.Length; i++)
        {
            int output = i % options.Outputs, deviations = options.Policy.DiscreteOutputs + options.Policy.Continuous;
            float deviation = output == options.Policy.Outputs ? FirstValueDeviation : output >= deviations ? 0 : FirstLogitDeviation;
            weights[i] = ((random.NextSingle() * 2) - 1) * scale * deviation;
        }

        return weights;
    }
}

/// <summary>A brain for each agent.</summary>
internal sealed class OwnBrains : Brains
{
    private readonly NetworkPopulation population;
    private readonly PopulationPrediction prediction;
    private readonly JoinedFeatures? asked;
    private readonly JoinedFeatures? learned;
    private readonly Optimizer? optimizer;
    private readonly PopulationRescale? valueRescale;
    private readonly float[] ofEach;   // a number of each brain, to be sorted
    private KnownStep lastStep = new(-1, BrainSpread.None, BrainSpread.None, float.NaN);

    public OwnBrains(NeuralDevice device, AgentPopulationOptions options, SeenTextures? seen) : base(device, seen)
    {
        using UnderConstruction made = new();
        made.Add(Clock);
        optimizer = options.Learning?.OptimizerFor(options);
        population = made.Add(new NetworkPopulation(
            device, options.Capacity, InputsOf(options), options.HiddenUnits, options.Outputs, options.Seed, optimizer, options.Learning?.CreateLoss(options),
            options.Learning is { EstimatesValues: true } ? brain => FirstOutputWeights(options, brain) : null));
        population.CompleteStep = () => CompleteStep?.Invoke();
        population.KernelsInUse.TrySettle(options.Tuning!);
        prediction = made.Add(population.PlanPrediction());
        ofEach = new float[population.LastSteps.IsEmpty ? 0 : population.Members];
        if (seen is not null) asked = made.Add(new JoinedFeatures(device, seen, options.StackedObservations, prediction.Features));
        if (options.Learning is { } learning)
        {
            population.PrepareTraining(learning.MostRowsOfAStep(options));
            if (learning.EstimatesValues) valueRescale = made.Add(population.PlanRescale(options.Policy.Outputs));
            if (seen is not null) learned = made.Add(new JoinedFeatures(device, seen, options.StackedObservations, population.TrainingFeatures));
        }

        made.Complete();
    }

    public override BrainSpread Rates => LastStep.Rates;

    public override BrainSpread Divergences => LastStep.Divergences;

    public override float PolicyLoss => LastStep.PolicyLoss;

    /// <summary>The inputs of a training step, one batch per brain.</summary>
    public MatrixTexture BatchFeatures => population.TrainingFeatures;

    public override bool AreOwn => true;

    public override int Count => population.Members;

    public override long DroppedSteps => population.LostSteps;

    public override long TakeSkippedStep() => population.TakeSkippedStep();

    public override MatrixTexture Outputs => prediction.Outputs;

    public override MatrixTexture Features => prediction.Features;

    public override void Predict(ReadOnlySpan<float> features, ReadOnlySpan<int> looks)
    {
        RescaleOpenValues();
        if (asked is null)
        {
            prediction.Enqueue(features);
            return;
        }

        asked.Write(features, looks);
        prediction.EnqueueWritten();
    }

    public override int StepLines => Seen is null ? population.StepLines : 1;   // textures are joined to all rows at once

    public override (int First, int End) BrainsOf(StepPart part)
    {
        if (Seen is not null) return (0, Count);
        (int first, int count) = population.MembersOf(part);
        return (first, first + count);
    }

    public override void PrepareSteps(int rows) => population.PrepareTraining(rows);

    public override void Train(StepPart part, ReadOnlySpan<float> features, ReadOnlySpan<int> looks, BatchTargets targets)
    {
        RescaleOpenValues();
        if (learned is null)
        {
            population.EnqueuePart(part, features, targets, optimizer!.LearningRate);
            return;
        }

        learned.Write(features, looks);
        population.TrainWrittenBatch(targets, optimizer!.LearningRate);
    }

    public override void RescaleValues(ReadOnlySpan<float> scales) => population.Rescale(valueRescale!, scales);

    public override void RescaleOpenValues()
    {
        if (valueRescale is not null) population.RescaleOpen(valueRescale);
    }

    public override RescaleReceipts? RescaleReceipts => valueRescale?.Receipts;

    public override void Repeat(StepPart part)
    {
        RescaleOpenValues();
        if (learned is null) population.RepeatPart(part);
        else population.RepeatStep();
    }

    public override Optimizer? Optimizer => optimizer;

    public override IReadOnlyList<MatrixTexture> StateTextures => [.. population.StandingTextures];

    public override Func<Readback, BrainsContent> ReadContent()
    {
        Func<Readback, int, (float[][] Parameters, EnqueuedStanding Standing)> read = population.ReadStanding();
        KernelTuning used = population.KernelsInUse.Used;
        return readback => read(readback, 0) is var (parameters, standing) && optimizer is not null
            ? new BrainsContent(parameters, standing) { Tuning = used } : new BrainsContent(parameters, null) { Tuning = used };
    }

    public override void Restore(BrainsContent content)
    {
        population.Restore(content.Parameters, content.Standing);
        valueRescale?.Forget();
    }

    public override void CollectParameters(List<MatrixTexture> textures) => textures.Add(population.WeightTexture);

    public override void ReadParameters(Readback readback, int brain, float[][] parameters) => population.ReadMember(readback, brain, parameters);

    public override ClassifierParameters GetParameters(int brain)
    {
        using NeuralDevice.Scope scope = population.Enter();
        RescaleOpenValues();
        RescaleReceipts?.RequireAll();
        return population.GetParameters(brain);
    }

    public override void SetParameters(int brain, ClassifierParameters parameters)
    {
        population.SetParameters(brain, parameters);
        valueRescale?.Forget(brain);
    }

    public override void Dispose()
    {
        asked?.Dispose();
        learned?.Dispose();
        prediction.Dispose();
        valueRescale?.Dispose();
        population.Dispose();
        base.Dispose();
    }

    /// <summary>The numbers of the last known step, of the brains that have learned in it. A game may ask in every frame: they are sorted when a step becomes known.</summary>
    private KnownStep LastStep
    {
        get
        {
            if (lastStep.Number == population.KnownSteps) return lastStep;
            double sum = 0;
            int count = Collect(column: 3);
            foreach (float ofBrain in ofEach.AsSpan(0, count)) sum += ofBrain;
            lastStep = new KnownStep(population.KnownSteps, SpreadOf(column: 2), SpreadOf(column: 1), (float)(sum / count));   // NaN of none
            return lastStep;
        }
    }

    private BrainSpread SpreadOf(int column) => BrainSpread.Of(ofEach, Collect(column));

    /// <summary>Collects a number of the last known step, of each brain that has learned in it.</summary>
    /// <returns>How many have.</returns>
    private int Collect(int column)
    {
        const int Columns = 4;
        ReadOnlySpan<float> steps = population.LastSteps;
        int count = 0;
        for (int brain = 0; brain < steps.Length / Columns; brain++)
        {
            ReadOnlySpan<float> ofBrain = steps.Slice(brain * Columns, Columns);
            if (ofBrain[2] > 0 && float.IsFinite(ofBrain[0])) ofEach[count++] = ofBrain[column];
        }

        return count;
    }

    private readonly record struct KnownStep(long Number, BrainSpread Rates, BrainSpread Divergences, float PolicyLoss);
}

/// <summary>The content of brains, and the state of their training.</summary>
/// <param name="Parameters">The four arrays of <see cref="ClassifierParameters"/>, each for all brains, one after the other.</param>
/// <param name="Standing">The same for the optimizer's state; null if it is unknown.</param>
internal sealed record BrainsContent(float[][] Parameters, EnqueuedStanding? Standing)
{
    /// <summary>The weights of the snapshots of self-play, as files name them; empty without self-play.</summary>
    public NamedTensor[] Snapshots { get; init; } = [];

    /// <summary>The configurations of their kernels that decide bits.</summary>
    public KernelTuning Tuning { get; init; } = KernelTuning.Default;
}
