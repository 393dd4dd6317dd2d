using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Agents that decide on request, as turn-based games need.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class RequestedDecisionTests
{
    [Test]
    public void WhoDecidesOnRequestActsOnceForEach([Values(null, 0, 1, 3)] int? latency)
    {
        using AgentPopulation population = Make(latency);
        ProbeAgent agent = new() { DecisionPeriod = 0 };
        population.Add(agent);
        for (int frame = 0; frame < 5; frame++) TestDevice.Frame(population);
        Assert.That(agent.Calls, Is.EqualTo(new[] { "begin" }), "nobody has asked");
        for (int turn = 1; turn <= 3; turn++)
        {
            agent.RequestDecision();
            agent.RequestDecision();
            for (int frame = 0; frame < 8; frame++) TestDevice.Frame(population);
            Assert.That(agent.ActionsReceived, Has.Count.EqualTo(turn));
            Assert.That(agent.StepCount, Is.EqualTo(turn));
            Assert.That(agent.Calls.Count(call => call == "observe"), Is.EqualTo(turn));
        }

        agent.EndEpisode();
        agent.RequestDecision();
        for (int frame = 0; frame < 8; frame++) TestDevice.Frame(population);
        Assert.That(agent.ActionsReceived, Has.Count.EqualTo(3), "a request is of its episode");
        Assert.That(() => agent.DecisionPeriod = -1, Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void ARequestComesBesideThePeriod()
    {
        using AgentPopulation population = Make(latency: 0);
        ProbeAgent agent = new() { DecisionPeriod = 4 };
        population.Add(agent);
        population.Update();
        population.Update();
        agent.RequestDecision();
        for (int frame = 0; frame < 4; frame++) population.Update();
        Assert.That(agent.Calls.Count(call => call == "observe"), Is.EqualTo(2));
        population.Update();
        Assert.That(agent.Calls.Count(call => call == "observe"), Is.EqualTo(3), "four frames after the request");
        Assert.That(agent.ActionsReceived, Has.Count.EqualTo(7), "actions are repeated");
    }

    [Test]
    public void TheHeuristicIsAskedOnRequestToo()
    {
        using AgentPopulation population = Make(latency: 2);
        ProbeAgent agent = new() { DecisionPeriod = 0, ActsByHeuristic = true, Demonstration = _ => 1 };
        population.Add(agent);
        population.Update();
        agent.RequestDecision();
        for (int frame = 0; frame < 4; frame++) population.Update();
        Assert.That(agent.ActionsReceived, Is.EqualTo(new[] { 1 }));
    }

    /// <summary>Two agents take turns on one board, with any latency: only the one that is asked may change the board, so no move is illegal.</summary>
    [Test]
    public void NoMoveOfAGameThatTakesTurnsIsIllegal([Values(null, 0, 2)] int? latency, [Values] bool haveBrainsOfTheirOwn)
    {
        Board board = new();
        AgentPopulationOptions options = Options(latency) with { Observations = 9, Actions = 9 };
        using AgentPopulation first = new(TestDevice.Plain, options), second = new(TestDevice.Plain, options with { Seed = 2 });
        AgentPopulation other = haveBrainsOfTheirOwn ? second : first;
        Player[] players = [new(board, 0), new(board, 1)];
        first.Add(players[0]);
        other.Add(players[1]);
        for (int frame = 0; frame < 600; frame++)
        {
            if (!board.IsAsked)
            {
                board.IsAsked = true;
                players[board.Turn].RequestDecision();
            }

            TestDevice.Frame(first);
            if (other != first) TestDevice.Frame(other);
        }

        Assert.That(board.IllegalMoves, Is.Zero);
        Assert.That(board.Games, Is.GreaterThan(10));
        Assert.That(players.Select(player => player.Moves), Has.All.GreaterThan(30));
    }

    private static AgentPopulation Make(int? latency) => new(TestDevice.Plain, Options(latency));

    private static AgentPopulationOptions Options(int? latency) =>
        new() { Observations = 1, Actions = 3, HiddenUnits = 4, Capacity = 2, Brains = BrainSharing.Shared, Latency = latency };

    /// <summary>Nine fields, taken in turns until none is free.</summary>
    private sealed class Board
    {
        public int[] Fields { get; } = new int[9];

        public int Turn { get; set; }

        public bool IsAsked { get; set; }

        public int Games { get; set; }

        public int IllegalMoves { get; set; }
    }

    private sealed class Player : Agent
    {
        private readonly Board board;
        private readonly int side;

        public Player(Board board, int side)
        {
            (this.board, this.side) = (board, side);
            DecisionPeriod = 0;
        }

        public int Moves { get; private set; }

        public override void CollectObservations(VectorSensor sensor)
        {
            foreach (int field in board.Fields) sensor.AddObservation(field);
        }

        public override void WriteDiscreteActionMask(ActionMask mask)
        {
            for (int i = 0; i < 9; i++) mask.SetActionEnabled(i, board.Fields[i] == 0);
        }

        public override void OnActionReceived(int action)
        {
            if (board.Turn != side || board.Fields[action] != 0) board.IllegalMoves++;
            board.Fields[action] = side + 1;
            Moves++;
            (board.Turn, board.IsAsked) = (1 - side, false);
            if (Array.IndexOf(board.Fields, 0) >= 0) return;
            Array.Clear(board.Fields);
            board.Games++;
        }
    }
}
