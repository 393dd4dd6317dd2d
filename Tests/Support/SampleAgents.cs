using System.Diagnostics;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Whether the agents of an engine's sample learn.</summary>
internal static class SampleAgents
{
    private const int FewEpisodes = 30;
    private static readonly TimeSpan MostTime = TimeSpan.FromMinutes(1.5);   // on a busy machine the device's thread answers after many frames

    /// <summary>
    /// Runs frames until the mean reward of an episode, which is negative for agents that do not know their task yet, has risen to half of what it was in the first
    /// episodes. The mean of 100 episodes varies by far less than that without learning.
    /// </summary>
    public static void RequireThatTheyLearn(AgentPopulation population, Action runFrame)
    {
        float early = float.NaN;
        Stopwatch clock = Stopwatch.StartNew();
        for (int frame = 0; clock.Elapsed < MostTime && !(population.Progress.MeanEpisodeReward > early / 2); frame++)
        {
            runFrame();
            if (frame % 10 == 0) Thread.Sleep(1);   // the rest of a frame
            if (float.IsNaN(early) && population.Progress.Episodes >= FewEpisodes) early = population.Progress.MeanEpisodeReward;
        }

        Assert.That(early, Is.Negative);
        Assert.That(population.Progress.MeanEpisodeReward, Is.GreaterThan(early / 2));
        Assert.That(population.Progress.TrainingSteps, Is.Positive);
    }
}
