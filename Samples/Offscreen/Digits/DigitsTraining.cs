using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// The training loop: every epoch deals the training images in a new order, in batches; the last one is smaller and is
/// learned like the others, unless it is dropped. Then it counts the recognized test images, for the curve only.
/// </summary>
internal sealed class DigitsTraining
{
    // Separate from the stream that the weights are drawn from, so that both may have the same seed.
    private const ulong ShuffleStream = 1;

    private readonly Classifier classifier;
    private readonly ImageData data;
    private readonly DigitsOptions options;
    private readonly Batches training;
    private readonly Evaluation evaluation;
    private readonly PhaseClock clock;

    public DigitsTraining(Classifier classifier, ImageData data, DigitsOptions options, PhaseClock clock)
    {
        this.classifier = classifier;
        this.data = data;
        this.options = options;
        this.clock = clock;
        training = new Batches(data.Training, options.BatchSize, options.DropLast);
        evaluation = new Evaluation(classifier, data);
    }

    public int Steps => options.Epochs * training.Count;

    /// <summary>Steps that the clock counted as training: all except the first, which belongs to the start-up.</summary>
    public int TimedSteps => Steps - 1;

    /// <exception cref="UserErrorException">The loss is no longer a number: the learning rate is too high.</exception>
    public DigitsResult Run(ITrainingObserver observer, CancellationToken cancellation)
    {
        evaluation.WarmUp();
        using var trainer = classifier.TrainWith(options.CreateOptimizer());
        var random = new SeededRandom((ulong)options.Seed, ShuffleStream);
        var epochs = new List<EpochResult>(options.Epochs);
        while (epochs.Count < options.Epochs)
        {
            var (loss, accuracy) = TrainEpoch(trainer, random, epochs.Count + 1, observer, cancellation);
            clock.Enter(Phase.Evaluation);
            evaluation.Run();
            clock.Enter(Phase.Training);
            epochs.Add(new EpochResult(epochs.Count + 1, loss, accuracy, evaluation.Confusion.Accuracy));
            observer.OnEpoch(epochs[^1]);
        }

        return new DigitsResult(options, data, epochs, evaluation.Confusion, evaluation.Predictions, classifier.GetParameters());
    }

    private (double Loss, double Accuracy) TrainEpoch(
        BatchTrainer trainer, SeededRandom random, int epoch, ITrainingObserver observer, CancellationToken cancellation)
    {
        training.Shuffle(random);
        var (loss, correct, seen) = (0.0, 0, 0);
        for (var batch = 0; batch < training.Count; batch++)
        {
            cancellation.ThrowIfCancellationRequested();
            training.Deal(batch);
            var result = trainer.TrainBatchOfBytes(training.Pixels, training.Labels);
            if (epoch == 1 && batch == 0) clock.Enter(Phase.Training);
            if (!float.IsFinite(result.Loss))
            {
                throw new UserErrorException(Invariant(
                    $"The loss is {result.Loss} at step {trainer.Steps + 1}: the learning rate {options.LearningRate} is too high here."));
            }

            loss += (double)result.Loss * training.Rows;
            correct += result.Correct;
            seen += training.Rows;
            observer.OnStep(epoch, loss / seen, (double)correct / seen);
        }

        return (loss / seen, (double)correct / seen);
    }
}
