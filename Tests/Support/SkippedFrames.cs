namespace NeuralPlugin.Tests;

/// <summary>Frames of a population whose dispatches a driver may skip.</summary>
internal static class SkippedFrames
{
    /// <summary>Runs frames, and returns their reports of skipped dispatches.</summary>
    public static List<string> MessagesOfSkips(this TestGl gl, AgentPopulation agents, int frames)
    {
        List<string> messages = [];
        for (int frame = 0; frame < frames; frame++)
        {
            try
            {
                agents.Update();
            }
            catch (DispatchesSkippedException exception)
            {
                messages.Add(exception.Message);
            }

            gl.NextFrame();
        }

        return messages;
    }
}
