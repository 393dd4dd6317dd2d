namespace NeuralPlugin.Samples;

/// <summary>The weights between an image's pixels and the units that read it, [pixels × units].</summary>
internal sealed record UnitWeights(float[] Weights, int Units, int Rows, int Columns)
{
    /// <summary>The hidden units' weights, or the classes' if there is no hidden layer.</summary>
    public static UnitWeights Of(DigitsResult result)
    {
        var (images, parameters) = (result.Data.Training.Images, result.Parameters);
        return result.Options.Linear
            ? new UnitWeights(parameters.OutputWeights, result.Data.Classes, images.Rows, images.Columns)
            : new UnitWeights(parameters.HiddenWeights, result.Options.Hidden, images.Rows, images.Columns);
    }

    public float this[int row, int column, int unit] => Weights[(row * Columns + column) * Units + unit];

    /// <summary>
    /// The weight at the ends of the color scale: all but one in a hundred weights are smaller. Scaling to the largest alone
    /// would leave the rest too pale.
    /// </summary>
    public float Scale()
    {
        var sizes = Array.ConvertAll(Weights, MathF.Abs);
        Array.Sort(sizes);
        var scale = sizes[(int)(0.99 * (sizes.Length - 1))];
        return scale > 0 ? scale : 1;
    }
}
