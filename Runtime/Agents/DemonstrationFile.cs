using System.Globalization;

namespace NeuralPlugin;

/// <summary>Demonstrations as safetensors. A whole number below 2²⁴ is exact as a float, so actions and masks are floats too.</summary>
internal sealed class DemonstrationFile
{
    private const string FormatVersionKey = "format_version";
    private const string FormatVersion = "1";
    private const string ObservationsName = "observations";
    private const string ActionsName = "actions";
    private const string AllowedName = "allowed_actions";
    private const string TakenName = "composed_actions";
    private const string EpisodesName = "episodes";
    private const string BranchesKey = "action_branches";
    private const string ContinuousKey = "continuous_actions";

    private readonly string path;
    private readonly SafetensorsContent content;

    private DemonstrationFile(string path, SafetensorsContent content)
    {
        this.path = path;
        this.content = content;
    }

    /// <summary>The content of a demonstration file.</summary>
    /// <param name="ObservationCount">Observations per decision.</param>
    /// <param name="ActionSpec">The kinds of actions.</param>
    /// <param name="Observations">[decisions × observations].</param>
    /// <param name="Actions">[decisions], if an action is one choice; otherwise zeros.</param>
    /// <param name="Allowed">[decisions × discrete actions].</param>
    /// <param name="Taken">[decisions × numbers of an action], if it is more than one choice.</param>
    public sealed record Content(int ObservationCount, ActionSpec ActionSpec, float[] Observations, int[] Actions, bool[] Allowed, float[] Taken)
    {
        /// <summary>[decisions]: the number of each decision's episode, -1 for unknown; empty if none is known.</summary>
        public int[] Episodes { get; init; } = [];
    }

    public static void Save(string path, Content content)
    {
        WholeFile.Write(path, stream =>
        {
            if (content.ActionSpec.Policy.IsOneBranch) Write(stream, content.Observations, content.Actions, content.Allowed, content.Episodes);
            else WriteComposed(stream, content);
        });
    }

    private static void WriteComposed(Stream stream, Content content)
    {
        int count = content.Actions.Length;
        List<NamedTensor> tensors = [new(ObservationsName, [count, content.ObservationCount], content.Observations), new(TakenName, [count, content.Taken.Length / count], content.Taken)];
        if (content.Allowed.Length > 0) tensors.Add(new NamedTensor(AllowedName, [count, content.Allowed.Length / count], [.. content.Allowed.Select(isAllowed => isAllowed ? 1f : 0f)]));
        tensors.AddRange(TensorsOf(content.Episodes));
        Safetensors.Write(stream, [.. Metadata, .. ActionMetadata.Of(content.ActionSpec, BranchesKey, ContinuousKey)], tensors);
    }

    private static (string Key, string Value)[] Metadata =>
        [(FormatVersionKey, FormatVersion), ("generator", $"NeuralPlugin {typeof(DemonstrationFile).Assembly.GetName().Version!.ToString(3)}")];

    /// <summary>Episodes are not floats: there may be more of them than a float counts.</summary>
    private static NamedTensor[] TensorsOf(int[] episodes) =>
        episodes.Length == 0 ? [] : [new NamedTensor(EpisodesName, [episodes.Length], []) { WideValues = [.. episodes.Select(episode => (double)episode)] }];

    public static void Write(Stream stream, float[] observations, int[] actions, bool[] allowed, int[] episodes)
    {
        int count = actions.Length;
        NamedTensor[] tensors =
        [
            new(ObservationsName, [count, observations.Length / count], observations),
            new(ActionsName, [count], [.. actions.Select(action => (float)action)]),
            new(AllowedName, [count, allowed.Length / count], [.. allowed.Select(isAllowed => isAllowed ? 1f : 0f)]),
        ];
        Safetensors.Write(stream, Metadata, [.. tensors, .. TensorsOf(episodes)]);
    }

