namespace NeuralPlugin.Orleans;

/// <summary>The number of rows of observations, the mean of each observation, and the sum of its squared differences from the mean.</summary>
/// <remarks>
/// Two of them merge exactly into those of all their rows, and subtracting one leaves the other (Chan, Golub and LeVeque, 1979, "Updating formulae and a pairwise algorithm for computing sample variances").
/// </remarks>
internal sealed class Statistics(long count, double[] means, double[] squares)
{
    public long Count => count;

    public IReadOnlyList<double> Means => means;

    public IReadOnlyList<double> Squares => squares;

    public static Statistics Of(BrainState brain) => new(brain.ObservationCount, brain.ObservationMeans.ToArray(), brain.ObservationSquares.ToArray());

    /// <summary>The statistics of the observations between two states of one brain.</summary>
    public static Statistics Since(BrainState from, BrainState to) => Of(to).Without(Of(from));

    /// <summary>The statistics of these rows and the others.</summary>
    public Statistics With(Statistics other)
    {
        if (count == 0) return other;
        if (other.Count == 0) return this;
        long all = count + other.Count;
        double[] mergedMeans = new double[means.Length], mergedSquares = new double[means.Length];
        for (int i = 0; i < means.Length; i++)
        {
            double difference = other.Means[i] - means[i];
            mergedMeans[i] = means[i] + (difference * other.Count / all);
            mergedSquares[i] = squares[i] + other.Squares[i] + (difference * difference * ((double)count * other.Count / all));
        }

        return new Statistics(all, mergedMeans, mergedSquares);
    }

    /// <summary>The statistics of these rows without the others, which are among them.</summary>
    public Statistics Without(Statistics other)
    {
        if (other.Count == 0) return this;
        long left = count - other.Count;
        double[] leftMeans = new double[means.Length], leftSquares = new double[means.Length];
        for (int i = 0; left > 0 && i < means.Length; i++)
        {
            leftMeans[i] = means[i] + ((means[i] - other.Means[i]) * other.Count / left);
            double difference = leftMeans[i] - other.Means[i];
            leftSquares[i] = Math.Max(0, squares[i] - other.Squares[i] - (difference * difference * ((double)left * other.Count / count)));
        }

        return new Statistics(Math.Max(0, left), leftMeans, leftSquares);
    }

    /// <summary>The normalization of an observation, y = (x − offset)·scale, as a population applies it: a deviation that is only the rounding of a constant is no scale.</summary>
    public (double Offset, double Scale) AppliedTo(int observation)
    {
        const double LeastRelativeDeviation = 1e-6, DeviationOfConstants = 1e-4, MostScale = 1e38;
        if (count == 0) return (0, 1);
        double mean = means[observation], deviation = Math.Sqrt(count < 2 ? 0 : squares[observation] / count);
        if (deviation <= LeastRelativeDeviation * Math.Abs(mean)) deviation = Math.Max(deviation, DeviationOfConstants);
        return (mean, Math.Min(1 / deviation, MostScale));
    }

    public void StoreIn(BrainState brain) => brain.SetObservations(count, means, squares);
}
