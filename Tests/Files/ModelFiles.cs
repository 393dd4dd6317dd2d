using NeuralPlugin.Tests.Twins;

namespace NeuralPlugin.Tests;

/// <summary>Models and their files, without a device.</summary>
internal static class ModelFiles
{
    public static readonly ModelFormat Linear = new("classifier", ["output"], LeastOutputs: 2);
    public static readonly ModelFormat TwoLayers = new("classifier", ["hidden", "output"], LeastOutputs: 2);
    public static readonly ModelFormat Regressor = new("regressor", ["hidden", "output"], LeastOutputs: 1);

    /// <summary>Every optimizer that files can name, some of them twice, and none.</summary>
    public static readonly Optimizer?[] Optimizers =
    [
        null, new Sgd(0.1f), new Sgd(0.05f, Momentum: 0.9f, WeightDecay: 1e-4f), new Adam(0.003f, 0.8f, 0.99f, 1e-7f),
        .. Optimizer.Formats.Select(format => format.Make(0.02f, _ => 0.25f)),
    ];

    private static readonly KernelTuning Tuning = KernelTuning.Parse("register-tiled forward 64x128: a tile of \"3\"\nregister-tiled weights 64x128: another");

    public static ModelFormat FormatOf(int[] sizes) => sizes.Length == 2 ? Linear : TwoLayers;

    /// <summary>A model of these sizes with values from a seed; a checkpoint if it has an optimizer.</summary>
    public static ModelContent Make(int seed, int[] sizes, Optimizer? optimizer = null, Loss? loss = null)
    {
        int[] lengths = [.. Enumerable.Range(1, sizes.Length - 1).SelectMany(i => new[] { sizes[i - 1] * sizes[i], sizes[i] })];
        TrainingState? training = optimizer is null ? null : new TrainingState(
            optimizer, loss ?? new SoftmaxCrossEntropy(0.25f), 0.0123456789f, 1_234_567, KernelFamily.RegisterTiled, seed % 2 == 0 ? KernelTuning.Default : Tuning,
            [.. Enumerable.Range(1, optimizer.State.Count).Select(state => Values(seed + state, least: 0))]);
        return new ModelContent(sizes, Values(seed, least: -1), training);

        float[][] Values(int stream, double least) => [.. lengths.Select((length, i) => TwinArrays.UniformFloats((100 * stream) + i, length, least, 1))];
    }

    public static byte[] Write(ModelContent model, ModelFormat? format = null)
    {
        using MemoryStream stream = new();
        ModelFile.Write(stream, format ?? FormatOf(model.Sizes), model);
        return stream.ToArray();
    }

    public static ModelContent Read(byte[] file, ModelFormat format) => ModelFile.Read(new MemoryStream(file), "a file", format);
}
