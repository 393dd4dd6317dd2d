namespace NeuralPlugin.Orleans;

/// <summary>
/// A round: the differences of some servers from the current version, and their sum. Every sum runs in the order of arrival, in double precision, so that the same differences in the
/// same order give the same bits.
/// </summary>
internal sealed class BrainRound
{
    private BrainState current;
    private readonly double trimmedShare;
    private readonly Dictionary<string, long> sequences = [];
    private readonly List<Contribution> kept = [];   // if the mean is trimmed
    private readonly double[] sums;                  // of all weights, weighted by decisions
    private double meanSum, deviationSum, scaleDecisions;
    private Statistics observed;

    /// <param name="current">The version that differences start from.</param>
    /// <param name="trimmedShare">The share that is ignored at either end.</param>
    public BrainRound(BrainState current, double trimmedShare)
    {
        this.current = current;
        this.trimmedShare = trimmedShare;
        sums = new double[BrainMath.Arrays(current).Sum(array => array.Length)];
        observed = new Statistics(0, new double[current.Observations], new double[current.Observations]);
    }

    /// <summary>Senders in it.</summary>
    public int Senders => sequences.Count;

    /// <summary>Decisions that led to their differences.</summary>
    public long Decisions { get; private set; }

    /// <summary>Makes it the round after this version; its existing differences are then one version late, and are converted to the new version's scale of values.</summary>
    public void GoOnFrom(BrainState version)
    {
        double factor = current.ValueDeviation > 0 && version.ValueDeviation > 0 ? current.ValueDeviation / (double)version.ValueDeviation : 1;
        current = version;
        if (factor == 1 || Senders == 0) return;
        int at = 0;
        foreach ((int array, float[] values) in BrainMath.Arrays(version).Index())
        {
            for (int i = 0; i < values.Length; i++, at++)
            {
                if (!BrainMath.IsOfValue(version, array, i)) continue;
                sums[at] *= factor;
                foreach (Contribution one in kept) one.Values[at] = (float)(factor * one.Values[at]);
            }
        }
    }

    /// <summary>The number of a sender's difference that is in it; 0 for none.</summary>
    public long SequenceOf(string sender) => sequences.GetValueOrDefault(sender);

    /// <summary>Adds a difference from a sender that is not in it yet. Its value weights are in the scale of the current version or, where that has none yet, in that of its server.</summary>
    public void Add(string sender, long sequence, BrainState difference)
    {
        sequences.Add(sender, sequence);
        Decisions += difference.Decisions;
        if (trimmedShare > 0)
        {
            kept.Add(new Contribution([.. BrainMath.Arrays(difference).SelectMany(array => array)], difference));
            return;
        }

        int at = 0;
        foreach (float[] array in BrainMath.Arrays(difference))
        {
            foreach (float value in array) sums[at++] += (double)value * difference.Decisions;
        }

        if (current.NormalizesObservations) observed = observed.With(Statistics.Of(difference));
        if (difference.ValueDeviation <= 0) return;
        meanSum += (double)difference.ValueMean * difference.Decisions;
        deviationSum += (double)difference.ValueDeviation * difference.Decisions;
        scaleDecisions += difference.Decisions;
    }

    /// <summary>The mean of all differences, as one that represents them all.</summary>
    public BrainState Mean()
    {
        BrainState mean = current.Copy();
        double[] values = trimmedShare > 0 ? TrimmedMeans() : [.. sums.Select(sum => sum / Decisions)];
        int at = 0;
        foreach (float[] array in BrainMath.Arrays(mean))
        {
            for (int i = 0; i < array.Length; i++) array[i] = (float)values[at++];
        }

        (Statistics seen, (mean.ValueMean, mean.ValueDeviation)) = trimmedShare > 0 ? TrimmedStatistics()
            : (observed, scaleDecisions > 0 ? ((float)(meanSum / scaleDecisions), (float)(deviationSum / scaleDecisions)) : (0f, 0f));
        if (mean.NormalizesObservations) seen.StoreIn(mean);
        mean.Decisions = Decisions;
        return mean;
    }

    /// <summary>The next version, and the new state of the server's rule.</summary>
    public (BrainState Next, ServerMemory Memory) Close(ServerMemory memory, BrainOptions options)
    {
        BrainState mean = Mean();
        ServerMemory moved = memory.Move(mean, options, out BrainState step);
        BrainState next = BrainMath.Add(current, step, current);
        float before = next.ValueDeviation;
        if (mean.ValueDeviation > 0) BrainMath.Scale(next, (mean.ValueMean, mean.ValueDeviation));
        moved.Rescale(next, before > 0 && next.ValueDeviation > 0 ? before / (double)next.ValueDeviation : 1);
        return (next, moved);
    }

