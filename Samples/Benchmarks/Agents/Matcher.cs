namespace NeuralPlugin.Benchmarks;

/// <summary>Sees sixteen numbers, the first four of which show which action is rewarded; each episode is one decision long.</summary>
internal class Matcher(int number) : Agent
{
    public const int Observations = 16;
    public const int Actions = 4;

    private readonly SeededRandom random = new(1, (ulong)number);
    private int right;

    public override void OnEpisodeBegin() => right = random.NextInt32(Actions);

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddOneHotObservation(right, Actions);
        for (int i = Actions; i < Observations; i++) sensor.AddObservation(random.NextSingle() - 0.5f);
    }

    public override void OnActionReceived(int action)
    {
        AddReward(action == right ? 1 : 0);
        EndEpisode();
    }
}
