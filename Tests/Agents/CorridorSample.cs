using NeuralPlugin;

/// <summary>The whole of the example in Documentation~/agents.md, world included.</summary>
internal sealed class Walker : Agent
{
    private readonly Random random = new(1);
    private float position, goal;

    public override void OnEpisodeBegin()
    {
        position = 5;
        goal = random.Next(2) * 10;
    }

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddObservation(position);
        sensor.AddObservation(goal);
    }

    public override void OnActionReceived(int action)
    {
        float before = Math.Abs(goal - position);
        position = Math.Clamp(position + action - 1, 0, 10);   // 0: left, 1: stay, 2: right
        AddReward(before - Math.Abs(goal - position) - 0.1f);
        if (position == goal || StepCount == 50) EndEpisode();
    }
}

internal static class Corridor
{
    public static float Play(NeuralDevice device, int frames)
    {
        using AgentPopulation agents = new(device, new() { Observations = 2, Actions = 3, Capacity = 100, Learning = ActorCritic.Quick });
        for (int i = 0; i < 100; i++) agents.Add(new Walker());
        for (int frame = 0; frame < frames; frame++) agents.Update();
        return agents.Progress.MeanEpisodeReward;
    }
}