    /// <summary>The means of each weight without the smallest and the largest.</summary>
    private double[] TrimmedMeans()
    {
        double[] means = new double[sums.Length], column = new double[kept.Count];
        for (int i = 0; i < means.Length; i++)
        {
            for (int sender = 0; sender < column.Length; sender++) column[sender] = kept[sender].Values[i];
            means[i] = TrimmedMean(column);
        }

        return means;
    }

    /// <summary>The same for means and variances; each sender counts with the median number of rows, so that none can claim all of them.</summary>
    private (Statistics Seen, (float Mean, float Deviation) Scale) TrimmedStatistics()
    {
        double[] counts = [.. kept.Select(one => (double)one.Difference.ObservationCount)];
        Array.Sort(counts);
        long rows = (long)counts[counts.Length / 2] * kept.Count;
        double[] means = new double[current.Observations], squares = new double[current.Observations];
        Statistics[] all = current.NormalizesObservations ? [.. kept.Select(one => Statistics.Of(one.Difference)).Where(one => one.Count > 0)] : [];
        for (int i = 0; all.Length > 0 && i < means.Length; i++)
        {
            means[i] = TrimmedMean([.. all.Select(one => one.Means[i])]);
            squares[i] = rows * TrimmedMean([.. all.Select(one => (one.Squares[i] / one.Count) + ((one.Means[i] - means[i]) * (one.Means[i] - means[i])))]);
        }

        BrainState[] scaled = [.. kept.Select(one => one.Difference).Where(one => one.ValueDeviation > 0)];
        (float, float) scale = scaled.Length == 0 ? (0, 0)
            : ((float)TrimmedMean([.. scaled.Select(one => (double)one.ValueMean)]), (float)TrimmedMean([.. scaled.Select(one => (double)one.ValueDeviation)]));
        return (new Statistics(all.Length == 0 ? 0 : rows, means, squares), scale);
    }

    private double TrimmedMean(double[] values)
    {
        Array.Sort(values);
        int cut = Math.Min((int)(trimmedShare * values.Length), (values.Length - 1) / 2);
        double sum = 0;
        for (int i = cut; i < values.Length - cut; i++) sum += values[i];
        return sum / (values.Length - (2 * cut));
    }

    private sealed record Contribution(float[] Values, BrainState Difference);
}

/// <summary>The state of the server's rule between rounds: nothing, the momentum, or both moments, in the order of the weights.</summary>
/// <param name="First">The first moment; empty before the first round.</param>
/// <param name="Second">The second; empty if the rule has none.</param>
internal sealed record ServerMemory(float[] First, float[] Second)
{
    public static ServerMemory None { get; } = new([], []);

    /// <summary>Whether all numbers are finite.</summary>
    public bool IsFinite => First.All(float.IsFinite) && Second.All(float.IsFinite);

    /// <summary>Updates the moments with the mean of a round.</summary>
    /// <param name="mean">The mean of the differences.</param>
    /// <param name="options">The rule.</param>
    /// <param name="step">Receives the change of the current version.</param>
    public ServerMemory Move(BrainState mean, BrainOptions options, out BrainState step)
    {
        step = mean.Copy();
        if (options.Rule == ServerRule.Average && options.ServerLearningRate == 1) return None;
        float[][] arrays = BrainMath.Arrays(step);
        int count = arrays.Sum(array => array.Length), at = 0;
        float[] first = options.Rule == ServerRule.Average ? [] : First.Length == count ? [.. First] : new float[count];
        float[] second = options.Rule != ServerRule.Adam ? [] : Second.Length == count ? [.. Second] : new float[count];
        foreach (float[] array in arrays)
        {
            for (int i = 0; i < array.Length; i++, at++) array[i] = (float)(options.ServerLearningRate * Next(array[i], at));
        }

        return new ServerMemory(first, second);

        double Next(double gradient, int i)
        {
            switch (options.Rule)
            {
                case ServerRule.Momentum:
                    first[i] = (float)((options.Momentum * first[i]) + gradient);
                    return first[i];
                case ServerRule.Adam:
                    first[i] = (float)((options.Momentum * first[i]) + ((1 - options.Momentum) * gradient));
                    second[i] = (float)((options.SecondMomentum * second[i]) + ((1 - options.SecondMomentum) * gradient * gradient));
                    return first[i] / (Math.Sqrt(second[i]) + options.Adaptivity);
                default:
                    return gradient;
            }
        }
    }

    /// <summary>Converts the moments of the value output to another scale.</summary>
    public void Rescale(BrainState brain, double factor)
    {
        if (factor == 1 || First.Length == 0) return;
        int at = 0;
        foreach ((int a, float[] array) in BrainMath.Arrays(brain).Index())
        {
            for (int i = 0; i < array.Length; i++, at++)
            {
                if (!BrainMath.IsOfValue(brain, a, i)) continue;
                First[at] = (float)(First[at] * factor);
                if (Second.Length > 0) Second[at] = (float)(Second[at] * factor * factor);
            }
        }
    }
}
