using System.Globalization;

namespace NeuralPlugin;

/// <summary>The state of a population as safetensors; Documentation~/files.md lists the names.</summary>
internal sealed class AgentStateFile
{
    private const string FormatVersion = "1";
    private const string FormatVersionKey = "format_version";
    private const string ModelKey = "model";
    private const string Model = "agents";
    private const string BrainsKey = "brains";
    private const string SharedBrains = "shared";
    private const string OwnBrains = "one_each";
    private const string LearningKey = "learning";
    private const string OptimizerKey = "optimizer";
    private const string ObservationsKey = "observations";
    private const string StackedKey = "stacked_observations";
    private const string ActionsKey = "actions";
    private const string BranchesKey = "action_branches";
    private const string ContinuousKey = "continuous_actions";
    private const string HiddenUnitsKey = "hidden_units";
    private const string CapacityKey = "capacity";
    private const string BrainCountKey = "brain_count";
    private const string NormalizesKey = "normalizes_observations";
    private const string ValuesKey = "estimates_values";
    private const string WidthKey = "texture_width";
    private const string HeightKey = "texture_height";
    private const string ChannelsKey = "texture_channels";
    private const string KernelTuningKey = "kernel_tuning";
    private const string StepsName = $"{StateForm.Learning}optimizer.steps";
    private const string RateName = $"{StateForm.Learning}optimizer.rate";
    private const string ExplorationName = ActionChooser.ExplorationName;
    private const int MostSize = 1 << 24;

    private static readonly string[] Sections = [StateForm.Observations, StateForm.Run, StateForm.Places, StateForm.Learning, StateForm.Experience, StateForm.SelfPlay];
    /// <summary>The names of a brain's arrays, in the order of <see cref="ClassifierParameters"/>.</summary>
    public static readonly string[] ParameterNames = ["hidden.weight", "hidden.bias", "output.weight", "output.bias"];

    private static readonly string[] Keys =
    [
        FormatVersionKey, ModelKey, BrainsKey, LearningKey, OptimizerKey, ObservationsKey, ActionsKey, HiddenUnitsKey, CapacityKey, BrainCountKey, NormalizesKey,
        ValuesKey, WidthKey, HeightKey, ChannelsKey, BranchesKey, ContinuousKey, StackedKey, KernelTuningKey,
    ];

    private readonly Stream stream;
    private readonly string path;

    private AgentStateFile(Stream stream, string path)
    {
        this.stream = stream;
        this.path = path;
        Header = ReadHeader();
    }

    /// <summary>The header of the saved population.</summary>
    public AgentStateHeader Header { get; }

    /// <summary>The configurations of kernels that decided the bits of its brains; those of other families than this device's have no effect.</summary>
    public KernelTuning Tuning { get; private set; } = KernelTuning.Default;

    /// <summary>Writes a complete file, or leaves the previous one.</summary>
    /// <exception cref="NonFiniteValueException">A weight is NaN or infinite, so that the file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public static void Save(string path, AgentStateHeader header, BrainsContent brains, IReadOnlyList<NamedTensor> fields)
    {
        foreach (NamedTensor tensor in TensorsOf(header, brains)) Requirements.Finite(tensor.Values, $"values of {tensor.Name} that are saved", tensor.Name);
        WholeFile.Write(path, stream => Write(stream, header, brains, fields));
    }

    public static void Write(Stream stream, AgentStateHeader header, BrainsContent brains, IReadOnlyList<NamedTensor> fields) =>
        Safetensors.Write(stream, MetadataOf(header, brains.Tuning), [.. TensorsOf(header, brains), .. fields]);

    /// <summary>The same on another thread, after an earlier save, when the brains have arrived.</summary>
    public static async Task SaveAfter(Task earlier, string path, AgentStateHeader header, Task<BrainsContent> brains, IReadOnlyList<NamedTensor> fields)
    {
        await earlier.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        Save(path, header, await brains.ConfigureAwait(false), fields);
    }

    /// <summary>Takes the open file, and reads its header.</summary>
    /// <exception cref="ModelFileException">The file is invalid.</exception>
    public static AgentStateFile Of(Stream stream, string path) => new(stream, path);

    /// <summary>Opens a file.</summary>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="IOException">The file does not exist, or cannot be read.</exception>
    public static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new FileNotFoundException($"{path} is a folder. Give the name of a file.", path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
    }

