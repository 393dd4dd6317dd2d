using System.Globalization;

namespace NeuralPlugin;

/// <summary>The content of a classifier's or regressor's file.</summary>
/// <param name="Sizes">Units from the inputs to the outputs: [784, 128, 10] for two layers.</param>
/// <param name="Parameters">For each layer, the weights [inputs × units] and the biases [units], row-major.</param>
/// <param name="Training">The state of a trainer; null if the file holds only weights.</param>
internal sealed record ModelContent(int[] Sizes, float[][] Parameters, TrainingState? Training = null);

/// <summary>
/// Weights and checkpoints of a classifier or a regressor as safetensors; Documentation~/files.md lists the names. A checkpoint is a
/// weights file with additional content, and also loads as one.
/// </summary>
internal sealed class ModelFile
{
    private const string FormatVersion = "1";
    private const string RowMajor = "row-major [inputs, units]";
    private const string FormatVersionKey = "format_version";
    private const string ModelKey = "model";
    private const string LayoutKey = "layout";
    private const string ActivationKey = "activation";
    private const string OptimizerKey = "optimizer";
    private const string OptimizerRateKey = "optimizer.learning_rate";
    private const string LossKey = "loss";
    private const string LearningRateKey = "trainer.learning_rate";
    private const string StepsKey = "trainer.steps";
    private const string KernelFamilyKey = "trainer.kernel_family";
    private const string KernelTuningKey = "trainer.kernel_tuning";
    /// <summary>No training reaches more than 2⁵³ steps.</summary>
    private const long MaximumSteps = 1L << 53;

    private static readonly string[] Keys =
    [
        FormatVersionKey, ModelKey, LayoutKey, ActivationKey, OptimizerKey, OptimizerRateKey, LossKey, LearningRateKey, StepsKey, KernelFamilyKey, KernelTuningKey,
        .. Optimizer.Formats.SelectMany(format => format.Hyperparameters).Select(HyperparameterOf(OptimizerKey)).Distinct(),
        .. Loss.Formats.SelectMany(format => format.Hyperparameters).Select(HyperparameterOf(LossKey)).Distinct(),
    ];

    private readonly string path;
    private readonly ModelFormat format;
    private readonly SafetensorsContent content;

    private ModelFile(string path, ModelFormat format, SafetensorsContent content)
    {
        this.path = path;
        this.format = format;
        this.content = content;
    }

    /// <summary>Writes the complete file, or leaves the existing one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">The kind of model.</param>
    /// <param name="model">The content to write.</param>
    /// <exception cref="NonFiniteValueException">A value is NaN or infinite, so the file could not be loaded.</exception>
    /// <exception cref="FileWriteException">The file could not be written.</exception>
    public static void Save(string path, ModelFormat format, ModelContent model)
    {
        foreach (NamedTensor tensor in TensorsOf(format, model))
            Requirements.Finite(tensor.Values, $"values of {tensor.Name} that are saved", tensor.Name);
        WholeFile.Write(path, stream => Write(stream, format, model));
    }

    public static void Write(Stream stream, ModelFormat format, ModelContent model)
    {
        Safetensors.Write(stream, MetadataOf(format, model.Training), [.. TensorsOf(format, model)]);
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">The kind of model.</param>
    /// <param name="sizes">The required <see cref="ModelContent.Sizes"/>; null for any.</param>
    /// <param name="checkpoint">Whether <see cref="ModelContent.Training"/> is required.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    /// <exception cref="ModelFileException">The file is invalid, or of the wrong kind or sizes.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static ModelContent Load(string path, ModelFormat format, int[]? sizes = null, bool checkpoint = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new FileNotFoundException($"{path} is a folder. Give the name of a file.", path);
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        return Read(stream, path, format, sizes, checkpoint);
    }

