namespace NeuralPlugin;

/// <summary>
/// An agent script did something forbidden: the wrong number of observations, an invalid action, a number that is not finite, a reward after the end.
/// The message has the agent's name, what was expected and what to do; the other agents continue.
/// </summary>
public sealed class AgentException : InvalidOperationException
{
    /// <summary>Makes the exception with the agent's name, the sentences of the problem, and the cause if there is one.</summary>
    public AgentException(string agentName, string problem, Exception? innerException = null)
        : base($"Agent '{agentName}': {problem}", innerException)
    {
        AgentName = agentName;
        Problem = problem;
    }

    /// <summary>The agent.</summary>
    public string AgentName { get; }

    internal string Problem { get; }
}