    public static Content Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path)) throw new FileNotFoundException($"{path} is a folder. Give the name of a file.", path);
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        return Read(stream, path);
    }

    public static Content Read(Stream stream, string path)
    {
        return new DemonstrationFile(path, SafetensorsReader.Read(
            stream, path, [ObservationsName, ActionsName, AllowedName, TakenName, EpisodesName], [FormatVersionKey, BranchesKey, ContinuousKey], [EpisodesName])).Check();
    }

    private Content Check()
    {
        if (content.Metadata.TryGetValue(FormatVersionKey, out LoadedText? version) && version.Value != FormatVersion)
        {
            throw Bad(
                FileDefect.FormatVersion, version.Offset,
                $"{FormatVersionKey} must be '{FormatVersion}', but is '{version.Value}'. The file may be from a newer version of this package: update it.");
        }

        if (content.Tensors.ContainsKey(TakenName)) return CheckComposed();
        LoadedTensor observations = Tensor(ObservationsName), actions = Tensor(ActionsName), allowed = Tensor(AllowedName);
        int count = actions.Shape[0];
        RequireShape(ActionsName, actions, actions.Shape.Length == 1, "[decisions]");
        RequireShape(ObservationsName, observations, observations.Shape.Length == 2 && observations.Shape[0] == count, $"[{count} × observations]");
        RequireShape(AllowedName, allowed, allowed.Shape.Length == 2 && allowed.Shape[0] == count, $"[{count} × actions]");
        int actionCount = allowed.Shape[1];
        if (actionCount < 2) throw Bad(FileDefect.TooFewClasses, allowed.EntryOffset, "there is one action, but at least 2 are needed to choose from.");
        bool[] flags = Flags(allowed);
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++)
        {
            float value = actions.Values[i];
            if (value < 0 || value >= actionCount || value != MathF.Truncate(value))
                throw Bad(FileDefect.NotAnAction, ByteOf(actions, i), $"decision {i} chose action {value}, but the actions are 0 to {actionCount - 1}.");
            chosen[i] = (int)value;
            if (!flags[(i * actionCount) + chosen[i]])
                throw Bad(FileDefect.ActionMasked, ByteOf(actions, i), $"decision {i} chose action {value}, which {AllowedName} forbids.");
        }

        return new Content(observations.Shape[1], ActionSpec.MakeDiscrete(actionCount), observations.Values, chosen, flags, []) { Episodes = Episodes(count) };
    }

    /// <summary>Checks actions of more than one choice.</summary>
    private Content CheckComposed()
    {
        LoadedText Text(string key) => content.Metadata.TryGetValue(key, out LoadedText? text) ? text
            : throw Bad(FileDefect.MetadataMissing, Safetensors.LengthBytes, $"the metadata has no {key}, which describes the actions.");
        LoadedText branches = Text(BranchesKey), continuous = Text(ContinuousKey);
        ActionSpec spec = int.TryParse(continuous.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int numbers) && ActionMetadata.Read(branches.Value, numbers) is { } found ? found
            : throw Bad(FileDefect.MetadataNumber, branches.Offset, $"{BranchesKey} is '{branches.Value}' and {ContinuousKey} '{continuous.Value}', which do not describe actions.");
        PolicyShape policy = spec.Policy;
        if (policy.IsOneBranch) throw Bad(FileDefect.MetadataNumber, branches.Offset, $"{BranchesKey} describes one choice, whose actions belong in {ActionsName}.");
        LoadedTensor observations = Tensor(ObservationsName), taken = Tensor(TakenName);
        int count = taken.Shape[0];
        RequireShape(TakenName, taken, taken.Shape.AsSpan().SequenceEqual([count, policy.Numbers]), $"[decisions × {policy.Numbers}]");
        RequireShape(ObservationsName, observations, observations.Shape.Length == 2 && observations.Shape[0] == count, $"[{count} × observations]");
        bool[] flags = [];
        if (policy.Branches > 0)
        {
            LoadedTensor allowed = Tensor(AllowedName);
            RequireShape(AllowedName, allowed, allowed.Shape.AsSpan().SequenceEqual([count, policy.DiscreteOutputs]), $"[{count} × {policy.DiscreteOutputs}]");
            flags = Flags(allowed);
        }

        for (int i = 0; i < count * policy.Branches; i++)
        {
            (int decision, int branch) = (i / policy.Branches, i % policy.Branches);
            int at = (decision * policy.Numbers) + branch;
            float value = taken.Values[at];
            if (value < 0 || value >= policy.SizeOf(branch) || value != MathF.Truncate(value))
                throw Bad(FileDefect.NotAnAction, ByteOf(taken, at), $"decision {decision} chose action {value} of branch {branch}, but its actions are 0 to {policy.SizeOf(branch) - 1}.");
            if (!flags[(decision * policy.DiscreteOutputs) + policy.FirstOf(branch) + (int)value])
                throw Bad(FileDefect.ActionMasked, ByteOf(taken, at), $"decision {decision} chose action {value} of branch {branch}, which {AllowedName} forbids.");
        }

        return new Content(observations.Shape[1], spec, observations.Values, new int[count], flags, taken.Values) { Episodes = Episodes(count) };
    }

    /// <summary>The episode of each decision; empty if the file does not say.</summary>
    private int[] Episodes(int count)
    {
        if (!content.Tensors.TryGetValue(EpisodesName, out LoadedTensor? tensor)) return [];
        RequireShape(EpisodesName, tensor, tensor.Shape.AsSpan().SequenceEqual([count]), $"[{count}]");
        int[] episodes = new int[count];
        for (int i = 0; i < count; i++)
        {
            double value = tensor.WideValues![i];
            bool isNumber = value >= -1 && value <= int.MaxValue && value == Math.Truncate(value);
            episodes[i] = isNumber ? (int)value : throw Bad(
                FileDefect.NumberRange, tensor.DataOffset + ((long)i * sizeof(double)), $"the episode of decision {i} must be a whole number from 0, or -1 for unknown, but is {value}.");
        }

        return episodes;
    }

    private bool[] Flags(LoadedTensor allowed)
    {
        bool[] flags = new bool[allowed.Values.Length];
        for (int i = 0; i < flags.Length; i++)
        {
            float value = allowed.Values[i];
            flags[i] = value is 0 or 1 ? value != 0 : throw Bad(FileDefect.NotAFlag, ByteOf(allowed, i), $"value {i} of {AllowedName} must be 0 or 1, but is {value}.");
        }

        return flags;
    }

    private LoadedTensor Tensor(string name)
    {
        return content.Tensors.TryGetValue(name, out LoadedTensor? tensor) ? tensor
            : throw Bad(FileDefect.TensorMissing, Safetensors.LengthBytes, $"the header has no tensor {name}: this is no complete demonstration.");
    }

    private void RequireShape(string name, LoadedTensor tensor, bool isRight, string expected)
    {
        if (!isRight) throw Bad(FileDefect.Shape, tensor.EntryOffset, $"{name} must be {expected}, but is [{string.Join(" × ", tensor.Shape)}].");
    }

    private static long ByteOf(LoadedTensor tensor, int value) => tensor.DataOffset + ((long)value * sizeof(float));

    private ModelFileException Bad(FileDefect defect, long offset, string problem) => new(path, offset, defect, problem);
}
