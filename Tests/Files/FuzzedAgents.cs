namespace NeuralPlugin.Tests;

/// <summary>Small populations whose files are corrupted; if a file is accepted, the population must act and learn.</summary>
internal static class FuzzedAgents
{
    private const int Frames = 25;

    private static readonly AgentPopulationOptions Common = new()
    {
        Observations = 2,
        Actions = 2,
        HiddenUnits = 3,
        Capacity = 2,
        Latency = 0,
        FrameBudget = FrameBudget.Steps(2),
    };

    public static IReadOnlyList<AgentPopulationOptions> Ways { get; } =
    [
        Common with { Brains = BrainSharing.Shared, Learning = new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 2, Epochs = 2, Minibatches = 2 } },
        Common with
        {
            Brains = BrainSharing.Shared,
            Learning = new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 2, Epochs = 2, Minibatches = 2 },
            SelfPlay = new SelfPlay { SaveSteps = 6, SwapSteps = 4, TeamChange = 9, Window = 2 },
        },
        Common with { NumStackedVectorObservations = 2, Learning = new PolicyGradient { BatchSize = 4, Horizon = 3, Epochs = 2 } },
        Common with { Brains = BrainSharing.Shared, Learning = new BehaviorCloning { BatchSize = 4, Capacity = 6 } },
        Common with { Learning = new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 2, Epochs = 2, Minibatches = 2 } },
        Common with
        {
            Brains = BrainSharing.Shared,
            ActionSpec = new ActionSpec(1, 2, 2),
            Learning = new ActorCritic { RolloutSize = 8, LeastRolloutPerAgent = 2, Epochs = 2, Minibatches = 2, Cloning = new CloningTerm { BatchSize = 2, Capacity = 5, DecayDecisions = 0 } },
        },
        Common with { ActionSpec = ActionSpec.MakeContinuous(2), Learning = new PolicyGradient { BatchSize = 4, Horizon = 3, Epochs = 2 } },
    ];

    /// <summary>The file of a population that has learned a little, and the population.</summary>
    public static (byte[] File, AgentPopulation Population) Make(NeuralDevice device, AgentPopulationOptions options)
    {
        AgentPopulation population = new(device, options);
        for (int i = 0; i < options.Capacity; i++) population.Add(new Stepper { TeamId = i, Demonstrates = options.Learning is BehaviorCloning or ActorCritic { Cloning: not null } });
        for (int frame = 0; frame < Frames; frame++) population.Update();
        using MemoryStream stream = new();
        BrainsContent brains = population.ReadBrains();
        AgentStateFile.Write(stream, population.State.Header, brains, population.State.Capture());
        return (stream.ToArray(), population);
    }

    /// <summary>Runs some frames. Brains with the largest weights that a file may have produce no finite outputs, and report that.</summary>
    public static void Run(AgentPopulation population)
    {
        for (int frame = 0; frame < 3; frame++)
        {
            try
            {
                population.Update();
            }
            catch (AgentException exception) when (exception.Message.Contains("not finite", StringComparison.Ordinal))
            {
            }
        }
    }

    private sealed class Stepper : Agent
    {
        public override void CollectObservations(VectorSensor sensor)
        {
            sensor.AddObservation(StepCount);
            sensor.AddObservation(Index);
        }

        public override void Heuristic(in ActionBuffers actionsOut)
        {
            if (actionsOut.DiscreteActions.Length > 0) actionsOut.DiscreteActions[0] = Index;
        }

        public override void OnActionReceived(ActionBuffers actions)
        {
            AddReward(actions.DiscreteActions.Length > 0 ? actions.DiscreteActions[0] : actions.ContinuousActions[0]);
            if (StepCount == 4) EndEpisode();
        }
    }
}
