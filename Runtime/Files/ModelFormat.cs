namespace NeuralPlugin;

/// <summary>What the files of one kind of model are.</summary>
/// <param name="Model">What the metadata calls it.</param>
/// <param name="Layers">The names of its dense layers, from the inputs on.</param>
/// <param name="LeastOutputs">Outputs that it has at least: a classifier of one class would have nothing to tell.</param>
internal sealed record ModelFormat(string Model, string[] Layers, int LeastOutputs);
