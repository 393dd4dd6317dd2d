using System.Runtime.InteropServices;

namespace NeuralPlugin.Tests;

/// <summary>The part of a training set that is on the GPU.</summary>
internal static class SetContents
{
    /// <summary>[uploaded × inputs], as a network sees them.</summary>
    public static float[] Features(TrainingSet samples)
    {
        int rows = samples.Uploaded, stride = samples.Features.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel;
        float[] padded = new float[rows * stride];
        if (samples.Format == SampleFormat.Bytes)
        {
            byte[] bytes = new byte[rows * stride];
            samples.Features.ReadRows(0, bytes);
            padded = [.. bytes.Select(value => value / 255f)];
        }
        else
        {
            samples.Features.ReadRows(0, MemoryMarshal.AsBytes(padded.AsSpan()));
        }

        return [.. Enumerable.Range(0, rows).SelectMany(row => padded.Skip(row * stride).Take(samples.Inputs))];
    }

    /// <summary>[uploaded × words with their padding], see <see cref="TargetLayout"/>.</summary>
    public static uint[] Targets(TrainingSet samples)
    {
        uint[] words = new uint[samples.Uploaded * samples.Targets.Shape.TexelsPerRow * MatrixShape.ColumnsPerTexel];
        samples.Targets.ReadRows(0, MemoryMarshal.AsBytes(words.AsSpan()));
        return words;
    }
}
