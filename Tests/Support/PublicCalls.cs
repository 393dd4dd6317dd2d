using System.Reflection;
using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Tests;

/// <summary>
/// Every public call that reaches a device, each repeatable at will: the tests of the host's state, of threads and of
/// lost contexts go through them. <see cref="Missing"/> reports public methods that are not among them.
/// </summary>
internal sealed class PublicCalls : IDisposable
{
    public const int Inputs = 5;
    public const int Hidden = 6;
    public const int Classes = 3;
    public const int Rows = 9;
    private const int Members = 3;
    private const int MemberRows = Rows / Members;

    /// <summary>The types whose public methods reach a device.</summary>
    private static readonly Type[] Types =
    [
        typeof(NeuralDevice), typeof(NetworkModel), typeof(Classifier), typeof(LinearClassifier), typeof(TwoLayerClassifier), typeof(Regressor),
        typeof(Network), typeof(NetworkParameter),
        typeof(BatchTrainer), typeof(InFrameTrainer), typeof(TrainingSet), typeof(NetworkPopulation), typeof(OnnxExport), typeof(AgentPopulation),
        typeof(BrainReader), typeof(NetworkPlacement), typeof(DeviceVerification), typeof(KernelFamily), typeof(KernelTuning),
    ];

    /// <summary>Methods that make no OpenGL call whatever the context, or that have their own test for it.</summary>
    private static readonly string[] Exempt =
    [
        "NeuralDevice.CreateHeadless", "NeuralDevice.CreateInBackground", "NeuralDevice.MakeCurrent",   // of contexts that no host has
        "Network.Cost", "Network.EstimateCost",                      // arithmetic
        "Classifier.KernelsFor", "Network.KernelsFor", "BatchTrainer.KernelsFor", "NetworkPopulation.KernelsFor", "TrainingSet.KernelsFor",
        "Regressor.KernelsFor", "AgentPopulation.KernelsFor", "TrainingSet.ForValues",             // like new TrainingSet
        "NetworkModel.Dispose", "Network.Dispose", "BatchTrainer.Dispose", "NetworkPopulation.Dispose",   // retire names
        "InFrameTrainer.Dispose", "TrainingSet.Dispose",
        "AgentPopulation.Add", "AgentPopulation.Remove", "AgentPopulation.Dispose", "AgentPopulation.WriteProgress", "AgentPopulation.Inspect",
        "DeviceVerification.Verify",                                 // as long as a hundred others: VerificationTests, and HostStateTests in a few states
        "BrainReader.TryTake", "BrainReader.Dispose",                // with BrainReader.Begin
        "KernelFamily.Of",                                           // a device's first network asks
        "KernelFamily.Force", "KernelFamily.Named", "KernelFamily.ToString",
        "KernelTuning.Of", "KernelTuning.Force", "KernelTuning.Parse", "KernelTuning.Equals", "KernelTuning.GetHashCode", "KernelTuning.ToString",
        "TrainingSet.Add", "TrainingSet.AddRange", "TrainingSet.Clear", "TrainingSet.TrimExcess",   // into memory, until Tick
    ];

    /// <summary>In memory, if the system has such a folder: these calls are not about the disk, to which each file is flushed.</summary>
    private static readonly string FolderInMemory = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    public static readonly float[] Features = TwinArrays.UniformFloats(1, Rows * Inputs, -1, 1);
    public static readonly int[] Labels = TwinArrays.Labels(2, Rows, Classes);
    public static readonly float[] Values = TwinArrays.UniformFloats(3, Rows * Classes, -1, 1);

    private readonly string folder = Directory.CreateDirectory(Path.Combine(FolderInMemory, Path.GetRandomFileName())).FullName;
    private readonly NeuralDevice device;
    private readonly TwoLayerClassifier classifier;
    private readonly BatchTrainer trainer;
    private readonly Regressor regressor;
    private readonly NetworkPopulation population;
    private readonly TrainingSet samples;
    private readonly StandInTexture? picture;   // null on a device that shares no textures with a game
    private readonly InFrameTrainer frameTrainer;
    private readonly InFrameTrainer timedTrainer;
    private readonly AgentPopulation agents;
    private readonly AgentPopulation sharingAgents;
    private readonly AgentPopulation? seeingAgents;
    private readonly ClassifierParameters parameters;
    private readonly ClassifierParameters memberParameters;
    private readonly BrainState brainState;
    private readonly float[] results = new float[Rows * Classes];
    private readonly float[] losses = new float[Members];

