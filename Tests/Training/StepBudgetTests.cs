using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>What a frame's budget allows of steps, and of what the processor does before them.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class StepBudgetTests
{
    private const long Budget = 1_000_000, Step = 900_000, Preparation = 870_000;

    /// <summary>
    /// A step that nearly fills the budget runs once an earlier frame has saved something up for it. A frame that prepared for it has used its time: otherwise preparation and step would come to nearly
    /// two budgets in one frame.
    /// </summary>
    [Test]
    public void TimeThatPreparesAStepIsNotSavedUpForIt([Values] bool onACard)
    {
        using TestGl gl = TestGls.Create();
        gl.IsNamedAsCard = onACard;
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        ManualTime time = new();
        using StepBudget budget = new(device, time, lines: 1, waits: false);
        Assert.That(Frame(prepares: true), Is.EqualTo(Preparation), "nothing is known of a step yet");
        for (int frame = 0; frame < 12; frame++) _ = Frame(prepares: false);
        while (Frame(prepares: false) < Step)
        {
            // until one has run, so that nothing is saved up
        }

        long[] times = [.. Enumerable.Range(0, 4).Select(_ => Frame(prepares: true))];
        Assert.That(times, Has.All.EqualTo(Preparation));
        Assert.That(Frame(prepares: false), Is.EqualTo(Step), "what they had left is saved up");

        long Frame(bool prepares)
        {
            long start = time.Nanoseconds;
            using NeuralDevice.Scope scope = device.Enter();
            budget.BeginFrame(FrameBudget.Milliseconds(Budget / 1e6), this);
            if (prepares)
            {
                Assert.That(budget.HasTimeForAPiece(0, most: 1));
                time.Nanoseconds += Preparation;
                _ = budget.HasTimeForAPiece(1, most: 1);
            }

            if (budget.LinesThatFit(1) > 0)
            {
                budget.BeginPart();
                time.Nanoseconds += Step;
                budget.Spend(1);
                budget.EndStep();
            }

            budget.EndFrame(isIdle: false);
            gl.NextFrame();
            return time.Nanoseconds - start;
        }
    }
}
