namespace NeuralPlugin.Tests.Twins;

/// <summary>An optimizer's rule with its state, in double precision: updates a network's parameters by their gradients.</summary>
public abstract class OptimizerTwin(double learningRate)
{
    private readonly List<(double[] First, double[] Second)> state = [];

    /// <summary>May be changed between steps, like a trainer's.</summary>
    public double LearningRate { get; set; } = learningRate;

    /// <summary>The steps made so far.</summary>
    public int Steps { get; private set; }

    /// <summary>
    /// Updates every array of parameters in place. State is kept by position, so the order must not change. A parameter keeps its value and state if its gradient, or
    /// one of the new numbers, is not finite as a float.
    /// </summary>
    public void Step(IReadOnlyList<double[]> parameters, IReadOnlyList<double[]> gradients)
    {
        if (parameters.Count != gradients.Count || (state.Count > 0 && state.Count != parameters.Count))
            throw new ArgumentException($"{parameters.Count} parameters, {gradients.Count} gradients, {state.Count} states.");
        Steps++;
        for (int i = 0; i < parameters.Count; i++)
        {
            if (state.Count == i)
                state.Add((new double[parameters[i].Length], new double[parameters[i].Length]));
            double[][] updated = [parameters[i], state[i].First, state[i].Second];
            double[][] before = [.. updated.Select(values => (double[])values.Clone())];
            Update(parameters[i], gradients[i], state[i].First, state[i].Second);
            for (int at = 0; at < parameters[i].Length; at++)
            {
                if (float.IsFinite((float)gradients[i][at]) && updated.All(values => float.IsFinite((float)values[at]))) continue;
                for (int matrix = 0; matrix < updated.Length; matrix++) updated[matrix][at] = before[matrix][at];
            }
        }
    }

    /// <summary>A step that counts but changes neither parameters nor state: that of a loss that was not finite.</summary>
    public void SkipStep() => Steps++;

    /// <summary>
    /// Updates one array of parameters; the two arrays of state start at zero. <see cref="Steps"/> includes this step.
    /// </summary>
    protected abstract void Update(double[] weights, double[] gradients, double[] firstState, double[] secondState);
}
