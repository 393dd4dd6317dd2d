namespace NeuralPlugin.Samples;

/// <summary>How often each class was predicted as each.</summary>
internal sealed class ConfusionMatrix(int classes)
{
    private readonly int[,] counts = new int[classes, classes];

    public int Classes => classes;

    public int Total { get; private set; }

    public int Correct { get; private set; }

    /// <summary>The share of all images that was recognized, 0 to 1.</summary>
    public double Accuracy => Total == 0 ? 0 : (double)Correct / Total;

    /// <summary>The largest count in the matrix.</summary>
    public int Largest => counts.Cast<int>().Max();

    public int this[int truth, int prediction] => counts[truth, prediction];

    public void Add(int truth, int prediction)
    {
        counts[truth, prediction]++;
        Total++;
        if (truth == prediction) Correct++;
    }

    /// <summary>The share of a class's images that was recognized, or null if the class has none.</summary>
    public double? Recall(int truth)
    {
        var all = 0;
        for (var prediction = 0; prediction < classes; prediction++) all += counts[truth, prediction];
        return all == 0 ? null : (double)counts[truth, truth] / all;
    }

    /// <summary>The confusions that happened, the most frequent first.</summary>
    public IEnumerable<(int Truth, int Prediction, int Count)> Mistakes() =>
        from truth in Enumerable.Range(0, classes)
        from prediction in Enumerable.Range(0, classes)
        where truth != prediction && counts[truth, prediction] > 0
        orderby counts[truth, prediction] descending, truth, prediction
        select (truth, prediction, counts[truth, prediction]);
}
