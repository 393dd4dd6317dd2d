#nullable enable
using System;
using System.Collections.Generic;

namespace Godot;

/// <summary>The parts of Godot that Samples/Godot uses, under Godot's names, so that a test can compile it; none of this code is Godot's.</summary>
public class Node
{
    private readonly List<Node> children = [];
    private Node? parent;

    public string Name => GetType().Name;

    public Node? GetParent() => parent;

    public void AddChild(Node node)
    {
        node.parent = this;
        children.Add(node);
    }

    public virtual void _EnterTree()
    {
    }

    public virtual void _Process(double delta)
    {
    }

    public virtual void _ExitTree()
    {
    }

    /// <summary>Parents first.</summary>
    public void Enter()
    {
        _EnterTree();
        foreach (Node child in children) child.Enter();
    }

    public void Process()
    {
        _Process(1.0 / 60);
        foreach (Node child in children) child.Process();
    }

    /// <summary>Children first.</summary>
    public void Exit()
    {
        foreach (Node child in children) child.Exit();
        _ExitTree();
    }
}

public class Node2D : Node
{
    public Vector2 Position { get; set; }
}

public readonly record struct Vector2(float X, float Y)
{
    public float Length() => MathF.Sqrt((X * X) + (Y * Y));

    public static Vector2 operator +(Vector2 a, Vector2 b) => new(a.X + b.X, a.Y + b.Y);

    public static Vector2 operator -(Vector2 a, Vector2 b) => new(a.X - b.X, a.Y - b.Y);
}

[AttributeUsage(AttributeTargets.Property)]
public sealed class ExportAttribute : Attribute;

public static class GD
{
    public static List<string> Errors { get; } = [];

    public static void PushError(string message) => Errors.Add(message);
}

public static class ProjectSettings
{
    public static string GlobalizePath(string path) => path;
}
