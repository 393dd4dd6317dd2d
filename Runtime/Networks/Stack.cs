namespace NeuralPlugin;

/// <summary>The shape of a network without a device: its layers, each with its inputs, outputs and parameters.</summary>
internal sealed class Stack
{
    public Stack(int inputs, IReadOnlyList<Layer> layers)
    {
        Inputs = Requirements.Size(inputs, "inputs");
        ArgumentNullException.ThrowIfNull(layers);
        if (layers.Count == 0)
            throw new ArgumentException("A network needs at least one layer, such as new Dense(10).", nameof(layers));
        StackLayer[] shaped = new StackLayer[layers.Count];
        for (int i = 0; i < shaped.Length; i++)
        {
            Layer layer = layers[i] ?? throw new ArgumentException($"Layer {i} is null.", nameof(layers));
            Layer? next = i + 1 < layers.Count ? layers[i + 1] : null;
            shaped[i] = new StackLayer(layer, inputs, layer.OutputsFor(inputs), layer.ParametersFor(inputs, next));
            inputs = shaped[i].Outputs;
        }

        Layers = shaped;
    }

    public int Inputs { get; }

    public int Outputs => Layers[^1].Outputs;

    public IReadOnlyList<StackLayer> Layers { get; }
}

/// <summary>A layer at its position in a stack, with its sizes there.</summary>
internal sealed record StackLayer(Layer Layer, int Inputs, int Outputs, ParameterDeclaration[] Parameters);
