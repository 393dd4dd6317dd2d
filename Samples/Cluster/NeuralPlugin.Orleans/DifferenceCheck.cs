namespace NeuralPlugin.Orleans;

/// <summary>The checks of a difference before it is used.</summary>
internal static class DifferenceCheck
{
    public const int MostSenderLength = 128;

    /// <summary>
    /// Bounds observations' means, their deviations and the scale of values, whose deviation is not below its inverse either. Sums and products of such numbers fit into a file, with room for all
    /// rounds of a brain's life.
    /// </summary>
    public const double MostMagnitude = 1e12;

    /// <summary>Reads a difference, and converts its value output to the scale of the current version, which may have moved since the version that the difference starts from.</summary>
    /// <exception cref="DifferenceRefusedException">It is invalid.</exception>
    /// <param name="brain">The brain's name.</param>
    /// <param name="difference">The difference.</param>
    /// <param name="current">The current version.</param>
    /// <param name="version">Its number.</param>
    /// <param name="options">The bounds.</param>
    /// <param name="isOfRegion">Whether it comes from the grain of the region that the sender's name belongs to.</param>
    public static BrainState Read(string brain, BrainDifference difference, BrainState current, long version, BrainOptions options, bool isOfRegion)
    {
        string sender = difference.Sender ?? "";
        DifferenceRefusedException Refused(RefusalReason reason, string problem) => new(brain, sender, reason, problem);
        if (FindFaultOfSender(brain, sender, isOfRegion) is { } fault) throw Refused(RefusalReason.Sender, fault);
        if (difference.BaseVersion > version || difference.BaseVersion < 1)
            throw Refused(RefusalReason.UnknownVersion, $"it must start from a version from 1 to {version}, but got {difference.BaseVersion}.");
        BrainState read = ReadBrain(brain, sender, difference.Difference);
        if (!read.HasShapeOf(current)) throw Refused(RefusalReason.WrongShape, $"the brain has {current.Shape}, but got {read.Shape}.");
        long most = isOfRegion ? options.MostRegionDecisions : options.MostDecisions;
        string option = isOfRegion ? nameof(BrainOptions.MostRegionDecisions) : nameof(BrainOptions.MostDecisions);
        if (read.Decisions < 1 || read.Decisions > most)
            throw Refused(RefusalReason.Decisions, $"it must come from 1 to {most} decisions (BrainOptions.{option}), but got {read.Decisions}.");
        if (read.ObservationCount / 2 > most)
            throw Refused(RefusalReason.Decisions, $"it must have at most twice {most} rows of observations (BrainOptions.{option}), but got {read.ObservationCount}.");
        if (FindExcess(read) is { } excess) throw Refused(RefusalReason.TooLarge, excess);
        if (difference.ValueScale != 0 && !IsDeviation(difference.ValueScale))
            throw Refused(RefusalReason.TooLarge, $"the scale of its values must be 0 or from {1 / MostMagnitude} to {MostMagnitude}, but got {difference.ValueScale}.");
        if (difference.ValueScale != 0 && current.ValueDeviation > 0) BrainMath.ScaleDifference(read, difference.ValueScale / (double)current.ValueDeviation);
        double norm = BrainMath.Norm(read);
        if (!(norm <= options.MostNorm)) throw Refused(RefusalReason.TooLarge, $"its norm must be at most {options.MostNorm} (BrainOptions.MostNorm), but got {norm}.");
        return read;
    }

    /// <summary>Checks that a brain can be the first version: a file must hold it after all that rounds add.</summary>
    /// <exception cref="DifferenceRefusedException">Its counts or its scales are too large.</exception>
    public static void RequireFirst(string brain, BrainState offered)
    {
        string? excess = offered.Decisions > MostMagnitude || offered.ObservationCount > MostMagnitude
            ? $"a brain must have at most {MostMagnitude} decisions and rows of observations, but got {offered.Decisions} and {offered.ObservationCount}." : FindExcess(offered);
        if (excess is not null) throw new DifferenceRefusedException(brain, "", RefusalReason.TooLarge, excess);
    }

    /// <summary>Describes what is wrong with the name of a server, or of a region's grain; null if nothing is.</summary>
    public static string? FindFaultOfSender(string brain, string? sender, bool isOfRegion = false) =>
        sender is not { Length: > 0 and <= MostSenderLength } ? $"the sender's name must have 1 to {MostSenderLength} characters, but got {sender?.Length ?? 0}."
        : !isOfRegion && IsOfRegion(brain, sender) ? $"'{sender}' is the name of a region, whose grain alone may use it. Choose a name that does not begin with '{brain}/'." : null;

    /// <summary>Whether a name is a region's.</summary>
    public static bool IsOfRegion(string brain, string? sender) => sender is not null && sender.StartsWith($"{brain}/", StringComparison.Ordinal);

    /// <summary>Says which of the statistics or the scale of values is out of bounds; null if none is.</summary>
    private static string? FindExcess(BrainState read)
    {
        for (int i = 0; i < read.ObservationMeans.Length; i++)
        {
            double deviation = Math.Sqrt(read.ObservationSquares[i] / Math.Max(read.ObservationCount, 1));
            if (!(Math.Abs(read.ObservationMeans[i]) <= MostMagnitude && deviation <= MostMagnitude))
                return $"the mean and the deviation of an observation must be at most {MostMagnitude}, but observation {i} has {read.ObservationMeans[i]} and {deviation}.";
        }

        bool hasScale = read.ValueDeviation != 0;
        return !hasScale || (Math.Abs(read.ValueMean) <= MostMagnitude && IsDeviation(read.ValueDeviation)) ? null
            : $"the scale of values must have a mean of at most {MostMagnitude} and a deviation from {1 / MostMagnitude} to {MostMagnitude}, but got {read.ValueMean} and {read.ValueDeviation}.";
    }

    private static bool IsDeviation(float deviation) => deviation is >= (float)(1 / MostMagnitude) and <= (float)MostMagnitude;

    /// <summary>Reads the bytes of a brain that a server sent.</summary>
    /// <exception cref="DifferenceRefusedException">They are not those of a brain.</exception>
    public static BrainState ReadBrain(string brain, string sender, byte[]? bytes)
    {
        try
        {
            return BrainState.Read(bytes ?? [], $"that '{sender}' sent");
        }
        catch (ModelFileException exception)
        {
            throw new DifferenceRefusedException(brain, sender, exception.IsNotFinite ? RefusalReason.NotFinite : RefusalReason.Damaged, exception.Message);
        }
    }

    /// <summary>Says why a text is not a valid name for a brain; null if it is.</summary>
    public static string? FindFaultOfName(string name)
    {
        const int MostLength = 100;
        bool isName = name.Length is > 0 and <= MostLength && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
        return isName ? null : $"a name has 1 to {MostLength} letters, digits, dots, dashes and underscores of ASCII.";
    }
}