    public static ModelContent Read(Stream stream, string path, ModelFormat format, int[]? sizes = null, bool checkpoint = false)
    {
        string[] parameters = ParameterNames(format);
        IEnumerable<string> kinds = Optimizer.Formats.SelectMany(optimizer => optimizer.State).Select(state => state.Name).Distinct();
        string[] states = [.. kinds.SelectMany(state => parameters.Select(parameter => StateName(state, parameter)))];
        SafetensorsContent content = SafetensorsReader.Read(stream, path, [.. parameters, .. states], Keys);
        return new ModelFile(path, format, content).Check(sizes, checkpoint);
    }

    private static string[] ParameterNames(ModelFormat format) => [.. format.Layers.SelectMany(layer => new[] { $"{layer}.weight", $"{layer}.bias" })];

    private static string StateName(string state, string parameter) => $"{OptimizerKey}.{state}.{parameter}";

    /// <summary>The key of a hyperparameter of the optimizer, or of the loss.</summary>
    private static Func<string, string> HyperparameterOf(string owner) => name => $"{owner}.{name}";

    private static string ActivationOf(ModelFormat format) => format.Layers.Length > 1 ? "relu" : "none";

    private static IEnumerable<NamedTensor> TensorsOf(ModelFormat format, ModelContent model)
    {
        string[] names = ParameterNames(format);
        int[][] shapes = [.. names.Select((_, i) => ShapeOf(model.Sizes, i))];
        foreach ((int i, string name) in names.Index()) yield return new NamedTensor(name, shapes[i], model.Parameters[i]);
        if (model.Training is not { } training) yield break;
        foreach ((int s, OptimizerStateMatrix state) in training.Optimizer.State.Index())
        {
            foreach ((int i, string name) in names.Index()) yield return new NamedTensor(StateName(state.Name, name), shapes[i], training.Moments[s][i]);
        }
    }

    private static int[] ShapeOf(int[] sizes, int parameter)
    {
        int layer = parameter / 2;
        return parameter % 2 == 0 ? [sizes[layer], sizes[layer + 1]] : [sizes[layer + 1]];
    }

    private static IEnumerable<(string Key, string Value)> MetadataOf(ModelFormat format, TrainingState? training)
    {
        yield return (FormatVersionKey, FormatVersion);
        yield return ("generator", $"NeuralPlugin {typeof(ModelFile).Assembly.GetName().Version!.ToString(3)}");
        yield return (ModelKey, format.Model);
        yield return (LayoutKey, RowMajor);
        yield return (ActivationKey, ActivationOf(format));
        if (training is null) yield break;
        yield return (OptimizerKey, training.Optimizer.Name);
        yield return (LossKey, training.Loss.Name);
        (string, float)[] numbers =
        [
            .. training.Optimizer.Hyperparameters.Select(number => (HyperparameterOf(OptimizerKey)(number.Name), number.Value)),
            (OptimizerRateKey, training.Optimizer.LearningRate), (LearningRateKey, training.LearningRate),
            .. training.Loss.Hyperparameters.Select(number => (HyperparameterOf(LossKey)(number.Name), number.Value)),
        ];
        foreach ((string key, float value) in numbers) yield return (key, value.ToString(CultureInfo.InvariantCulture));
        yield return (StepsKey, training.Steps.ToString(CultureInfo.InvariantCulture));
        yield return (KernelFamilyKey, training.Family.Name);
        if (training.Tuning.ToString() is { Length: > 0 } tuning) yield return (KernelTuningKey, tuning);
    }

