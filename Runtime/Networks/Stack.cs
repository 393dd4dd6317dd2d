namespace NeuralPlugin;

/// <summary>The shape of a network without a device: its operations, each with its inputs, outputs and parameters.</summary>
internal sealed class Stack
{
    public Stack(int inputs, IReadOnlyList<Operation> operations)
    {
        Inputs = Requirements.Size(inputs, "inputs");
        ArgumentNullException.ThrowIfNull(operations);
        if (operations.Count == 0)
            throw new ArgumentException("A network needs at least one operation, such as new Dense(10).", nameof(operations));
        Layer[] layers = new Layer[operations.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            Operation operation = operations[i] ?? throw new ArgumentException($"Operation {i} is null.", nameof(operations));
            Operation? next = i + 1 < operations.Count ? operations[i + 1] : null;
            layers[i] = new Layer(operation, inputs, operation.OutputsFor(inputs), operation.ParametersFor(inputs, next));
            inputs = layers[i].Outputs;
        }

        Layers = layers;
    }

    public int Inputs { get; }

    public int Outputs => Layers[^1].Outputs;

    public IReadOnlyList<Layer> Layers { get; }

    public sealed record Layer(Operation Operation, int Inputs, int Outputs, ParameterDeclaration[] Parameters);
}
