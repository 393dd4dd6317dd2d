namespace NeuralPlugin;

/// <summary>Demonstrations as safetensors. A whole number below 2²⁴ is exact as a float, so actions and masks are floats too.</summary>
internal sealed class DemonstrationFile
{
    private const string FormatVersionKey = "format_version";
    private const string FormatVersion = "1";
    private const string ObservationsName = "observations";
    private const string ActionsName = "actions";
    private const string AllowedName = "allowed_actions";

    private readonly string path;
    private readonly SafetensorsContent content;

    private DemonstrationFile(string path, SafetensorsContent content)
    {
        this.path = path;
        this.content = content;
    }

    public static void Save(string path, float[] observations, int[] actions, bool[] allowed)
    {
        WholeFile.Write(path, stream => Write(stream, observations, actions, allowed));
    }

    public static void Write(Stream stream, float[] observations, int[] actions, bool[] allowed)
    {
        int count = actions.Length;
        NamedTensor[] tensors =
        [
            new(ObservationsName, [count, observations.Length / count], observations),
            new(ActionsName, [count], [.. actions.Select(action => (float)action)]),
            new(AllowedName, [count, allowed.Length / count], [.. allowed.Select(isAllowed => isAllowed ? 1f : 0f)]),
        ];
        Safetensors.Write(
            stream,
            [(FormatVersionKey, FormatVersion), ("generator", $"NeuralPlugin {typeof(DemonstrationFile).Assembly.GetName().Version!.ToString(3)}")], tensors);
    }

    public static (int ObservationCount, float[] Observations, int[] Actions, bool[] Allowed) Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new FileNotFoundException($"{path} is a folder. Give the name of a file.", path);
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        return Read(stream, path);
    }

    public static (int ObservationCount, float[] Observations, int[] Actions, bool[] Allowed) Read(Stream stream, string path)
    {
        return new DemonstrationFile(path, SafetensorsReader.Read(stream, path, [ObservationsName, ActionsName, AllowedName], [FormatVersionKey])).Check();
    }

    private (int ObservationCount, float[] Observations, int[] Actions, bool[] Allowed) Check()
    {
        if (content.Metadata.TryGetValue(FormatVersionKey, out LoadedText? version) && version.Value != FormatVersion)
        {
            throw Bad(
                FileDefect.FormatVersion, version.Offset,
                $"{FormatVersionKey} is '{version.Value}', and '{FormatVersion}' is needed. It may be of a newer version of this package: update it.");
        }

        LoadedTensor observations = Tensor(ObservationsName), actions = Tensor(ActionsName), allowed = Tensor(AllowedName);
        int count = actions.Shape[0];
        RequireShape(ActionsName, actions, actions.Shape.Length == 1, "[decisions]");
        RequireShape(ObservationsName, observations, observations.Shape.Length == 2 && observations.Shape[0] == count, $"[{count} × observations]");
        RequireShape(AllowedName, allowed, allowed.Shape.Length == 2 && allowed.Shape[0] == count, $"[{count} × actions]");
        int actionCount = allowed.Shape[1];
        if (actionCount < 2) throw Bad(FileDefect.TooFewClasses, allowed.EntryOffset, "there is one action, and at least 2 are needed to choose from.");
        bool[] flags = new bool[allowed.Values.Length];
        for (int i = 0; i < flags.Length; i++)
        {
            float value = allowed.Values[i];
            flags[i] = value is 0 or 1 ? value != 0 : throw Bad(FileDefect.NotAFlag, ByteOf(allowed, i), $"value {i} of {AllowedName} is {value}, and must be 0 or 1.");
        }

        int[] chosen = new int[count];
        for (int i = 0; i < count; i++)
        {
            float value = actions.Values[i];
            if (value < 0 || value >= actionCount || value != MathF.Truncate(value))
                throw Bad(FileDefect.NotAnAction, ByteOf(actions, i), $"decision {i} chose action {value}, and the actions are 0 to {actionCount - 1}.");
            chosen[i] = (int)value;
            if (!flags[(i * actionCount) + chosen[i]])
                throw Bad(FileDefect.ActionMasked, ByteOf(actions, i), $"decision {i} chose action {value}, which {AllowedName} forbids.");
        }

        return (observations.Shape[1], observations.Values, chosen, flags);
    }

    private LoadedTensor Tensor(string name)
    {
        return content.Tensors.TryGetValue(name, out LoadedTensor? tensor) ? tensor
            : throw Bad(FileDefect.TensorMissing, Safetensors.LengthBytes, $"the header has no tensor {name}: it is no whole demonstration.");
    }

    private void RequireShape(string name, LoadedTensor tensor, bool isRight, string expected)
    {
        if (!isRight) throw Bad(FileDefect.Shape, tensor.EntryOffset, $"{name} is [{string.Join(" × ", tensor.Shape)}], and must be {expected}.");
    }

    private static long ByteOf(LoadedTensor tensor, int value) => tensor.DataOffset + ((long)value * sizeof(float));

    private ModelFileException Bad(FileDefect defect, long offset, string problem) => new(path, offset, defect, problem);
}
