namespace NeuralPlugin.Samples;

/// <summary>The trainers of a scene, which share its budget: steps are steps of each, a time is the total for all.</summary>
internal sealed class SceneTraining(SceneContext context) : IDisposable
{
    private readonly SharedFrameBudget? shared = context.Budget.Time is { } time ? new SharedFrameBudget(time) : null;
    private readonly List<InFrameTrainer> trainers = [];
    private int frame;

    /// <summary>Creates a trainer for the classifier; it is disposed with this.</summary>
    public InFrameTrainer Add(Classifier classifier, TrainingSet samples, int batchSize, Optimizer optimizer)
    {
        // Without a budget it is never ticked, and has one only because one is required.
        var budget = shared is not null ? shared : FrameBudget.Steps(Math.Max(1, context.Budget.Steps));
        var options = new TrainerOptions { BatchSize = batchSize, Optimizer = optimizer, FrameBudget = budget, Seed = context.Seed };
        var trainer = classifier.TrainOn(samples, options);
        trainers.Add(trainer);
        return trainer;
    }

    /// <summary>Call it once per frame.</summary>
    /// <exception cref="UserErrorException">A loss is no longer a number.</exception>
    public void Tick()
    {
        if (context.Budget.IsOff) return;
        var (time, steps) = (TimeSpan.Zero, 0);
        context.Device.Update();   // reads results back for all trainers; in the first one's Tick it would use up that one's part of a shared budget
        frame++;
        for (var i = 0; i < trainers.Count; i++)
        {
            // Another one comes first in each frame: a software driver draws what is left of the last frame in its first dispatch, at the expense of that one's part.
            var progress = trainers[(frame + i) % trainers.Count].Tick();
            time += progress.GpuTime;
            steps += progress.StepsThisFrame;
            if (progress.State == TrainerState.Diverged)
                throw new UserErrorException("The loss is no longer a number: the learning rate is too high.");
        }

        context.CountTraining(time, steps);
    }

    public void Dispose()
    {
        foreach (var trainer in trainers) trainer.Dispose();
    }
}