    /// <summary>Reads the brains and the numbers that a form asks for, checked.</summary>
    /// <param name="fields">The fields to read.</param>
    /// <param name="optimizer">The optimizer that training continues with; null if it does not continue.</param>
    /// <exception cref="ModelFileException">The file is invalid.</exception>
    public AgentState Read(IReadOnlyList<StateField> fields, Optimizer? optimizer)
    {
        string[] moments = [.. (optimizer?.State ?? []).SelectMany(state => ParameterNames.Select(name => MomentName(state, name)))];
        string[] ofStanding = optimizer is null ? [] : [StepsName, RateName];
        stream.Position = 0;
        SafetensorsContent content = SafetensorsReader.Read(
            stream, path, [.. ParameterNames, .. moments, .. ofStanding, .. fields.Select(field => field.Name)], Keys,
            [.. ofStanding, .. fields.Where(field => field.IsWide).Select(field => field.Name)], Sections);
        float[][] parameters = [.. ParameterNames.Select((name, i) => ArrayOf(content, name, i))];
        EnqueuedStanding? standing = optimizer is null ? null : ReadStanding(content, optimizer);
        return new AgentState(Header, new BrainsContent(parameters, standing), ReadFields(content, fields));
    }

    /// <summary>Makes the error of a population that the file does not fit.</summary>
    public ModelFileException Unsuited(string problem) => Bad(FileDefect.OtherSizes, Safetensors.LengthBytes, problem);

    private static IEnumerable<NamedTensor> TensorsOf(AgentStateHeader header, BrainsContent brains)
    {
        foreach ((int i, string name) in ParameterNames.Index()) yield return new NamedTensor(name, ShapeOf(header, i), brains.Parameters[i]);
        foreach (NamedTensor tensor in brains.Snapshots) yield return tensor;
        if (brains.Standing is not { } standing) yield break;
        yield return new NamedTensor(StepsName, [1], []) { WideValues = [standing.Steps] };
        yield return new NamedTensor(RateName, [header.Brains], []) { WideValues = [.. standing.Rates.Select(rate => (double)rate)] };
        OptimizerFormat format = Optimizer.Formats.First(known => known.Name == header.Optimizer);
        foreach ((int s, float[][] moment) in standing.Moments.Index())
        {
            foreach ((int i, string name) in ParameterNames.Index()) yield return new NamedTensor(MomentName(format.State[s], name), ShapeOf(header, i), moment[i]);
        }
    }

    private static string MomentName(OptimizerStateMatrix state, string parameter) => $"{StateForm.Learning}optimizer.{state.Name}.{parameter}";

    /// <summary>The shape for all brains, one below the other.</summary>
    private static int[] ShapeOf(AgentStateHeader header, int parameter)
    {
        long rows = parameter switch { 0 => (long)header.Brains * header.Inputs, 2 => (long)header.Brains * header.HiddenUnits, _ => header.Brains };
        return [(int)Math.Min(rows, int.MaxValue), parameter < 2 ? header.HiddenUnits : header.Outputs];
    }

    private static IEnumerable<(string Key, string Value)> MetadataOf(AgentStateHeader header, KernelTuning tuning)
    {
        (string, string)[] texts =
        [
            (FormatVersionKey, FormatVersion), ("generator", $"NeuralPlugin {typeof(AgentStateFile).Assembly.GetName().Version!.ToString(3)}"), (ModelKey, Model),
            (BrainsKey, header.AreShared ? SharedBrains : OwnBrains), (LearningKey, header.Learning), (OptimizerKey, header.Optimizer),
        ];
        (string, int)[] numbers =
        [
            (ObservationsKey, header.Observations), (ActionsKey, header.Actions.SumOfDiscreteBranchSizes), (HiddenUnitsKey, header.HiddenUnits), (CapacityKey, header.Capacity),
            (BrainCountKey, header.Brains), (NormalizesKey, header.NormalizesObservations ? 1 : 0), (ValuesKey, header.EstimatesValues ? 1 : 0),
            (WidthKey, header.TextureWidth), (HeightKey, header.TextureHeight), (ChannelsKey, header.TextureChannels),
        ];
        if (tuning.ToString() is { Length: > 0 } configurations) texts = [.. texts, (KernelTuningKey, configurations)];
        if (header.NumStackedVectorObservations > 1) numbers = [.. numbers, (StackedKey, header.NumStackedVectorObservations)];
        return texts.Concat(numbers.Select(number => (number.Item1, number.Item2.ToString(CultureInfo.InvariantCulture)))).Concat(ActionMetadata.Of(header.Actions, BranchesKey, ContinuousKey));
    }

