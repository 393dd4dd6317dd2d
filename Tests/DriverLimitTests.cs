using System.Globalization;
using System.Text.RegularExpressions;
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
        (int imagesAndBuffers, int sharedBytes) = driver == Driver.LeastOfOpenGL ? (8, 32 * 1024) : (16, 48 * 1024);
        using NeuralDevice device = TestDevice.Create(new HeadlessOptions { MostBindings = imagesAndBuffers, SharedMemoryBytes = sharedBytes });
        KernelFamily.Force(device, family);
        WarmUpRun[] variants = [.. Variants(device).SelectMany(kernels => kernels.Runs).DistinctBy(run => run.Key)];
        Assert.That(variants, Has.Length.AtLeast(50));
        foreach (WarmUpRun variant in variants)
        {
            int fetched = variant.Matrices.Count(matrix => variant.Source.Fetches && matrix.Access == MatrixAccess.Read);
            int images = variant.Matrices.Count(matrix => matrix.Access is MatrixAccess.Read or MatrixAccess.ReadWrite) - fetched;
            int buffers = variant.Matrices.Count(matrix => matrix.Access is MatrixAccess.Write or MatrixAccess.ReadWrite or MatrixAccess.InPlace);
            Assert.That(images, Is.AtMost(Images), variant.Key);
            Assert.That(buffers, Is.AtMost(driver == Driver.LeastOfOpenGL ? StorageBuffers : imagesAndBuffers), variant.Key);
            Assert.That(images + buffers, Is.AtMost(imagesAndBuffers), variant.Key);
            Assert.That(variant.Textures.Length + fetched, Is.AtMost(TextureUnits), variant.Key);
            string text = ShaderLibrary.Assemble(variant.Program, OpenGLKernel.SharedConstants);
            Assert.That(SharedBytesOf(text), Is.AtMost(sharedBytes), variant.Key);
            Assert.That(LocalSize().Matches(text).Max(size => ValueOf(size.Groups["x"].Value, text) * ValueOf(size.Groups["y"].Success ? size.Groups["y"].Value : "1", text)), Is.InRange(1, Invocations), variant.Key);
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
