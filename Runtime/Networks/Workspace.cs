namespace NeuralPlugin;

/// <summary>
/// The textures of one recording at one capacity, and the plans that run on them. If a later one of its textures does not
/// fit, those made before are dropped and collected.
/// </summary>
internal abstract class Workspace : IDisposable
{
    private readonly List<MatrixTexture> textures = [];

    protected Workspace(Network network, int capacity)
    {
        Network = network;
        Capacity = capacity;
        Recording = new Recording(network.Stack, capacity, network.CommittedParameters, Allocate);
    }

    public int Capacity { get; }

    public MatrixTexture Input => (MatrixTexture)Recording.Input;

    protected Network Network { get; }

    protected Recording Recording { get; }

    public void Dispose()
    {
        foreach (MatrixTexture texture in textures) texture.Dispose();
    }

    protected Plan PlanOf(Func<RecordedDispatch, bool> chosen)
    {
        return new Plan(Network.Device, Recording.Dispatches.Where(chosen).Select(recorded => recorded.Dispatch));
    }

    private MatrixTexture Allocate(MatrixRequest request)
    {
        MatrixTexture texture = new(Network.Device, Network.Device.Shape(request.Rows, request.Columns, request.What), request.Format);
        textures.Add(texture);
        return texture;
    }
}

/// <summary>Predictions: the forward pass, and the softmax at its end.</summary>
internal sealed class PredictionWorkspace : Workspace
{
    private readonly Plan logitsPlan;
    private readonly Plan probabilitiesPlan;

    public PredictionWorkspace(Network network, int capacity) : base(network, capacity)
    {
        int lossBlock = network.Stack.Layers.Count;
        Recording.RecordProbabilities();
        logitsPlan = PlanOf(recorded => recorded.Block != lossBlock);
        probabilitiesPlan = PlanOf(_ => true);
    }

    public void Run(ReadOnlySpan<float> features, int rows, Span<float> result, bool probabilities)
    {
        Input.Upload(features);
        (probabilities ? probabilitiesPlan : logitsPlan).Run(rows);
        ((MatrixTexture)(probabilities ? Recording.Probabilities! : Recording.Logits)).Read(result);
    }
}

/// <summary>The gradient of the features from a given gradient of the logits.</summary>
internal sealed class InputGradientWorkspace : Workspace
{
    private readonly Plan plan;

    public InputGradientWorkspace(Network network, int capacity) : base(network, capacity)
    {
        Recording.RecordGivenLogitGradients();
        Recording.RecordBackward(inputGradients: true, parameterGradients: false);
        plan = PlanOf(_ => true);
    }

    public void Run(ReadOnlySpan<float> features, int rows, ReadOnlySpan<float> logitGradients, Span<float> inputGradients)
    {
        Input.Upload(features);
        ((MatrixTexture)Recording.LogitGradients!).Upload(logitGradients);
        plan.Run(rows);
        ((MatrixTexture)Recording.InputGradients!).Read(inputGradients);
    }
}

/// <summary>
/// The loss of a batch and the gradients of the parameters; with an optimizer's state, a whole training step up to its commit.
/// </summary>
internal sealed class StepWorkspace : Workspace
{
    private readonly Plan plan;
    private readonly float[] batchLoss = new float[MatrixShape.ColumnsPerTexel];
    private uint[] targetWords = [];

    public StepWorkspace(Network network, int capacity, SoftmaxCrossEntropy loss, OptimizerState? optimizer = null) : base(network, capacity)
    {
        Loss = loss;
        Recording.RecordLoss(loss);
        Recording.RecordBackward(inputGradients: false);
        if (optimizer is not null) Recording.RecordUpdate(optimizer.Optimizer, optimizer.Operands, optimizer.Scalars);
        plan = PlanOf(_ => true);
    }

    public SoftmaxCrossEntropy Loss { get; }

    /// <summary>Uploads a checked batch, runs the plan and waits for the loss.</summary>
    public BatchResult Run(LabeledBatch batch)
    {
        Upload(batch);
        Enqueue(batch.Rows);
        ((MatrixTexture)Recording.BatchLoss!).Read(batchLoss);
        return new BatchResult(batchLoss[0], (int)batchLoss[1]);
    }

    /// <summary>Runs the plan on what is uploaded, without waiting.</summary>
    public void Enqueue(int rows) => plan.Run(rows);

    public float[][] ReadGradients()
    {
        MatrixTexture[] gradients = [.. Recording.ParameterGradients.SelectMany(block => block).Cast<MatrixTexture>()];
        return [.. Network.Parameters.Select(parameter => parameter.ReadFrom(gradients[parameter.MatrixNumber]))];
    }

    private void Upload(LabeledBatch batch)
    {
        Input.Upload(batch.Features);
        MatrixTexture targets = (MatrixTexture)Recording.Targets!;
        int words = batch.Rows * targets.Shape.Columns;
        if (targetWords.Length < words) targetWords = new uint[words];
        TargetLayout.Pack(batch.Labels, batch.SampleWeights, batch.AllowedClasses, Network.Outputs, targetWords.AsSpan(0, words));
        targets.Upload<uint>(targetWords.AsSpan(0, words));
    }
}