    private AgentStateHeader ReadHeader()
    {
        // The metadata's sizes are checked against the sizes of these, so that no memory is allocated beyond what the file holds.
        string[] sized = [.. ParameterNames, ExplorationName];
        SafetensorsContent content = SafetensorsReader.Read(stream, path, sized, Keys, [ExplorationName], Sections);
        LoadedText Text(string key) => content.Metadata.TryGetValue(key, out LoadedText? text) ? text
            : throw Bad(FileDefect.MetadataMissing, Safetensors.LengthBytes, $"the metadata has no {key}: this is no file of a population of agents.");
        string Choice(string key, FileDefect defect, params string[] choices) => choices.Contains(Text(key).Value) ? Text(key).Value
            : throw Bad(defect, Text(key).Offset, $"{key} must be '{string.Join("' or '", choices)}', but is '{Text(key).Value}'. The file may be from a newer version of this package, or of another kind of model.");
        int Number(string key, int least, int most) =>
            int.TryParse(Text(key).Value, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value <= most ? value
            : throw Bad(FileDefect.MetadataNumber, Text(key).Offset, $"{key} must be a whole number from {least} to {most}, but is '{Text(key).Value}'.");

        ActionSpec ReadActions()
        {
            bool areComposed = content.Metadata.ContainsKey(BranchesKey) || content.Metadata.ContainsKey(ContinuousKey);
            if (!areComposed) return ActionSpec.MakeDiscrete(Number(ActionsKey, 2, MostSize));
            int discrete = Number(ActionsKey, 0, MostSize);
            return ActionMetadata.Read(Text(BranchesKey).Value, Number(ContinuousKey, 0, MostSize)) is { } found && found.SumOfDiscreteBranchSizes == discrete ? found
                : throw Bad(FileDefect.MetadataNumber, Text(BranchesKey).Offset, $"{BranchesKey} is '{Text(BranchesKey).Value}', which does not fit the other actions of the metadata.");
        }

        Choice(FormatVersionKey, FileDefect.FormatVersion, FormatVersion);
        Choice(ModelKey, FileDefect.Model, Model);
        bool areShared = Choice(BrainsKey, FileDefect.Model, SharedBrains, OwnBrains) == SharedBrains;
        int capacity = Number(CapacityKey, 1, MostSize), width = Number(WidthKey, 0, MostSize);
        AgentStateHeader header = new(
            Number(ObservationsKey, 1, MostSize), ReadActions(), Number(HiddenUnitsKey, 1, MostSize), Number(BrainCountKey, 1, MostSize), capacity,
            areShared, Number(NormalizesKey, 0, 1) == 1, Number(ValuesKey, 0, 1) == 1, width, Number(HeightKey, width > 0 ? 1 : 0, width > 0 ? MostSize : 0),
            Number(ChannelsKey, width > 0 ? 1 : 0, width > 0 ? 4 : 0), Text(LearningKey).Value, Text(OptimizerKey).Value)
        {
            NumStackedVectorObservations = content.Metadata.ContainsKey(StackedKey) ? Number(StackedKey, 2, MostSize) : 1,
        };
        bool isPossible = (long)header.Observations * header.NumStackedVectorObservations <= MostSize && (long)header.TextureWidth * header.TextureHeight * header.TextureChannels <= MostSize && (header.Brains == 1 || (!areShared && header.Brains == capacity));
        if (!isPossible) throw Bad(FileDefect.MetadataNumber, Text(BrainCountKey).Offset, "the sizes in the metadata do not fit each other.");
        Tuning = ReadTuning(content);
        foreach ((int i, string name) in ParameterNames.Index()) Tensor(content, name, ShapeOf(header, i));
        Tensor(content, ExplorationName, [capacity, 2]);
        return header;
    }

    private KernelTuning ReadTuning(SafetensorsContent content)
    {
        if (!content.Metadata.TryGetValue(KernelTuningKey, out LoadedText? text)) return KernelTuning.Default;
        try
        {
            return KernelTuning.Parse(text.Value);
        }
        catch (FormatException exception)
        {
            throw Bad(FileDefect.KernelFamily, text.Offset, $"the configurations of the kernels cannot be read: {exception.Message}");
        }
    }

    private EnqueuedStanding ReadStanding(SafetensorsContent content, Optimizer optimizer)
    {
        double[] Numbers(string name, int count, double most)
        {
            LoadedTensor tensor = Tensor(content, name, [count]);
            double[] values = tensor.WideValues!;
            int wrong = Array.FindIndex(values, value => !(value >= 0 && value <= most));
            return wrong < 0 ? values : throw Bad(
                FileDefect.NumberRange, tensor.DataOffset + ((long)wrong * sizeof(double)), $"value {wrong} of {name} must be from 0 to {most}, but is {values[wrong]}.");
        }

        long steps = (long)Numbers(StepsName, 1, StateForm.MostWhole)[0];
        float[] rates = [.. Numbers(RateName, Header.Brains, float.MaxValue).Select(rate => (float)rate)];
        float[][][] moments = [.. optimizer.State.Select(state => ParameterNames.Select((name, i) => Moment(content, state, name, i)).ToArray())];
        return new EnqueuedStanding(steps, moments, rates);
    }

    private float[] Moment(SafetensorsContent content, OptimizerStateMatrix state, string parameter, int number)
    {
        string name = MomentName(state, parameter);
        float[] values = ArrayOf(content, name, number);
        int negative = state.IsNonNegative ? values.AsSpan().IndexOfAnyInRange(float.MinValue, -float.Epsilon) : -1;
        return negative < 0 ? values : throw Bad(
            FileDefect.NegativeMoment, content.Tensors[name].DataOffset + ((long)negative * sizeof(float)),
            $"value {negative} of {name} is {values[negative]}, but a mean of squares is never negative.");
    }

    private float[] ArrayOf(SafetensorsContent content, string name, int parameter) => Tensor(content, name, ShapeOf(Header, parameter)).Values;

    private LoadedTensor Tensor(SafetensorsContent content, string name, int[] shape)
    {
        if (!content.Tensors.TryGetValue(name, out LoadedTensor? tensor)) throw Bad(FileDefect.TensorMissing, Safetensors.LengthBytes, $"the header has no tensor {name}.");
        return tensor.Shape.AsSpan().SequenceEqual(shape) ? tensor
            : throw Bad(FileDefect.Shape, tensor.EntryOffset, $"{name} must be [{string.Join(" × ", shape)}], but is [{string.Join(" × ", tensor.Shape)}].");
    }

    private Dictionary<string, double[]> ReadFields(SafetensorsContent content, IReadOnlyList<StateField> fields)
    {
        Dictionary<string, double[]> found = [];
        foreach (IGrouping<StateRows, StateField> group in fields.GroupBy(field => field.Rows))
        {
            StateRows rows = group.Key;
            bool isThere = rows.IsFixed || group.Any(field => content.Tensors.ContainsKey(field.Name));
            if (!isThere)
            {
                rows.Read = 0;
                continue;
            }

            StateField first = group.First();
            content.Tensors.TryGetValue(first.Name, out LoadedTensor? tensor);
            rows.Read = rows.IsFixed ? (rows.IsPerBrain && tensor?.Shape is [1] ? 1 : rows.Most) : tensor is not null ? tensor.Shape[0]
                : throw Bad(FileDefect.TensorMissing, Safetensors.LengthBytes, $"the header has no tensor {first.Name}.");
            foreach (StateField field in group) found.Add(field.Name, ReadField(content, field));
            for (int row = 0; rows.FindFault is not null && row < rows.Read; row++)
            {
                if (rows.FindFault((name, i) => found[name][i], row) is { } fault)
                    throw Bad(FileDefect.WrongRow, content.Tensors[first.Name].DataOffset, $"row {row} of {first.Name}, or a tensor that belongs to it, is invalid: {fault}.");
            }
        }

        return found;
    }

    private double[] ReadField(SafetensorsContent content, StateField field)
    {
        LoadedTensor tensor = Tensor(content, field.Name, field.Columns == 1 ? [field.Rows.Read] : [field.Rows.Read, field.Columns]);
        double[] values = field.IsWide ? tensor.WideValues! : [.. tensor.Values.Select(value => (double)value)];
        int wrong = field.FindFault(values);
        return wrong < 0 ? values : throw Bad(
            FileDefect.NumberRange, tensor.DataOffset + ((long)wrong * (field.IsWide ? sizeof(double) : sizeof(float))),
            $"value {wrong} of {field.Name} must be {(field.IsWhole ? "a whole number" : "a number")} from {field.Least} to {field.Most}, but is {values[wrong]}.");
    }

    private ModelFileException Bad(FileDefect defect, long offset, string problem) => new(path, offset, defect, problem);
}
