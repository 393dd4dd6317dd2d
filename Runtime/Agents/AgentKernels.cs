namespace NeuralPlugin;

/// <summary>The kernels that the brains of a population decide and learn with, before there is one.</summary>
internal static class AgentKernels
{
    /// <summary>Those for the options, whose placement is on this device. What is timed where a card offers several configurations is a training step, if they learn.</summary>
    public static KernelSet For(NeuralDevice device, AgentPopulationOptions options)
    {
        int inputs = checked(options.StackedObservations + (options.TextureObservations?.Values ?? 0));
        NetworkKernels kernels = new(device);
        return options.Brains == BrainSharing.OneEach ? OfOwnBrains(kernels, options, inputs) : OfASharedBrain(kernels, options, inputs);
    }

    /// <summary>
    /// Agents act from their first frame on, and keep the kernels that they have then. What nobody has tuned before is tuned beside them, for the next start, where that holds up no frame: if
    /// candidates are not compiled inside the calls, and if what is found can be remembered.
    /// </summary>
    public static void TuneForTheNextStart(NeuralDevice device, AgentPopulationOptions options)
    {
        if (!device.Limits.CompilesBesideCalls || device.KernelCacheFolder is null) return;
        KernelSet kernels = For(device, options);
        if (kernels.Tuner is not null) _ = device.WarmUp(kernels);
    }

    private static KernelSet OfASharedBrain(NetworkKernels kernels, AgentPopulationOptions options, int inputs)
    {
        Stack stack = new(inputs, [new Dense(options.HiddenUnits), new Relu(), new Dense(options.Outputs)]);
        int capacity = options.Capacity;
        IEnumerable<Dispatch> Decision(FamilyKernels configured) => PredictionWorkspace.KernelsFor(stack, configured, capacity, softmax: false);
        if (options.Learning is not { } learning) return kernels.SetOf(capacity, Decision, Decision);
        int rows = ComputationGraph.RequireCapacity(learning.MostRowsOfAStep(options));
        Loss loss = learning.CreateLoss(options);
        Optimizer optimizer = learning.OptimizerFor(options);
        return kernels.SetOf(
            rows, configured => StepWorkspace.KernelsFor(stack, configured, rows, loss, optimizer),
            configured => [.. Decision(configured), .. StepWorkspace.LoggedKernelsFor(stack, configured, rows, loss, optimizer)]);
    }

    private static KernelSet OfOwnBrains(NetworkKernels kernels, AgentPopulationOptions options, int inputs)
    {
        PopulationShape shape = new(options.Capacity, inputs, options.HiddenUnits, options.Outputs);
        AgentLearning? learning = options.Learning;
        Loss loss = learning?.CreateLoss(options) ?? Loss.OfLabels;
        Optimizer? optimizer = learning?.OptimizerFor(options);
        int rows = learning?.MostRowsOfAStep(options) ?? 1;
        IEnumerable<Dispatch> All(FamilyKernels configured)
        {
            PopulationGraph graph = new(configured, shape, new Relu(), loss);
            Dispatch decision = graph.PlannedForward(rows: 1, softmax: false);
            return optimizer is null ? [decision] : graph.PlannedStep(rows, optimizer).Append(decision);
        }

        return kernels.SetOf(rows, All, All);
    }
}
