using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using NeuralPlugin.Benchmarks;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// Limits that the reference compiler of GLSL does not check: every kernel variant of every family keeps to those of the device it is made for, whatever this machine's driver has.
/// OpenGL 4.3 guarantees 8 images, 8 storage buffers, 8 of both together, 32 kB of shared memory and 1,024 invocations per workgroup; NVIDIA's driver has 8 images, 16 storage
/// buffers, 16 of both together and 48 kB.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class DriverLimitTests
{
    private const int Images = 8, StorageBuffers = 8, TextureUnits = 16, Invocations = 1024;
    private const int Inputs = 13;

    private static readonly Optimizer[] Optimizers =
        [new Sgd(0.1f), new Sgd(0.1f, Momentum: 0.9f), new Adam(), new AdamW(), new RmsProp()];

    /// <summary>Those of OpenGL, and the tests' own.</summary>
    private static IEnumerable<KernelFamily> Families =>
        KernelFamily.All.Where(family => family.RunsOn(DeviceLimits.WithoutDevice)).Concat([StandInFamily.Instance, TunedFamily.Instance]).Distinct();

    [Test]
    public void EveryVariantKeepsToTheLimits([ValueSource(nameof(Families))] KernelFamily family, [Values] Driver driver)
    {
        TestDevice.RequireOpenGL();
        _ = TestDevice.Plain;
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { MostBindings = LimitsOf(driver).MostBindings, SharedMemoryBytes = LimitsOf(driver).SharedMemoryBytes });
        KernelFamily.Force(device, family);
        WarmUpRun[] variants = [.. Variants(device).SelectMany(kernels => kernels.Runs).DistinctBy(run => run.Key)];
        Assert.That(variants, Has.Length.AtLeast(50));
        foreach (WarmUpRun variant in variants) RequireLimits(variant.Program, [.. variant.Matrices.Select(matrix => matrix.Access)], variant.Textures.Length, driver);
    }

    /// <summary>
    /// What no software driver is given: the kernels of the benchmarks' steps, predictions, populations and products on a graphics card, as the rule chooses their tiles and in every configuration that a tuning may choose,
    /// assembled without a card. The reference compiler of GLSL accepts them, where it is installed.
    /// </summary>
    [Test]
    public void TheKernelsOfTheBenchmarksOnACardKeepToTheLimits()
    {
        Dictionary<string, string> texts = [];
        foreach (Driver driver in Enum.GetValues<Driver>())
        {
            Dispatch[] dispatches = [.. OfBenchmarks(LimitsOf(driver)).DistinctBy(dispatch => dispatch.Program.Key)];
            foreach (Dispatch dispatch in dispatches)
                texts[dispatch.Program.Key] = RequireLimits(dispatch.Program, [.. dispatch.Matrices.Select(matrix => matrix.Access)], dispatch.Textures.Length, driver);
            (int Rows, int Columns)[] shapes = [.. dispatches.Select(dispatch => dispatch.Source).Where(source => source.FileName == "two_layer_update_tile.comp").Select(source => (ValueOf(source, "TILE_ROWS"), ValueOf(source, "TILE_COLUMNS"))).Distinct()];
            Assert.That(shapes, Is.SupersetOf(new[] { TileShape.Large, TileShape.Medium, TileShape.Flat }.Select(shape => (shape.Rows, shape.Columns))), $"{driver}");
            Assert.That(dispatches.Select(dispatch => dispatch.Source).Where(source => source.Constants.Any(constant => constant.Name == "PARTS")).Select(source => ValueOf(source, "PARTS")), Has.Some.EqualTo(49), "64 × 784 × 128");
            Assert.That(dispatches.Select(dispatch => dispatch.Source).Where(source => source.Constants.Any(constant => constant.Name == "NETWORKS")).Select(source => ValueOf(source, "NETWORKS")).Distinct().Count(), Is.AtLeast(3));
        }

        TestContext.Out.WriteLine($"{texts.Count} kernels");
        RequireAccepted(texts.Values);
        static int ValueOf(KernelSource source, string name) => source.Constants.First(constant => constant.Name == name).Value;
    }

    /// <summary>
    /// The kernels with which agents decide and learn, of both families, in every configuration that a tuning may choose, and those that belong to no family. Only some of them run in the tests of agents, and few of those for cards.
    /// </summary>
    [Test]
    public void TheKernelsOfAgentsKeepToTheLimits()
    {
        Dictionary<string, string> texts = [];
        AgentPopulationOptions[] all = OptionsOfAgents();
        KernelFamily[] families = [KernelFamily.RegisterTiled, new WorkgroupTiledFamily(WorkgroupTiling.ByRule)];
        foreach (Driver driver in Enum.GetValues<Driver>())
        {
            foreach (KernelFamily family in families)
            {
                VerifiedKernels kernels = new();
                Dispatch[] dispatches =
                [
                    .. all.SelectMany(options => kernels.ConfigurationsOf(family.For(LimitsOf(driver)), configured => OfAgents(configured, options), always: true)
                        .SelectMany(configuration => OfAgents(configuration.Kernels, options))).Concat(BesideAgents()).DistinctBy(dispatch => dispatch.Program.Key),
                ];
                foreach (Dispatch dispatch in dispatches)
                    texts[dispatch.Program.Key] = RequireLimits(dispatch.Program, [.. dispatch.Matrices.Select(matrix => matrix.Access)], dispatch.Textures.Length, driver);
                IEnumerable<string> constants = dispatches.SelectMany(dispatch => dispatch.Source.Constants).Where(constant => constant.Value > 0).Select(constant => constant.Name).Distinct();
                Assert.That(constants, Is.SupersetOf(new[] { "PROXIMAL", "GUIDED_RATE", "WEIGHS_ROWS", "REFERENCE_WORD", "BRANCHES", "CONTINUOUS_ACTIONS" }), $"{driver}, {family.Name}");
            }
        }

        TestContext.Out.WriteLine($"{texts.Count} kernels");
        RequireAccepted(texts.Values);
    }

    /// <summary>Of one brain for all and one each, of one choice and of several numbers, with each loss that a learning algorithm has, and of agents that see a texture.</summary>
    private static AgentPopulationOptions[] OptionsOfAgents()
    {
        using NeuralDevice processor = NeuralDevice.CreateOnProcessor();
        List<AgentPopulationOptions> all = [];
        foreach (BrainSharing sharing in Enum.GetValues<BrainSharing>())
        {
            foreach (ActionSpec actions in new[] { ActionSpec.MakeDiscrete(4), new ActionSpec(2, 3, 4) })
            {
                AgentPopulationOptions options = new() { Observations = 16, ActionSpec = actions, Capacity = 100, Brains = sharing };
                using AgentPopulation shipped = new(processor, options);
                ActorCritic bounded = new() { Reference = shipped.GetBrainState(0) };
                AgentLearning[] ways = [new ActorCritic(), new ActorCritic { Cloning = new CloningTerm() }, bounded, bounded with { Cloning = new CloningTerm() }, new PolicyGradient(), new BehaviorCloning()];
                all.AddRange(ways.Select(way => options with { Learning = way }));
            }

            all.Add(all[^1] with { TextureObservations = new TextureObservations(8, 8, TextureChannels.Luminance) });
        }

        return [.. all];
    }

    private static IEnumerable<Dispatch> OfAgents(FamilyKernels kernels, AgentPopulationOptions options)
    {
        AgentLearning learning = options.Learning!;
        (Loss loss, Optimizer optimizer, int rows) = (learning.CreateLoss(options), learning.OptimizerFor(options), learning.MostRowsOfAStep(options));
        int inputs = options.StackedObservations + (options.TextureObservations?.Values ?? 0);
        if (options.Brains == BrainSharing.OneEach)
        {
            PopulationGraph graph = new(kernels, new PopulationShape(options.Capacity, inputs, options.HiddenUnits, options.Outputs), new Relu(), loss);
            return graph.PlannedStep(rows, optimizer).Append(graph.PlannedForward(rows: 1, softmax: false));
        }

        Stack stack = new(inputs, [new Dense(options.HiddenUnits), new Relu(), new Dense(options.Outputs)]);
        return PredictionWorkspace.KernelsFor(stack, kernels, options.Capacity, softmax: false).Concat(StepWorkspace.LoggedKernelsFor(stack, kernels, rows, loss, optimizer));
    }

    /// <summary>What rescales values, takes textures and joins them with observations.</summary>
    private static IEnumerable<Dispatch> BesideAgents()
    {
        const int Observations = 16, Values = 64;
        PlannedMatrix matrix = new(new MatrixShape(33, 5), "Parameters"), receipts = new(new MatrixShape(33, 1), "Receipts"), scales = new(new MatrixShape(33, 2), "Scales");
        PlannedMatrix places = new(new MatrixShape(33, 5), "Places", TexelFormat.UnsignedInteger);
        yield return OutputRescale.DispatchFor(matrix, receipts, 4, OutputRescale.MakeScalars());
        yield return PopulationRescale.DispatchFor(matrix, receipts, places, scales, units: 4, PopulationRescale.MakeScalars());
        PlannedMatrix observed = new(new MatrixShape(9, Observations + 1), "Observations"), seen = new(new MatrixShape(9, Values), "Textures"), joined = new(new MatrixShape(9, Observations + Values), "Features");
        yield return JoinedFeatures.DispatchFor(observed, seen, Observations, joined);
        foreach (TextureChannels channels in Enum.GetValues<TextureChannels>()) yield return TextureFeatures.DispatchFor(matrix, 8, 8, channels, seen, targets: null);
    }

    private static DeviceLimits LimitsOf(Driver driver) => driver == Driver.LeastOfOpenGL
        ? new DeviceLimits { MostBindings = 8, MostStorageBuffers = StorageBuffers } : new DeviceLimits { MostBindings = 16, SharedMemoryBytes = 48 * 1024 };

    private static IEnumerable<Dispatch> OfBenchmarks(DeviceLimits limits)
    {
        FamilyKernels card = new WorkgroupTiledFamily(WorkgroupTiling.ByRule).For(limits);
        VerifiedKernels kernels = new();
        return PlansOfBenchmarks().SelectMany(plan => kernels.ConfigurationsOf(card, plan, always: true).SelectMany(configuration => plan(configuration.Kernels)));
    }

    private static IEnumerable<Func<FamilyKernels, IEnumerable<Dispatch>>> PlansOfBenchmarks()
    {
        SoftmaxCrossEntropy loss = new();
        foreach (ClassifierCase shape in ClassifierCase.All)
        {
            Stack stack = new(shape.Inputs, [new Dense(shape.Hidden), new Relu(), new Dense(shape.Classes)]);
            yield return kernels => PredictionWorkspace.KernelsFor(stack, kernels, shape.Batch, softmax: true);
            foreach (Optimizer optimizer in new Optimizer[] { new Sgd(ClassifierCase.LearningRate), new Adam() })
            {
                yield return kernels => StepWorkspace.KernelsFor(stack, kernels, shape.Batch, loss, optimizer);
                yield return kernels => StepWorkspace.KernelsFor(stack, kernels, shape.Batch, loss, optimizer, fused: false);
                yield return kernels => StepWorkspace.KernelsFor(stack, kernels, shape.Batch, loss, optimizer, features: TexelFormat.Byte);
                yield return kernels => StepWorkspace.LoggedKernelsFor(stack, kernels, shape.Batch, loss, optimizer, DrawnFrom(shape));
            }
        }

        foreach (PopulationCase population in PopulationCase.All.Append(PopulationCase.Large))
        {
            PopulationShape shape = new(population.Members, population.Member.Inputs, population.Member.Hidden, population.Member.Classes);
            foreach (Optimizer optimizer in new Optimizer[] { new Sgd(ClassifierCase.LearningRate), new Adam() })
            {
                foreach (int rows in new[] { population.Member.Batch, (2 * population.Member.Batch) + 1 })
                    yield return kernels => new PopulationGraph(kernels, shape, new Relu(), loss).PlannedStep(rows, optimizer);
            }

            yield return kernels => [new PopulationGraph(kernels, shape, new Relu(), loss).PlannedForward(population.Member.Batch, softmax: true)];
        }

        foreach ((int rows, int inputs, int outputs) in new[] { (64, 784, 128), (256, 784, 512), (512, 512, 512), (2048, 2048, 2048) })
            yield return kernels => PredictionWorkspace.KernelsFor(new Stack(inputs, [new Dense(outputs)]), kernels, rows, softmax: false);
    }

    private static BatchSource DrawnFrom(ClassifierCase shape)
    {
        const int Samples = 4096;
        PlannedMatrix features = new(new MatrixShape(Samples, shape.Inputs), "Samples"), order = new(new MatrixShape(Samples, MatrixShape.ColumnsPerTexel), "The order", TexelFormat.UnsignedInteger);
        PlannedMatrix targets = new(new MatrixShape(Samples, new LabelTargets(shape.Classes).WordsPerRow), "Targets", TexelFormat.UnsignedInteger);
        return new BatchSource(new DrawnRows(features, shape.Batch), new DrawnRows(targets, shape.Batch), order);
    }

    /// <summary>Counts what a kernel uses.</summary>
    /// <returns>Its text.</returns>
    private static string RequireLimits(KernelSource program, MatrixAccess[] matrices, int textures, Driver driver)
    {
        DeviceLimits limits = LimitsOf(driver);
        int fetched = matrices.Count(access => program.Fetches && access == MatrixAccess.Read);
        int images = matrices.Count(access => access is MatrixAccess.Read or MatrixAccess.ReadWrite) - fetched;
        int buffers = matrices.Count(access => access is MatrixAccess.Write or MatrixAccess.ReadWrite or MatrixAccess.InPlace);
        Assert.That(images, Is.AtMost(Images), program.Key);
        Assert.That(buffers, Is.AtMost(limits.MostStorageBuffers), program.Key);
        Assert.That(images + buffers, Is.AtMost(limits.MostBindings), program.Key);
        Assert.That(textures + fetched, Is.AtMost(TextureUnits), program.Key);
        string text = ShaderLibrary.Assemble(program, OpenGLKernel.SharedConstants);
        Assert.That(SharedBytesOf(text), Is.AtMost(limits.SharedMemoryBytes), program.Key);
        Assert.That(LocalSize().Matches(text).Max(size => ValueOf(size.Groups["x"].Value, text) * ValueOf(size.Groups["y"].Success ? size.Groups["y"].Value : "1", text)), Is.InRange(1, Invocations), program.Key);
        return text;
    }

    /// <summary>Compiles kernels with the reference compiler of GLSL, as Tests/run does with those that Mesa got.</summary>
    private static void RequireAccepted(IReadOnlyCollection<string> texts)
    {
        const string Compiler = "glslangValidator";
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (folders.Select(folder => Path.Combine(folder, Compiler)).FirstOrDefault(File.Exists) is not { } program)
        {
            Assert.Inconclusive($"The kernels keep to the limits; whether the reference compiler accepts them was not checked, since this needs {Compiler} (Debian: glslang-tools).");
            return;
        }

        DirectoryInfo folder = Directory.CreateTempSubdirectory("kernels");
        try
        {
            foreach ((string text, int i) in texts.Select((text, i) => (text, i))) File.WriteAllText(Path.Combine(folder.FullName, $"{i}.comp"), text);
            BuildTools.Succeed(new ProcessStartInfo(program, ["-S", "comp", .. folder.GetFiles().Select(file => file.FullName)]));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The count itself: arrays whose length is a product of constants, each a number or a name for one, and structures.</summary>
    [Test]
    public void SharedMemoryIsCounted()
    {
        const string Text = "#define LANES 64\nshared vec4 pixels[LANES];\nshared int flag;\n    shared vec2 parts[3 * LANES];\n// shared vec4 none[9];\n" +
            "struct Pair\n{\n    vec4 first;   // of two\n    float second;\n};\nshared Pair pair;\n";
        Assert.That(SharedBytesOf(Text), Is.EqualTo((64 * 16) + 4 + (3 * 64 * 8) + 20));
    }

    private static IEnumerable<KernelSet> Variants(NeuralDevice device)
    {
        Layer[][] stacks =
        [
            [new Dense(5)], [new Dense(17), new Relu(), new Dense(5)], [new Dense(300), new Tanh(), new Dense(5)], [new Dense(17), new LeakyRelu(0.1f), new Dense(41)],
            [new Dense(9), new Relu(), new Dense(9), new Tanh(), new Dense(3)],
        ];
        foreach (Layer[] stack in stacks)
        {
            Network network = new(device, Inputs, stack);
            foreach (Optimizer optimizer in Optimizers)
            {
                foreach (int rows in new[] { 9, 130 })
                {
                    yield return network.KernelsFor(rows, optimizer);
                    yield return network.KernelsFor(rows, optimizer, new MeanSquaredError());
                    yield return new BatchTrainer(network, optimizer).KernelsFor(rows, SampleFormat.Bytes);
                }

                TrainingSet samples = new(device, Inputs, network.Outputs, capacity: 64, SampleFormat.Bytes);
                yield return new InFrameTrainer(network, samples, new TrainerOptions { BatchSize = 32, Optimizer = optimizer }).Kernels;
                yield return samples.KernelsFor(64, 64, TextureChannels.Luminance);
            }
        }

        foreach (Optimizer optimizer in Optimizers)
        {
            NetworkPopulation population = new(device, members: 11, Inputs, hidden: 17, classes: 5, optimizer: optimizer);
            yield return population.KernelsFor(rows: 3);
            yield return population.KernelsFor(rows: 20);
        }

        foreach (AgentPopulationOptions options in OptionsOfAgents()) yield return AgentPopulation.KernelsFor(device, options);
    }

    private static long SharedBytesOf(string text) => SharedVariable().Matches(text).Sum(declared =>
        SizeOf(declared.Groups["type"].Value, text) * (declared.Groups["length"].Success ? declared.Groups["length"].Value.Split('*').Aggregate(1L, (length, factor) => length * ValueOf(factor.Trim(), text)) : 1));

    /// <summary>A type that has a name for each variant (SUMS) counts as the largest.</summary>
    private static long SizeOf(string type, string text) => type switch
    {
        "bool" or "int" or "uint" or "float" => 4,
        "vec2" or "ivec2" or "uvec2" => 8,
        "vec3" or "ivec3" or "uvec3" or "vec4" or "ivec4" or "uvec4" => 16,
        _ when text.Contains($"#define {type} ", StringComparison.Ordinal) => 16,
        _ when Regex.Match(text, $@"struct {type}\s*\{{(?<members>[^}}]*)\}}") is { Success: true } structure =>
            Member().Matches(structure.Groups["members"].Value).Sum(member => SizeOf(member.Groups["type"].Value, text)),
        _ => throw new NotSupportedException($"How large is a {type}?"),
    };

    /// <summary>A constant that a variant does not define is in text that it does not include.</summary>
    private static long ValueOf(string constant, string text)
    {
        if (long.TryParse(constant, CultureInfo.InvariantCulture, out long value)) return value;
        Match defined = Regex.Match(text, $@"^#define {Regex.Escape(constant)} (?<value>\d+)$", RegexOptions.Multiline);
        if (defined.Success) return long.Parse(defined.Groups["value"].Value, CultureInfo.InvariantCulture);
        Match texels = Regex.Match(text, $@"^const int {Regex.Escape(constant)} = \((?<columns>\w+) \+ 3\) / 4;", RegexOptions.Multiline);
        if (texels.Success) return (ValueOf(texels.Groups["columns"].Value, text) + 3) / 4;
        return text.Contains($"#ifdef {constant}\n", StringComparison.Ordinal) ? 0 : throw new NotSupportedException($"What is {constant}?");
    }

    public enum Driver
    {
        LeastOfOpenGL,
        Nvidia,
    }

    [GeneratedRegex(@"^[ \t]*shared (?<type>\w+) \w+(\[(?<length>[^\]]+)\])?;", RegexOptions.Multiline)]
    private static partial Regex SharedVariable();

    [GeneratedRegex(@"^[ \t]*layout\(local_size_x = (?<x>\w+)(, local_size_y = (?<y>\w+))?\) in;", RegexOptions.Multiline)]
    private static partial Regex LocalSize();

    [GeneratedRegex(@"^[ \t]*(?<type>\w+) \w+;", RegexOptions.Multiline)]
    private static partial Regex Member();
}
