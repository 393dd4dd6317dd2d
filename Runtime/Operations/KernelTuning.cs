using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>
/// Which of the configurations that a kernel family offers, tile shapes and the parts that sums are cut into, kernels have for which sizes. They decide how fast a
/// card is, and the order of sums, so the bits. A warm-up (<see cref="NeuralDevice.WarmUp"/>) times them on the user's own card; what it finds is remembered in
/// <see cref="NeuralDevice.KernelCacheFolder"/> by renderer, driver and kernels. A network has the tuning that its device has when its first plan is made, and keeps it;
/// a checkpoint names it, and resuming restores it.
/// </summary>
/// <example><code>string recorded = KernelTuning.Of(device).ToString(); ... KernelTuning.Force(device, KernelTuning.Parse(recorded));</code></example>
public sealed class KernelTuning : IEquatable<KernelTuning>
{
    private const string FileName = "kernel-tunings.json";

    private static readonly ConditionalWeakTable<NeuralDevice, DeviceTuning> Devices = [];

    private readonly SortedDictionary<string, string> configurations;

    private KernelTuning(SortedDictionary<string, string> configurations) => this.configurations = configurations;

    /// <summary>For all sizes the configuration that a family offers first: the same on every device.</summary>
    public static KernelTuning Default { get; } = new(new SortedDictionary<string, string>(StringComparer.Ordinal));

    /// <summary>The forced tuning of a device, else what was found by its warm-ups, here or at an earlier start.</summary>
    public static KernelTuning Of(NeuralDevice device) => StateOf(device).Tuning;

    /// <summary>Forces a tuning on a device: networks that have not computed anything yet and those made from then on have it, and no warm-up times anything.</summary>
    /// <param name="device">The device.</param>
    /// <param name="tuning">The tuning; <see cref="Default"/> for none that depends on the device.</param>
    public static void Force(NeuralDevice device, KernelTuning tuning)
    {
        ArgumentNullException.ThrowIfNull(tuning);
        DeviceTuning state = StateOf(device);
        (state.Tuning, state.IsForced) = (tuning, true);
    }

    /// <summary>Reads what <see cref="ToString"/> has written.</summary>
    /// <exception cref="FormatException">The text is not that of a tuning.</exception>
    public static KernelTuning Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        KernelTuning tuning = Default;
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(": ", 2);
            if (parts.Length < 2 || parts[0].Length == 0 || parts[1].Length == 0)
                throw new FormatException($"A tuning has lines of the form 'sizes: configuration', but got '{line}'.");
            tuning = tuning.With(parts[0], parts[1]);
        }

        return tuning;
    }

    /// <summary>A line for each class of sizes: its name, a colon and the configuration. Empty for the default.</summary>
    public override string ToString() => string.Join('\n', configurations.Select(pair => $"{pair.Key}: {pair.Value}"));

    /// <inheritdoc/>
    public bool Equals(KernelTuning? other) => other is not null && configurations.SequenceEqual(other.configurations);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as KernelTuning);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>Whether a device's tuning is forced, so that nothing is timed.</summary>
    internal static bool IsForced(NeuralDevice device) => StateOf(device).IsForced;

    /// <summary>The GPU's time that timing configurations has taken on a device so far, in nanoseconds: one budget for all that is tuned there.</summary>
    internal static long SpentOn(NeuralDevice device) => StateOf(device).SpentNanoseconds;

    /// <summary>Adds to <see cref="SpentOn"/>.</summary>
    internal static void Spend(NeuralDevice device, long nanoseconds) => StateOf(device).SpentNanoseconds += nanoseconds;

    /// <summary>The tuning for networks that continue from a file: that of the device and, unless it is forced, in place of it what the file has. Null for no file.</summary>
    internal static KernelTuning For(NeuralDevice device, KernelTuning? ofFile) => ofFile is null || IsForced(device) ? Of(device) : Of(device).With(ofFile);

    /// <summary>Adds what was found on a device, unless its tuning is forced, and remembers it for the next start if its folder can be written.</summary>
    internal static void Learn(NeuralDevice device, string sizes, string configuration)
    {
        DeviceTuning state = StateOf(device);
        if (state.IsForced) return;
        state.Tuning = state.Tuning.With(sizes, configuration);
        if (device.KernelCacheFolder is not { } folder) return;
        string file = Path.Combine(folder, FileName);
        Dictionary<string, string> remembered = RememberedChoices.Read(file);
        remembered[RememberedChoices.KeyOf(device, KernelFamily.All)] = state.Tuning.ToString();
        RememberedChoices.Write(file, remembered);
    }

    /// <summary>The configuration for a class of sizes; null for the one that the family offers first.</summary>
    internal string? Find(string sizes) => configurations.GetValueOrDefault(sizes);

    internal KernelTuning With(string sizes, string configuration) =>
        new(new SortedDictionary<string, string>(configurations, StringComparer.Ordinal) { [sizes] = configuration });

    /// <summary>This one with all that the other one has.</summary>
    internal KernelTuning With(KernelTuning other) => other.configurations.Aggregate(this, static (tuning, pair) => tuning.With(pair.Key, pair.Value));

    /// <summary>Whether the two have different configurations for some sizes.</summary>
    internal bool Contradicts(KernelTuning other) => other.configurations.Any(pair => Find(pair.Key) is { } configuration && configuration != pair.Value);

    private static DeviceTuning StateOf(NeuralDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Devices.GetValue(device, static made => new DeviceTuning { Tuning = Remembered(made) });
    }

    private static KernelTuning Remembered(NeuralDevice device)
    {
        if (device.KernelCacheFolder is not { } folder) return Default;
        try
        {
            return RememberedChoices.Read(Path.Combine(folder, FileName)).TryGetValue(RememberedChoices.KeyOf(device, KernelFamily.All), out string? text) ? Parse(text) : Default;
        }
        catch (FormatException)
        {
            return Default;   // damaged, so it is found again
        }
    }

    private sealed class DeviceTuning
    {
        public required KernelTuning Tuning { get; set; }

        public bool IsForced { get; set; }

        public long SpentNanoseconds { get; set; }
    }
}

