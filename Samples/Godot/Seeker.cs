#nullable enable
using System;
using Godot;

namespace NeuralPlugin.Samples;

/// <summary>Walks to a goal in the plane, and is rewarded for each step that brings it nearer.</summary>
public partial class Seeker : NeuralAgent
{
    private const float Size = 100;
    private const float Stride = 10;

    private static readonly Vector2[] Moves = [new(0, 0), new(Stride, 0), new(-Stride, 0), new(0, Stride), new(0, -Stride)];

    private readonly Random random = new();
    private Vector2 goal;

    protected override void CollectObservations(VectorSensor sensor)
    {
        Vector2 way = goal - Position;
        sensor.AddObservation(way.X / Size);
        sensor.AddObservation(way.Y / Size);
    }

    protected override void OnActionReceived(int action)
    {
        float before = (goal - Position).Length();
        Position += Moves[action];
        float after = (goal - Position).Length();
        Agent.AddReward(((before - after) / Stride) - 0.1f);
        if (after < Stride) Agent.EndEpisode();
    }

    protected override void OnEpisodeBegin()
    {
        Position = new Vector2(0, 0);
        goal = new Vector2(Coordinate(), Coordinate());
    }

    private float Coordinate() => ((2 * random.NextSingle()) - 1) * Size;
}
