using System.Runtime.ExceptionServices;

namespace NeuralPlugin;

/// <summary>The errors of one frame: the first is rethrown at the end of the frame, after all agents were served.</summary>
internal sealed class FrameErrors
{
    private ExceptionDispatchInfo? first;
    private int count;

    /// <summary>Begins a frame without errors.</summary>
    public void BeginFrame()
    {
        first = null;
        count = 0;
    }

    /// <summary>Notes an error.</summary>
    public void Add(Exception exception)
    {
        if (count++ == 0) first = ExceptionDispatchInfo.Capture(exception);
    }

    /// <summary>Throws the first error, if there was one. An agent's error says how many more there were.</summary>
    public void Throw()
    {
        if (first is null) return;
        if (count > 1 && first.SourceException is AgentException agents)
            throw new AgentException(agents.AgentName, $"{agents.Problem} ({count - 1} more agents had an error in this frame.)", agents);
        first.Throw();
    }
}
