namespace NeuralPlugin;

/// <summary>
/// The state of a population in files besides the brains: named numbers, each with its place in memory. The parts of a population describe themselves
/// to it, once for both writing and reading, so that the two cannot differ.
/// </summary>
/// <remarks>
/// The prefix of a name says who needs it: <see cref="Learning"/> a population that learns in the same way, <see cref="Places"/> one with as many
/// agents, <see cref="Experience"/> one with both; <see cref="Run"/> one that continues the run, and <see cref="Observations"/> everyone.
/// </remarks>
internal sealed class StateForm
{
    public const string Learning = "learning.";
    public const string Places = "places.";
    public const string Experience = "experience.";
    public const string Run = "run.";
    public const string Observations = "observations.";
    public const string Values = "learning.values.";
    public const string SelfPlay = "self_play.";

    /// <summary>Counting never gets to whole numbers beyond this.</summary>
    public const long MostWhole = 1L << 53;

    /// <summary>More than any sum of rewards that floats hold, and its square.</summary>
    public const double MostSum = 1e45;
    public const double MostSquare = MostSum * MostSum;

    /// <summary>Stands for infinity, which files cannot hold.</summary>
    private const double Overflow = 1e300;

    private const double WordsPerState = 4294967296.0;

    private readonly List<StateField> fields = [];
    private readonly List<(string Section, Action Action)> afterwards = [];

    /// <summary>All described fields.</summary>
    public IReadOnlyList<StateField> Fields => fields;

    /// <summary>The actions to run once the fields of a section have their values, in the order in which they were added.</summary>
    public IReadOnlyList<(string Section, Action Action)> Afterwards => afterwards;

    /// <summary>Adds such an action.</summary>
    public void Then(string section, Action action) => afterwards.Add((section, action));

    public void Floats(string name, StateRows rows, int columns, float[] values, double least = float.MinValue) =>
        fields.Add(new StateField(name, rows, columns, i => values[i], (i, value) => values[i] = (float)value) { Least = least });

    /// <summary>Adds sums of rewards.</summary>
    public void Sums(string name, StateRows rows, double[] values) =>
        fields.Add(new StateField(name, rows, 1, i => Held(values[i]), (i, value) => values[i] = Released(value)) { IsWide = true });

    public void Doubles(string name, StateRows rows, double[] values, double least, double most) =>
        fields.Add(new StateField(name, rows, 1, i => values[i], (i, value) => values[i] = value) { IsWide = true, Least = least, Most = most });

    public void Integers(string name, StateRows rows, int[] values, long most) =>
        fields.Add(new StateField(name, rows, 1, i => values[i], (i, value) => values[i] = (int)value) { IsWide = true, IsWhole = true, Least = 0, Most = most });

    public void Flags(string name, StateRows rows, int columns, bool[] values) => fields.Add(
        new StateField(name, rows, columns, i => values[i] ? 1 : 0, (i, value) => values[i] = value != 0) { IsWhole = true, Least = 0, Most = 1 });

    /// <summary>Adds one number.</summary>
    public void Number(string name, Func<double> get, Action<double> set, double least = double.MinValue, double most = double.MaxValue) =>
        fields.Add(new StateField(name, StateRows.Exactly(1), 1, _ => get(), (_, value) => set(value)) { IsWide = true, Least = least, Most = most });

    /// <summary>Adds one whole number.</summary>
    public void Count(string name, Func<long> get, Action<long> set, long most = MostWhole) =>
        fields.Add(new StateField(name, StateRows.Exactly(1), 1, _ => get(), (_, value) => set((long)value)) { IsWide = true, IsWhole = true, Least = 0, Most = most });

    /// <summary>Adds the state of random streams, 32 bits per number: the higher ones, then the lower.</summary>
    public void Random(string name, SeededRandom[] streams, StateRows? rows = null)
    {
        fields.Add(
            new StateField(
                name, rows ?? StateRows.Exactly(streams.Length), 2, i => i % 2 == 0 ? streams[i / 2].State >> 32 : (uint)streams[i / 2].State,
                (i, value) => streams[i / 2].State = i % 2 == 0 ? (ulong)value << 32 : streams[i / 2].State | (ulong)value)
            {
                IsWide = true,
                IsWhole = true,
                Least = 0,
                Most = WordsPerState - 1,
            });
    }

