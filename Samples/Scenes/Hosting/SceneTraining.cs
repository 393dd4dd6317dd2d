using System.Diagnostics;

namespace NeuralPlugin.Samples;

/// <summary>A trainer of a scene, as far as the sharing of a budget looks at it.</summary>
internal interface ISceneTrainer
{
    void Step();
}

/// <summary>Trains within the frame's budget. Trainers of one scene take turns: steps are steps of each, time is the time of all.</summary>
internal sealed class SceneTraining(SceneContext context, IReadOnlyList<ISceneTrainer> trainers)
{
    private int next;

    /// <summary>Once a frame.</summary>
    public void Tick()
    {
        if (context.Budget.IsOff) return;
        var start = Stopwatch.GetTimestamp();
        var steps = 0;
        if (context.Budget.Time is { } time)
        {
            // A step that would end after the budget does is not begun: its cost is taken to be the mean of those before.
            while (steps == 0 || Stopwatch.GetElapsedTime(start) * ((steps + 1.0) / steps) <= time)
            {
                trainers[next].Step();
                next = (next + 1) % trainers.Count;
                steps++;
            }
        }
        else
        {
            for (; steps < context.Budget.Steps * trainers.Count; steps++) trainers[steps % trainers.Count].Step();
        }

        context.CountTraining(Stopwatch.GetElapsedTime(start), steps);
    }
}
