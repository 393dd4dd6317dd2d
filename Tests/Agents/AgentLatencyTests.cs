using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>A driver whose fences come late: actions are delivered in the order of their questions, and nothing waits unless the options say so.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
internal sealed class AgentLatencyTests : IDisposable
{
    private const int Actions = 11;
    private TestGl gl = null!;
    private NeuralDevice device = null!;

    [SetUp]
    public void Make()
    {
        gl = TestGls.Create();
        device = NeuralDevice.Attach(gl.Api);
    }

    [TearDown]
    public void Dispose()
    {
        device?.Dispose();
        gl?.Api.Dispose();
        gl?.Dispose();
    }

    /// <summary>Frame f allows only action f mod 11, so that each action shows in which frame its question was asked.</summary>
    [Test]
    public void ActionsComeInOrderWhenTheirFencesDo([Values(0, 1, 3)] int delay, [Values] BrainSharing sharing)
    {
        const int Frames = 30;
        List<(int Agent, int Frame, int Action)> received = Run(sharing, latency: null, delay, Frames);
        int latency = Math.Max(1, delay);
        for (int agent = 0; agent < 3; agent++)
        {
            int[] actions = [.. received.Where(call => call.Agent == agent).Select(call => call.Action)];
            Assert.That(actions, Is.EqualTo(Enumerable.Range(0, Frames - latency).Select(frame => frame % Actions)), $"agent {agent}, {latency} frames later");
        }

        Assert.That(received[0].Frame, Is.EqualTo(latency));
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    /// <summary>Answers are later than the number of questions that may be pending: agents are asked less often, still in order, without waiting.</summary>
    [Test]
    public void ADriverThatIsVeryLateIsAskedLessOften([Values] BrainSharing sharing)
    {
        List<(int Agent, int Frame, int Action)> received = Run(sharing, latency: null, delay: 9, frames: 60);
        int[] actions = [.. received.Where(call => call.Agent == 0).Select(call => call.Action)];
        Assert.That(received[0].Frame, Is.EqualTo(9));
        Assert.That(actions.Distinct().Count(), Is.GreaterThan(5));
        Assert.That(gl.WaitingCalls, Is.Empty);
    }

    [Test]
    public void AFixedLatencyIsKeptWhateverTheFencesDo([Values(0, 1, 3)] int delay, [Values(0, 1, 3)] int latency, [Values] BrainSharing sharing)
    {
        const int Frames = 20;
        List<(int Agent, int Frame, int Action)> received = Run(sharing, latency, delay, Frames);
        int[] actions = [.. received.Where(call => call.Agent == 1).Select(call => call.Action)];
        Assert.That(actions, Is.EqualTo(Enumerable.Range(0, Frames - latency).Select(frame => frame % Actions)));
        Assert.That(received[0].Frame, Is.EqualTo(latency));
        Assert.That(gl.WaitingCalls.Count > 0, Is.EqualTo(latency == 0 || latency < delay));
    }

    /// <summary>With a fixed latency, late fences do not change actions or learning.</summary>
    [Test]
    public void WhatIsLearnedDoesNotDependOnTheFences([Values] BrainSharing sharing)
    {
        ClassifierParameters Learned(int delay)
        {
            gl.DelayFrames = delay;
            using AgentPopulation agents = new(device, Options(sharing, latency: 2));
            for (int i = 0; i < 3; i++) agents.Add(new ProbeAgent { Observations = self => [self.StepCount % 5], Act = (self, action) => self.AddReward(action) });
            for (int frame = 0; frame < 60; frame++)
            {
                agents.Update();
                gl.NextFrame();
            }

            Assert.That(agents.Progress.TrainingSteps, Is.GreaterThan(10));
            return agents.GetBrain(0);
        }

        ClassifierParameters first = Learned(0), second = Learned(3);
        Assert.That(second.HiddenWeights, Is.EqualTo(first.HiddenWeights));
        Assert.That(second.OutputWeights, Is.EqualTo(first.OutputWeights));
        Assert.That(second.OutputBiases, Is.EqualTo(first.OutputBiases));
    }

    private static AgentPopulationOptions Options(BrainSharing sharing, int? latency) => new()
    {
        Observations = 1,
        Actions = Actions,
        HiddenUnits = 5,
        Capacity = 3,
        Brains = sharing,
        Latency = latency,
        Learning = new PolicyGradient { BatchSize = 4, Horizon = 4 },
    };

    private List<(int Agent, int Frame, int Action)> Run(BrainSharing sharing, int? latency, int delay, int frames)
    {
        gl.DelayFrames = delay;
        using AgentPopulation agents = new(device, Options(sharing, latency));
        List<(int Agent, int Frame, int Action)> received = [];
        int frame = 0;
        for (int i = 0; i < 3; i++)
        {
            agents.Add(new ProbeAgent
            {
                Mask = mask =>
                {
                    for (int k = 0; k < Actions; k++) mask.SetActionEnabled(k, k == frame % Actions);
                },
                Act = (self, action) => received.Add((self.Index, frame, action)),
            });
        }

        gl.ClearRecords();
        for (; frame < frames; frame++)
        {
            agents.Update();
            gl.NextFrame();
        }

        Assert.That(agents.Progress.TrainingSteps, Is.Positive, "it learns meanwhile");
        return received;
    }
}