    /// <summary>Makes the objects that the calls work on, and uses them once.</summary>
    public PublicCalls(NeuralDevice device)
    {
        this.device = device;
        classifier = new TwoLayerClassifier(device, Inputs, Hidden, Classes);
        trainer = classifier.TrainWith(new Sgd(0.1f, Momentum: 0.5f));
        regressor = new Regressor(device, Inputs, Hidden, Classes);
        population = new NetworkPopulation(device, Members, Inputs, Hidden, Classes);
        samples = new TrainingSet(device, Inputs, Classes, capacity: Rows);
        if (device.Backend.HostTextures is not null) picture = new StandInTexture(device, new OperandKind(TexelFormat.Float, IsOfHost: true, IsWidthPowerOfTwo: true, IsHeightPowerOfTwo: false));
        frameTrainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 4, FrameBudget = FrameBudget.Steps(2) });
        timedTrainer = classifier.TrainOn(samples, new TrainerOptions { BatchSize = 5, Optimizer = new Adam() });
        agents = MakeAgents(BrainSharing.OneEach);
        sharingAgents = MakeAgents(BrainSharing.Shared);
        if (picture is not null) seeingAgents = MakeAgents(BrainSharing.Shared, new TextureObservations(3, 1));
        parameters = classifier.GetParameters();
        memberParameters = population.GetParameters(1);
        agents.SetBrain(1, memberParameters);
        brainState = agents.GetBrainState(1);
        classifier.Save(Weights);
        regressor.Save(RegressorWeights);
        classifier.SaveCheckpoint(Checkpoint, trainer);
        agents.Save(AgentsFile);
        Expected = new float[Rows * Classes];
        classifier.Predict(Features, Expected);
    }

    public string Weights => Path.Combine(folder, "weights.safetensors");

    /// <summary>The result of <see cref="Predict"/> with the initial weights.</summary>
    public float[] Expected { get; }

    private string RegressorWeights => Path.Combine(folder, "regressor.safetensors");

    private string Checkpoint => Path.Combine(folder, "checkpoint.safetensors");

    private string AgentsFile => Path.Combine(folder, "agents.safetensors");

    /// <summary>Public methods that are neither called nor exempt.</summary>
    public static IEnumerable<string> Missing(IEnumerable<string> called)
    {
        return Types.SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Where(method => !method.IsSpecialName).Select(method => $"{type.Name}.{method.Name}"))
            .Distinct().Except(called).Except(Exempt);
    }

    /// <summary>The calls; in a line of several, those after the first make it repeatable.</summary>
    public IEnumerable<(string Name, Action Call)> All(bool withFiles = true)
    {
        yield return ("NeuralDevice.Update", device.Update);
        yield return ("NeuralDevice.BeginFrame", () => device.BeginFrame().Dispose());
        yield return ("NeuralDevice.WarmUp", () => device.WarmUp(classifier.KernelsFor(Rows), population.KernelsFor(MemberRows), trainer.KernelsFor(Rows)));
        yield return ("NeuralDevice.Update that warms up", device.Update);
        yield return ("new LinearClassifier", () => new LinearClassifier(device, Inputs, Classes).Dispose());
        yield return ("new TwoLayerClassifier", () => new TwoLayerClassifier(device, Inputs, Hidden, Classes).Dispose());
        yield return ("new Network", () => new Network(device, Inputs, new Dense(Classes)).Dispose());
        yield return ("new NetworkPopulation", () => new NetworkPopulation(device, Members, Inputs, Hidden, Classes).Dispose());
        yield return ("Classifier.TrainBatch", () => classifier.TrainBatch(Features, Labels, 0.1f));
        yield return ("NetworkModel.TrainWith", () => classifier.TrainWith(new Adam()).Dispose());
        yield return ("Classifier.Predict", () => classifier.Predict(Features, results));
        yield return ("Classifier.RequestPrediction", () => classifier.RequestPrediction(Features));
        yield return ("Network.RequestPrediction", () => classifier.Network.RequestPrediction(Features));
        yield return ("Classifier.ComputeLogits", () => classifier.ComputeLogits(Features, results));
        yield return ("Classifier.ComputeGradients", () => classifier.ComputeGradients(Features, Labels));
        yield return ("NetworkModel.GetParameters", () => classifier.GetParameters());
        yield return ("NetworkModel.SetParameters", () => classifier.SetParameters(parameters));
        yield return ("Network.Predict", () => classifier.Network.Predict(Features, results));
        yield return ("Network.ComputeLogits", () => classifier.Network.ComputeLogits(Features, results));
        yield return ("Network.ComputeOutputs", () => classifier.Network.ComputeOutputs(Features, results));
        yield return ("Network.RequestOutputs", () => classifier.Network.RequestOutputs(Features));
        yield return ("new Regressor", () => new Regressor(device, Inputs, Hidden, Classes).Dispose());
        yield return ("Regressor.TrainBatch", () => regressor.TrainBatch(Features, Values, 0.1f));
        yield return ("Regressor.Predict", () => regressor.Predict(Features, results));
        yield return ("Regressor.RequestPrediction", () => regressor.RequestPrediction(Features));
        yield return ("Regressor.ComputeGradients", () => regressor.ComputeGradients(Features, Values));
        yield return ("Network.ComputeGradients", () => classifier.Network.ComputeGradients(Features, Labels));
        yield return ("Network.ComputeInputGradients", () => classifier.Network.ComputeInputGradients(Features, new float[Rows * Classes], new float[Rows * Inputs]));
        yield return ("NetworkParameter.GetValues", () => classifier.Network.Parameters[1].GetValues());
        yield return ("NetworkParameter.SetValues", () => classifier.Network.Parameters[1].SetValues(parameters.HiddenBiases));
        yield return ("BatchTrainer.TrainBatch", () => trainer.TrainBatch(Features, Labels));
        yield return ("BatchTrainer.TrainBatchOfBytes", () => trainer.TrainBatchOfBytes(new byte[Features.Length], Labels));
        yield return ("NetworkModel.TrainOn", () => classifier.TrainOn(samples).Dispose());
        yield return ("new TrainingSet", () => new TrainingSet(device, Inputs, Classes, capacity: 2).Dispose());
        yield return ("InFrameTrainer.Tick", () => frameTrainer.Tick());
        yield return ("InFrameTrainer.Tick that uploads", () =>
        {
            samples.Add(Features.AsSpan(0, Inputs), Labels[0]);
            frameTrainer.Tick();
        }
        );
        yield return ("TrainingSet.AddTexture", () => samples.AddTexture(picture?.TextureName ?? 1, Inputs, 1, TextureChannels.Luminance, label: 1));
        yield return ("InFrameTrainer.Tick that takes textures", () => frameTrainer.Tick());
        yield return ("InFrameTrainer.Tick within a time", () => timedTrainer.Tick());
        yield return ("InFrameTrainer.Pause", timedTrainer.Pause);
        yield return ("InFrameTrainer.Resume", timedTrainer.Resume);
        yield return ("NetworkPopulation.TrainBatch", () => population.TrainBatch(Features, Labels, 0.1f, losses));
        yield return ("NetworkPopulation.Predict", () => population.Predict(Features, results));
        yield return ("NetworkPopulation.GetParameters", () => population.GetParameters(2));
        yield return ("NetworkPopulation.SetParameters", () => population.SetParameters(1, memberParameters));
        yield return ("new AgentPopulation", () => MakeAgents(BrainSharing.Shared).Dispose());
        yield return ("AgentPopulation.Update", agents.Update);
        yield return ("AgentPopulation.Update with one brain", sharingAgents.Update);
        if (seeingAgents is not null) yield return ("AgentPopulation.Update with textures", seeingAgents.Update);
        yield return ("AgentPopulation.GetBrain", () => agents.GetBrain(1));
        yield return ("AgentPopulation.SetBrain", () => agents.SetBrain(1, memberParameters));
        yield return ("AgentPopulation.GetBrainState", () => agents.GetBrainState(1));
        yield return ("AgentPopulation.SetBrainState", () => agents.SetBrainState(1, brainState));
        yield return ("AgentPopulation.ReadBrain", () =>
        {
            using BrainReader reader = agents.ReadBrain(1);
            reader.Begin();
        }
        );
        yield return ("BrainReader.Begin", () =>
        {
            using BrainReader reader = agents.ReadBrain(1);
            reader.Begin();
            device.Finish();
            device.Update();
            reader.TryTake(out _);
        }
        );
        yield return ("NetworkPlacement.DeviceFor", () => NetworkPlacement.DeviceFor(device, Placement.Auto, Rows, Inputs, new Dense(Classes)));
        yield return ("NeuralDevice.Update that deletes", device.Update);
        if (!withFiles) yield break;
        Task saved = Task.CompletedTask;
        yield return ("NetworkModel.Save", () => classifier.Save(Path.Combine(folder, "saved.safetensors")));
        yield return ("NetworkModel.SaveAsync", () => saved = classifier.SaveAsync(Path.Combine(folder, "later.safetensors")));
        yield return ("NeuralDevice.WaitFor", () => device.WaitFor(saved.IsCompleted ? classifier.SaveAsync(Path.Combine(folder, "later.safetensors")) : saved));
        yield return ("NetworkModel.SaveCheckpoint", () => classifier.SaveCheckpoint(Path.Combine(folder, "saved.safetensors"), trainer));
        yield return ("NetworkModel.LoadParameters", () => classifier.LoadParameters(Weights));
        yield return ("NetworkModel.ResumeFrom", () => classifier.ResumeFrom(Checkpoint).Dispose());
        yield return ("TwoLayerClassifier.Load", () => TwoLayerClassifier.Load(device, Weights).Dispose());
        yield return ("LinearClassifier.Load", () => LoadLinear());
        yield return ("Regressor.Load", () => Regressor.Load(device, RegressorWeights).Dispose());
        yield return ("AgentPopulation.Save", () => agents.Save(Path.Combine(folder, "saved.safetensors")));
        yield return ("AgentPopulation.SaveAsync", () => agents.SaveAsync(Path.Combine(folder, "later-agents.safetensors")));
        yield return ("AgentPopulation.SaveBrain", () => agents.SaveBrain(1, Path.Combine(folder, "saved.safetensors")));
        yield return ("AgentPopulation.ExportOnnx", () => agents.ExportOnnx(1, Path.Combine(folder, "model.onnx")));
        yield return ("AgentPopulation.Load", () => AgentPopulation.Load(device, AgentsFile).Dispose());
        yield return ("AgentPopulation.LoadBrains", () => agents.LoadBrains(AgentsFile));
        yield return ("Regressor.ExportOnnx", () => regressor.ExportOnnx(Path.Combine(folder, "model.onnx")));
        yield return ("Classifier.ExportOnnx", () => classifier.ExportOnnx(Path.Combine(folder, "model.onnx")));
        yield return ("OnnxExport.ExportOnnx", () => classifier.Network.ExportOnnx(Path.Combine(folder, "model.onnx"), softmax: true));
    }

    /// <summary>Restores all weights to those of the first <see cref="Fingerprint"/>, and clears the results.</summary>
    public void Reset()
    {
        classifier.SetParameters(parameters);
        sharingAgents.SetBrain(0, memberParameters);
        for (int member = 0; member < Members; member++)
        {
            population.SetParameters(member, memberParameters);
            agents.SetBrain(member, memberParameters);
        }

        Array.Clear(results);
        Array.Clear(losses);
    }

    /// <summary>All weights, and the results of the last calls.</summary>
    public float[] Fingerprint()
    {
        IEnumerable<ClassifierParameters> networks =
        [
            classifier.GetParameters(), sharingAgents.GetBrain(0),
            .. Enumerable.Range(0, Members).SelectMany(member => (ClassifierParameters[])[population.GetParameters(member), agents.GetBrain(member)]),
        ];
        return [.. results, .. losses, .. networks.SelectMany(network => (float[])[.. network.HiddenWeights, .. network.HiddenBiases, .. network.OutputWeights, .. network.OutputBiases])];
    }

    /// <summary>Runs some frames in which the outcome of enqueued work becomes known; returns the reports of skipped dispatches.</summary>
    public List<string> RunFrames()
    {
        List<string> told = [];
        for (int frame = 0; frame < 4; frame++)
        {
            foreach (Action call in (Action[])[device.Update, () => frameTrainer.Tick(), () => timedTrainer.Tick(), agents.Update, sharingAgents.Update, () => seeingAgents?.Update()])
            {
                try
                {
                    call();
                }
                catch (DispatchesSkippedException exception)
                {
                    told.Add(exception.Message);
                }
            }
        }

        timedTrainer.Pause();
        return told;
    }

    /// <summary>A prediction with the initial weights.</summary>
    public float[] Predict()
    {
        classifier.SetParameters(parameters);
        classifier.Predict(Features, results);
        return results;
    }

    public void Dispose()
    {
        agents.Dispose();
        sharingAgents.Dispose();
        seeingAgents?.Dispose();
        trainer.Dispose();
        frameTrainer.Dispose();
        timedTrainer.Dispose();
        samples.Dispose();
        picture?.Dispose();
        classifier.Dispose();
        regressor.Dispose();
        population.Dispose();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    /// <summary>Agents that decide and learn in every frame.</summary>
    private AgentPopulation MakeAgents(BrainSharing sharing, TextureObservations? textures = null)
    {
        AgentPopulation made = new(device, new AgentPopulationOptions
        {
            Observations = Inputs,
            Actions = Classes,
            HiddenUnits = Hidden,
            Capacity = Members,
            Brains = sharing,
            TextureObservations = textures,
            Learning = new PolicyGradient { BatchSize = 1, Horizon = 1 },
        });
        for (int i = 0; i < Members; i++)
        {
            made.Add(new ProbeAgent
            {
                Observations = _ => Features[..Inputs],
                Act = (self, action) => self.AddReward(action),
                Look = (_, sensor) =>
                {
                    if (textures is not null) sensor.SetTexture(picture!.TextureName);
                },
            });
        }


        return made;
    }

    private void LoadLinear()
    {
        string path = Path.Combine(folder, "linear.safetensors");
        if (!File.Exists(path))
        {
            using LinearClassifier linear = new(device, Inputs, Classes);
            linear.Save(path);
        }

        LinearClassifier.Load(device, path).Dispose();
    }
}