    private ModelContent Check(int[]? sizes, bool checkpoint)
    {
        RequireText(FormatVersionKey, FormatVersion, FileDefect.FormatVersion, "The file may be from a newer version of this package: update it.");
        RequireText(ModelKey, format.Model, FileDefect.Model, "The file is of another kind of model: load it into a model of that kind.");
        RequireText(LayoutKey, RowMajor, FileDefect.Layout, "Write the weights in that layout.");
        RequireText(ActivationKey, ActivationOf(format), FileDefect.Activation, "The file is of another kind of network.");
        string[] names = ParameterNames(format);
        LoadedTensor[] tensors = [.. names.Select(Tensor)];
        int[] found = [tensors[0].Shape[0], .. format.Layers.Select((_, layer) => tensors[2 * layer].Shape[^1])];
        foreach ((int i, string name) in names.Index()) RequireShape(name, tensors[i], ShapeOf(found, i));
        if (found[^1] < format.LeastOutputs)
        {
            throw Bad(
                FileDefect.TooFewClasses, tensors[^1].EntryOffset,
                $"the number of outputs is {found[^1]}, but a {format.Model} needs at least {format.LeastOutputs}.");
        }

        if (sizes is not null && !found.AsSpan().SequenceEqual(sizes))
        {
            throw Bad(
                FileDefect.OtherSizes, tensors[0].EntryOffset,
                $"the sizes, from the inputs to the outputs, are {Join(found)}, but this {format.Model} has {Join(sizes)}. Load it into one of those sizes.");
        }

        TrainingState? training = CheckTraining(names, found);
        if (checkpoint && training is null)
        {
            throw Bad(
                FileDefect.NoTraining, Safetensors.LengthBytes,
                "the header describes no training: this is a file of weights, not a checkpoint. Load its parameters instead.");
        }

        return new ModelContent(found, [.. tensors.Select(tensor => tensor.Values)], training);
    }

    private TrainingState? CheckTraining(string[] names, int[] sizes)
    {
        if (!content.Metadata.TryGetValue(OptimizerKey, out LoadedText? kind))
        {
            RequireNoOthers(names);
            return null;
        }

        OptimizerFormat format = Optimizer.Formats.FirstOrDefault(known => known.Name == kind.Value) ?? throw Bad(
            FileDefect.Optimizer, kind.Offset, $"the optimizer is '{kind.Value}', but only {Known(Optimizer.Formats.Select(known => known.Name))} are known.");
        Optimizer optimizer = Checked(kind, () => format.Make(Number(OptimizerRateKey), name => Number(HyperparameterOf(OptimizerKey)(name))));
        LoadedText rate = Text(LearningRateKey), steps = Text(StepsKey);
        float learningRate = Checked(rate, () => Optimizer.RequireLearningRate(Number(LearningRateKey)));
        Loss loss = CheckLoss();
        if (!long.TryParse(steps.Value, NumberStyles.None, CultureInfo.InvariantCulture, out long count) || count > MaximumSteps)
            throw Bad(FileDefect.MetadataNumber, steps.Offset, $"{StepsKey} must be a whole number from 0 to {MaximumSteps}, but is '{steps.Value}'.");
        LoadedText name = Text(KernelFamilyKey);
        KernelFamily family = KernelFamily.All.FirstOrDefault(known => known.Name == name.Value) ?? throw Bad(
            FileDefect.KernelFamily, name.Offset,
            $"the kernels were of the family '{name.Value}', but only {string.Join(", ", KernelFamily.All.Select(known => known.Name))} are known here. " +
            "Others do not give the same bits. Load the parameters alone.");

        RequireNoOthers([.. names, .. optimizer.State.SelectMany(state => names.Select(name => StateName(state.Name, name)))]);
        float[][][] moments = [.. optimizer.State.Select(state => names.Select((name, i) => Moment(state, name, ShapeOf(sizes, i))).ToArray())];
        return new TrainingState(optimizer, loss, learningRate, count, family, CheckTuning(), moments);
    }

    /// <summary>The configurations of the kernels; a file that names none has those that the family offers first.</summary>
    private KernelTuning CheckTuning()
    {
        if (!content.Metadata.TryGetValue(KernelTuningKey, out LoadedText? tuning)) return KernelTuning.Default;
        try
        {
            return KernelTuning.Parse(tuning.Value);
        }
        catch (FormatException exception)
        {
            throw Bad(FileDefect.KernelFamily, tuning.Offset, $"the configurations of the kernels cannot be read: {exception.Message}");
        }
    }

