namespace NeuralPlugin.Orleans;

/// <summary>
/// Differences of brains. The weights of the value output mean nothing without the scale of the values, which moves with the rewards. Their difference is in the scale of the brain that it starts from, so
/// that differences of servers with different scales can be averaged, and the mean of values is the value of the mean.
/// </summary>
internal static class BrainMath
{
    /// <summary>The difference between two brains.</summary>
    /// <returns>Weights: differences. Statistics: of the observations since. Scale of values: that of the later brain. Decisions: those since.</returns>
    public static BrainState Difference(BrainState from, BrainState to)
    {
        BrainState difference = to.Copy();
        (float Mean, float Deviation) scale = ScaleOf(from, to);
        Scale(difference, scale);
        float[][] target = Arrays(difference), start = Arrays(from);
        for (int i = 0; i < target.Length; i++)
        {
            for (int j = 0; j < target[i].Length; j++) target[i][j] = (float)((double)target[i][j] - start[i][j]);
        }

        (difference.ValueMean, difference.ValueDeviation) = (to.ValueMean, to.ValueDeviation);
        difference.Decisions = Math.Max(0, to.Decisions - from.Decisions);
        if (to.NormalizesObservations) Statistics.Since(from, to).StoreIn(difference);
        return difference;
    }

    /// <summary>Adds the difference between two brains to a third, which others have derived from the first.</summary>
    /// <param name="onto">The third.</param>
    /// <param name="difference">The result of <see cref="Difference"/>.</param>
    /// <param name="from">The brain that the difference starts from.</param>
    public static BrainState Add(BrainState onto, BrainState difference, BrainState from)
    {
        BrainState sum = onto.Copy();
        double factor = from.ValueDeviation > 0 && onto.ValueDeviation > 0 ? from.ValueDeviation / (double)onto.ValueDeviation : 1;
        float[][] target = Arrays(sum), added = Arrays(difference);
        for (int i = 0; i < target.Length; i++)
        {
            for (int j = 0; j < target[i].Length; j++)
                target[i][j] = (float)(target[i][j] + (IsOfValue(sum, i, j) ? factor * added[i][j] : added[i][j]));
        }

        if (sum.ValueDeviation == 0) (sum.ValueMean, sum.ValueDeviation) = (difference.ValueMean, difference.ValueDeviation);
        sum.Decisions = onto.Decisions + difference.Decisions;
        if (sum.NormalizesObservations) Statistics.Of(onto).With(Statistics.Of(difference)).StoreIn(sum);
        return sum;
    }

    /// <summary>Converts the value output to another scale without changing any value. A brain whose scale is unknown adopts this one.</summary>
    public static void Scale(BrainState brain, (float Mean, float Deviation) scale)
    {
        if (!brain.EstimatesValues || scale.Deviation <= 0) return;
        if (brain.ValueDeviation > 0 && (brain.ValueMean, brain.ValueDeviation) != scale)
        {
            double factor = brain.ValueDeviation / (double)scale.Deviation, offset = ((double)brain.ValueMean - scale.Mean) / scale.Deviation;
            ClassifierParameters parameters = brain.Parameters;
            int outputs = parameters.OutputBiases.Length;
            for (int i = outputs - 1; i < parameters.OutputWeights.Length; i += outputs) parameters.OutputWeights[i] = (float)(factor * parameters.OutputWeights[i]);
            parameters.OutputBiases[^1] = (float)((factor * parameters.OutputBiases[^1]) + offset);
        }

        (brain.ValueMean, brain.ValueDeviation) = scale;
    }

    /// <summary>The deviation of values that <see cref="Difference"/> expresses the weights of the value output in; 0 for none.</summary>
    public static float ScaleOfDifference(BrainState from, BrainState to) => ScaleOf(from, to).Deviation;

    /// <summary>Puts a difference on another scale: its value output is multiplied by a factor, and nothing is added, since the mean of values is not part of a difference.</summary>
    public static void ScaleDifference(BrainState difference, double factor)
    {
        if (factor == 1 || !difference.EstimatesValues) return;
        float[][] arrays = Arrays(difference);
        for (int i = 2; i < arrays.Length; i++)
        {
            for (int j = difference.Outputs - 1; j < arrays[i].Length; j += difference.Outputs) arrays[i][j] = (float)(factor * arrays[i][j]);
        }
    }

    /// <summary>
    /// Converts a brain from one normalization of observations to another: W·((x − o)·s) + b is W'·((x − o')·s') + b' with W' = W·s/s' and b' = b + Σ W·s·(o' − o). This is exact except for clamped observations.
    /// </summary>
    /// <param name="brain">The brain, which is changed.</param>
    /// <param name="like">Has the statistics of the new normalization.</param>
    public static void Renormalize(BrainState brain, BrainState like)
    {
        if (!brain.NormalizesObservations) return;
        Statistics ours = Statistics.Of(brain), theirs = Statistics.Of(like);
        (float[] weights, float[] biases) = (brain.Parameters.HiddenWeights, brain.Parameters.HiddenBiases);
        for (int i = 0; i < brain.Observations * brain.NumStackedVectorObservations; i++)
        {
            (double offset, double scale) = ours.AppliedTo(i % brain.Observations);
            (double wantedOffset, double wantedScale) = theirs.AppliedTo(i % brain.Observations);
            for (int unit = 0; unit < biases.Length; unit++)
            {
                ref float weight = ref weights[(i * biases.Length) + unit];
                biases[unit] = (float)(biases[unit] + (weight * scale * (wantedOffset - offset)));
                weight = (float)(weight * scale / wantedScale);
            }
        }

        theirs.StoreIn(brain);
    }

    /// <summary>The Euclidean norm of all weights.</summary>
    public static double Norm(BrainState brain)
    {
        double sum = 0;
        foreach (float[] array in Arrays(brain))
        {
            foreach (float value in array) sum += (double)value * value;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>The arrays of a brain, in their order.</summary>
    public static float[][] Arrays(BrainState brain)
    {
        ClassifierParameters parameters = brain.Parameters;
        return [parameters.HiddenWeights, parameters.HiddenBiases, parameters.OutputWeights, parameters.OutputBiases];
    }

    /// <summary>Whether a number belongs to the value output: the last column of the last layer.</summary>
    public static bool IsOfValue(BrainState brain, int array, int index) =>
        brain.EstimatesValues && array >= 2 && index % brain.Outputs == brain.Outputs - 1;

    /// <summary>The scale that a difference is in.</summary>
    private static (float Mean, float Deviation) ScaleOf(BrainState from, BrainState to) =>
        from.ValueDeviation > 0 ? (from.ValueMean, from.ValueDeviation) : (to.ValueMean, to.ValueDeviation);
}