    /// <summary>Adds any other numbers.</summary>
    public void Add(StateField field) => fields.Add(field);

    /// <summary>Returns the current fields, to be written.</summary>
    /// <param name="isWanted">Chooses fields by their names; null for all. The others may hold anything.</param>
    /// <exception cref="NonFiniteValueException">A number is NaN or infinite, so that the file could not be loaded.</exception>
    public NamedTensor[] Capture(Predicate<string>? isWanted = null) =>
        [.. fields.Where(field => !field.IsOnDevice && isWanted?.Invoke(field.Name) != false && field.Rows.Count() > 0).Select(field => field.Capture())];

    /// <summary>Returns a sum of rewards as files hold it.</summary>
    public static double Held(double value) => double.IsInfinity(value) ? Math.CopySign(Overflow, value) : value;

    /// <summary>The inverse.</summary>
    public static double Released(double value) => Math.Abs(value) >= MostSum ? value * double.PositiveInfinity : value;
}

/// <summary>Rows that fields have in common: a constant number, or the current one.</summary>
/// <param name="most">The maximum number.</param>
/// <param name="count">The current number.</param>
/// <param name="begin">Receives the number of rows before their values arrive; null if it is constant.</param>
internal sealed class StateRows(int most, Func<int> count, Action<int>? begin)
{
    public int Most => most;

    public Func<int> Count => count;

    public Action<int>? Begin => begin;

    public bool IsFixed => begin is null;

    /// <summary>The number of rows in the file checked last.</summary>
    public int Read { get; set; }

    /// <summary>
    /// Says what is wrong with a row of the fields that were read; null for nothing. Takes a function that returns a value by the name of its field
    /// and its place.
    /// </summary>
    public Func<Func<string, int, double>, int, string?>? FindFault { get; init; }

    /// <summary>Whether a file of one brain has one row, which is for all.</summary>
    public bool IsPerBrain { get; private init; }

    public static StateRows Exactly(int count) => new(count, () => count, begin: null);

    public static StateRows PerBrain(int count) => new(count, () => count, begin: null) { IsPerBrain = true };
}

/// <summary>Named numbers of a state.</summary>
/// <param name="name">Its name in files.</param>
/// <param name="rows">Its rows.</param>
/// <param name="columns">Numbers per row.</param>
/// <param name="get">Gets the number at a place, row by row.</param>
/// <param name="set">Sets it.</param>
internal sealed class StateField(string name, StateRows rows, int columns, Func<int, double> get, Action<int, double> set)
{
    public string Name => name;

    public StateRows Rows => rows;

    public int Columns => columns;

    /// <summary>Whether files have 64 bits of each number.</summary>
    public bool IsWide { get; init; }

    public bool IsWhole { get; init; }

    /// <summary>Whether its values are read back from the device with the brains, so that there are none to get.</summary>
    public bool IsOnDevice { get; init; }

    public double Least { get; init; } = double.MinValue;

    public double Most { get; init; } = double.MaxValue;

    /// <summary>Returns the current values.</summary>
    /// <exception cref="NonFiniteValueException">A number is NaN or infinite.</exception>
    public NamedTensor Capture()
    {
        int count = rows.Count();
        double[] values = new double[checked(count * columns)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = get(i);
            if (!double.IsFinite(values[i])) throw new NonFiniteValueException($"The state of a population cannot be saved: value {i} of {name} is {values[i]}.", name);
        }

        int[] shape = columns == 1 ? [count] : [count, columns];
        return IsWide ? new NamedTensor(name, shape, []) { WideValues = values } : new NamedTensor(name, shape, [.. values.Select(value => (float)value)]);
    }

    /// <summary>Sets the values; one brain's values for all brains.</summary>
    public void Apply(ReadOnlySpan<double> values)
    {
        int places = rows.IsPerBrain ? rows.Most * columns : values.Length;
        for (int i = 0; i < places; i++) set(i, values[i % values.Length]);
    }

    /// <summary>Finds the first value that is not permitted, from 0; -1 if there is none.</summary>
    public int FindFault(ReadOnlySpan<double> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] < Least || values[i] > Most || (IsWhole && values[i] != Math.Truncate(values[i]))) return i;
        }

        return -1;
    }
}