    /// <summary>The loss; a file that names none predates other losses, and means softmax cross-entropy.</summary>
    private Loss CheckLoss()
    {
        content.Metadata.TryGetValue(LossKey, out LoadedText? kind);
        LossFormat format = kind is null ? Loss.UnnamedFormat : Loss.Formats.FirstOrDefault(known => known.Name == kind.Value) ?? throw Bad(
            FileDefect.Loss, kind.Offset, $"the loss is '{kind.Value}', but only {Known(Loss.Formats.Select(known => known.Name))} are known.");
        LoadedText? first = format.Hyperparameters.Count > 0 ? Text(HyperparameterOf(LossKey)(format.Hyperparameters[0])) : kind;
        return Checked(first!, () => format.Make(name => Number(HyperparameterOf(LossKey)(name))));
    }

    private static string Known(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return all.Length == 1 ? $"only {all[0]}" : $"{string.Join(", ", all[..^1])} and {all[^1]}";
    }

    private float[] Moment(OptimizerStateMatrix state, string parameter, int[] shape)
    {
        string name = StateName(state.Name, parameter);
        LoadedTensor tensor = Tensor(name);
        RequireShape(name, tensor, shape);
        int negative = state.IsNonNegative ? tensor.Values.AsSpan().IndexOfAnyInRange(float.MinValue, -float.Epsilon) : -1;
        if (negative < 0) return tensor.Values;
        throw Bad(
            FileDefect.NegativeMoment, tensor.DataOffset + ((long)negative * sizeof(float)),
            $"value {negative} of {name} is {tensor.Values[negative]}, but a mean of squares is never negative.");
    }

    private LoadedTensor Tensor(string name)
    {
        return content.Tensors.TryGetValue(name, out LoadedTensor? tensor) ? tensor
            : throw Bad(FileDefect.TensorMissing, Safetensors.LengthBytes, $"the header has no tensor {name}.");
    }

    private LoadedText Text(string key)
    {
        return content.Metadata.TryGetValue(key, out LoadedText? text) ? text
            : throw Bad(FileDefect.MetadataMissing, Safetensors.LengthBytes, $"the header describes a training, but its metadata has no {key}.");
    }

    private float Number(string key)
    {
        LoadedText text = Text(key);
        bool read = float.TryParse(text.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out float number);
        return read && float.IsFinite(number) ? number
            : throw Bad(FileDefect.MetadataNumber, text.Offset, $"{key} must be a finite number, but is '{text.Value}'.");
    }

    private T Checked<T>(LoadedText text, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentOutOfRangeException exception)
        {
            throw Bad(FileDefect.HyperParameter, text.Offset, exception.Message);
        }
    }

    /// <summary>The metadata may omit the key, as other writers do, but must not contradict it.</summary>
    private void RequireText(string key, string expected, FileDefect defect, string advice)
    {
        if (content.Metadata.TryGetValue(key, out LoadedText? text) && text.Value != expected)
            throw Bad(defect, text.Offset, $"{key} must be '{expected}', but is '{text.Value}'. {advice}");
    }

    private void RequireShape(string name, LoadedTensor tensor, int[] expected)
    {
        if (!tensor.Shape.AsSpan().SequenceEqual(expected))
        {
            throw Bad(
                FileDefect.Shape, tensor.EntryOffset,
                $"{name} is [{Join(tensor.Shape)}], but must be [{Join(expected)}] to match the other tensors: weights [inputs × units], biases [units].");
        }
    }

    private void RequireNoOthers(string[] names)
    {
        foreach ((string name, LoadedTensor tensor) in content.Tensors)
        {
            if (!names.Contains(name)) throw Bad(FileDefect.NeedlessTensor, tensor.EntryOffset, $"{name} does not belong to the optimizer that the metadata names.");
        }
    }

    private static string Join(int[] sizes) => string.Join(" × ", sizes);

    private ModelFileException Bad(FileDefect defect, long offset, string problem) => new(path, offset, defect, problem);
}
