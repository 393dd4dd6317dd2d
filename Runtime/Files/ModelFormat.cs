namespace NeuralPlugin;

/// <summary>The file format of one kind of model.</summary>
/// <param name="Model">Its name in the metadata.</param>
/// <param name="Layers">The names of its dense layers, starting at the inputs.</param>
/// <param name="LeastOutputs">The minimum number of outputs: a classifier of one class would have nothing to distinguish.</param>
internal sealed record ModelFormat(string Model, string[] Layers, int LeastOutputs);