/// <summary>
/// Sizes for which one configuration of a kernel is chosen: each is rounded up to a power of two, so that a few timings serve many networks. A configuration that
/// decides the order of sums is chosen for sizes without the rows of a batch, on which no result may depend.
/// </summary>
internal readonly record struct ShapeClass(string Name)
{
    /// <summary>The class of some sizes.</summary>
    /// <param name="what">What is chosen, in words: <c>forward tile</c>.</param>
    /// <param name="sizes">The sizes that the choice depends on.</param>
    public static ShapeClass Of(string what, params IEnumerable<int> sizes) => OfExactly(what, sizes.Select(size => (int)Math.Min(int.MaxValue, BitOperations.RoundUpToPowerOf2((uint)size))));

    /// <summary>These sizes alone, where configurations are named by what only they have.</summary>
    /// <param name="what">What is chosen, in words.</param>
    /// <param name="sizes">The sizes that the choice depends on.</param>
    public static ShapeClass OfExactly(string what, params IEnumerable<int> sizes) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{what} {string.Join('x', sizes)}"));

    public override string ToString() => Name;
}

/// <summary>A choice between configurations: the class of sizes, those that a family offers, the one in use, and whether they differ in the order of sums.</summary>
internal sealed record TuningQuestion(string Sizes, string[] Offered, string Chosen, bool DecidesBits)
{
    /// <summary>Those that the family offers first for no sizes, so that only a tuning chooses them.</summary>
    public string[] NeverFirst { get; init; } = [];
}

/// <summary>The choices that kernels were asked for, in order.</summary>
internal sealed class TuningQuestions
{
    private readonly List<TuningQuestion> asked = [];

    public IReadOnlyList<TuningQuestion> Asked => asked;

    /// <summary>The configurations in use that decide bits, including those that a family offers first: what a checkpoint names.</summary>
    public KernelTuning Used =>
        asked.Where(question => question.DecidesBits).Aggregate(KernelTuning.Default, static (tuning, question) => tuning.With(question.Sizes, question.Chosen));

    public void Add(TuningQuestion question)
    {
        if (!asked.Exists(earlier => earlier.Sizes == question.Sizes)) asked.Add(question);
    }
}
