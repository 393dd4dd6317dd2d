namespace NeuralPlugin;

/// <summary>
/// An agent script did what it may not: another number of observations than declared, an action that is none, a number that is
/// not finite, a reward after the end. The message has the agent's name, what was expected and what to do; the other agents go on.
/// </summary>
public sealed class AgentException : InvalidOperationException
{
    /// <summary>Makes the exception with the agent's name, the sentences that its writer needs, and the cause where there is one.</summary>
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
