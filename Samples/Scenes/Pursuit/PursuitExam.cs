namespace NeuralPlugin.Samples;

/// <summary>
/// Queries a brain's actions in states that it never learned from: those of a separate world, in which all pursuers follow the
/// script.
/// </summary>
internal sealed class PursuitExam : IDisposable
{
    private const int Skipped = 60;
    private const int Frames = 100;
    private const int FramesBetween = 11;

    private readonly float[] states;
    private readonly int[] answers;
    private readonly int[] asked = new int[PursuitWorld.Actions];
    private readonly double[] recalls = new double[PursuitWorld.Actions];
    private readonly float[] probabilities;
    private readonly TwoLayerClassifier brain;

    /// <param name="device">The device that the brain is copied to.</param>
    /// <param name="world">The source of the states; it is run.</param>
    /// <param name="hidden">Hidden units of the brains.</param>
    public PursuitExam(NeuralDevice device, PursuitWorld world, int hidden)
    {
        var pursuers = world.Pursuers.Length;
        states = new float[Frames * pursuers * PursuitWorld.Observations];
        answers = new int[Frames * pursuers];
        probabilities = new float[Frames * pursuers * PursuitWorld.Actions];
        Play(world);
        foreach (var answer in answers) asked[answer]++;
        brain = new TwoLayerClassifier(device, PursuitWorld.Observations, hidden, PursuitWorld.Actions);
    }

    /// <summary>The number of states.</summary>
    public int Count => answers.Length;

    /// <summary>[actions]: of the states in which the script takes the action, the share in which the brain last took it too.</summary>
    public IReadOnlyList<double> Recalls => recalls;

    /// <summary>The mean of the recalls, so that a common action counts no more than others; a quarter for random actions.</summary>
    public double BalancedAccuracy { get; private set; }

    /// <summary>The mean cross-entropy of the script's actions.</summary>
    public double Loss { get; private set; }

    /// <summary>The mean entropy of the brain's policy, in nats.</summary>
    public double Entropy { get; private set; }

    /// <summary>The share of the states in which the script takes its most common action.</summary>
    public double LargestShare => (double)asked.Max() / Count;

    /// <summary>Waits for the answers.</summary>
    public void Ask(ClassifierParameters parameters)
    {
        brain.SetParameters(parameters);
        brain.Predict(states, probabilities);
        Array.Clear(recalls);
        var (loss, entropy) = (0.0, 0.0);
        for (var i = 0; i < Count; i++)
        {
            var row = probabilities.AsSpan(i * PursuitWorld.Actions, PursuitWorld.Actions);
            if (Likeliest(row) == answers[i]) recalls[answers[i]] += 1.0 / asked[answers[i]];
            loss -= Math.Log(Math.Max(row[answers[i]], float.Epsilon));
            foreach (var p in row) entropy -= p > 0 ? p * Math.Log(p) : 0;
        }

        BalancedAccuracy = recalls.Average();
        (Loss, Entropy) = (loss / Count, entropy / Count);
    }

    public void Dispose() => brain.Dispose();

    // As in a game, a decision of one frame is carried out in the next.
    private void Play(PursuitWorld world)
    {
        Span<float> seen = stackalloc float[PursuitWorld.Observations];
        var pursuers = world.Pursuers.Length;
        for (var frame = 0; frame < Skipped + Frames * FramesBetween; frame++)
        {
            world.Step();
            var kept = frame - Skipped;
            for (var i = 0; i < pursuers; i++)
            {
                world.Observe(i, seen);
                var action = PursuitWorld.Script(seen);
                world.Steer(i, action);
                if (kept < 0 || kept % FramesBetween != 0) continue;
                var row = kept / FramesBetween * pursuers + i;
                seen.CopyTo(states.AsSpan(row * PursuitWorld.Observations));
                answers[row] = action;
            }
        }
    }

    private static int Likeliest(ReadOnlySpan<float> probabilities)
    {
        var best = 0;
        for (var i = 1; i < probabilities.Length; i++)
        {
            if (probabilities[i] > probabilities[best]) best = i;
        }

        return best;
    }
}
