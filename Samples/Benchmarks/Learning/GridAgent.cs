namespace NeuralPlugin.Benchmarks;

/// <summary>
/// A walker on a grid of 5 × 5 fields that must reach a goal: 1 there, and −0.01 per step; 100 steps at most. It sees its position and the goal's, each
/// one-hot. An episode's score is 1 if its path was the shortest possible, else 0.
/// </summary>
internal sealed class GridAgent : TaskAgent
{
    public const int Observations = 2 * Fields;
    public const int Actions = 4;

    private const int Side = 5, Fields = Side * Side;

    private int x, y, goalX, goalY, shortest;

    public GridAgent(TaskLog log, int seed, int number) : base(log, seed, number) => MaxStep = 100;

    protected override float Score => (x, y) == (goalX, goalY) && StepCount == shortest ? 1 : 0;

    public override void OnEpisodeBegin()
    {
        int start = Random.NextInt32(Fields), goal = (start + 1 + Random.NextInt32(Fields - 1)) % Fields;
        (x, y, goalX, goalY) = (start % Side, start / Side, goal % Side, goal / Side);
        shortest = Math.Abs(goalX - x) + Math.Abs(goalY - y);
    }

    public override void CollectObservations(VectorSensor sensor)
    {
        sensor.AddOneHotObservation((y * Side) + x, Fields);
        sensor.AddOneHotObservation((goalY * Side) + goalX, Fields);
    }

    protected override bool Act(int action)
    {
        (int stepX, int stepY) = action switch { 0 => (1, 0), 1 => (-1, 0), 2 => (0, 1), _ => (0, -1) };
        (x, y) = (Math.Clamp(x + stepX, 0, Side - 1), Math.Clamp(y + stepY, 0, Side - 1));
        bool isThere = (x, y) == (goalX, goalY);
        AddReward(isThere ? 0.99f : -0.01f);
        return isThere;
    }
}
