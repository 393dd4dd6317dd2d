using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Compiled kernels that are no longer used are removed, the least recently used first; those in use stay.</summary>
[TestFixture]
internal sealed class KernelCacheTests
{
    [Test]
    public void KernelsThatNobodyUsesGoBeyondABound()
    {
        const int More = 20;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using PublicCalls calls = new(device);
        Dispatch[] variants = Variants(device, KernelCache.Kept + More);
        Compile(device, variants);
        Collect(device);
        int inUse = device.Memory.Programs;
        Assert.That(inUse, Is.InRange(KernelCache.Kept, KernelCache.Kept + 100), "those that are kept, and those that the plans of a few networks hold");
        Assert.That(gl.Living["Program"], Is.EqualTo(inUse));

        gl.ClearRecords();
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected), "those in use have stayed");
        Compile(device, [variants[^1], variants[More + 1]]);
        Assert.That(gl.Calls("glCreateProgram"), Is.Zero);
        Compile(device, [variants[0]]);
        Assert.That(gl.Calls("glCreateProgram"), Is.EqualTo(1), "the longest unused has gone");
        Assert.That(calls.Predict(), Is.EqualTo(calls.Expected));
    }

    /// <summary>A warm-up of kernels that were once ready and are gone makes them ready again.</summary>
    [Test]
    public void AKernelThatHasGoneIsWarmedUpAgain()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        KernelSet warmed = Population(device);
        WarmUp(device, warmed);
        Assert.That(device.WarmUp(warmed).IsDone, "as long as it is kept");
        Compile(device, Variants(device, KernelCache.Kept));
        Collect(device);
        Assert.That(device.WarmUp(warmed).IsDone, Is.False);
        gl.ClearRecords();
        WarmUp(device, warmed);
        Assert.That(gl.Calls("glCreateProgram"), Is.Positive);
        Assert.That(device.WarmUp(warmed).IsDone);
    }

    /// <summary>No finalizer is needed: a population that is disposed frees its kernels, and one that lives keeps them.</summary>
    [Test]
    public void UnusedKernelsAreDeletedInTheNextCall()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        using NetworkPopulation alive = new(device, members: 2, inputs: 3, hidden: 9, classes: 2);
        float[] expected = new float[4], found = new float[4];
        alive.Predict([1, 2, 3, 4, 5, 6], expected);
        int inUse = device.Memory.Programs;
        for (int hidden = 1; hidden <= 8; hidden++) Live(device, hidden);
        Compile(device, Variants(device, KernelCache.Kept));
        device.Update();
        Assert.That(device.Memory.Programs, Is.InRange(KernelCache.Kept, KernelCache.Kept + inUse));
        gl.ClearRecords();
        alive.Predict([1, 2, 3, 4, 5, 6], found);
        Assert.That(gl.Calls("glCreateProgram"), Is.Zero);
        Assert.That(found, Is.EqualTo(expected));
    }

    /// <summary>Two programs per shape.</summary>
    [Test]
    public void PopulationsOfManyShapesLeaveNoMoreProgramsThanAreKept()
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        Compile(device, Variants(device, KernelCache.Kept - 4));
        for (int hidden = 1; hidden <= 8; hidden++)
        {
            Live(device, hidden);
            Collect(device);
            Assert.That(device.Memory.Programs, Is.AtMost(KernelCache.Kept));
        }

        Assert.That(device.Memory, Is.EqualTo(default(DeviceMemory) with { Programs = KernelCache.Kept }));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Live(NeuralDevice device, int hidden)
    {
        using NetworkPopulation population = new(device, members: 2, inputs: 3, hidden, classes: 2);
        population.TrainBatch([1, 2, 3, 4, 5, 6], [0, 1], 0.1f);
        population.Predict([1, 2, 3, 4, 5, 6], new float[4]);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static KernelSet Population(NeuralDevice device)
    {
        using NetworkPopulation population = new(device, members: 2, inputs: 3, hidden: 2, classes: 2);
        return population.KernelsFor(1);
    }

    private static void WarmUp(NeuralDevice device, KernelSet kernels)
    {
        WarmUpProgress progress = device.WarmUp(kernels);
        for (int frame = 0; frame < 100 && !progress.IsDone; frame++) device.Update();
        Assert.That(progress.IsDone);
    }

    /// <summary>Variants of one small kernel that differ in a constant that it does not use.</summary>
    private static Dispatch[] Variants(NeuralDevice device, int count)
    {
        using Network network = new(device, inputs: 2, new Dense(2));
        Dispatch sum = StepWorkspace.KernelsFor(network, 1, new SoftmaxCrossEntropy(), optimizer: null, fused: false)
            .First(dispatch => dispatch.Source.FileName == "loss_sum.comp");
        return [.. Enumerable.Range(0, count).Select(i => sum.With(constants: [("VARIANT", i)]))];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Compile(NeuralDevice device, Dispatch[] dispatches)
    {
        foreach (Dispatch dispatch in dispatches) _ = device.GetKernel(dispatch);
    }

    private static void Collect(NeuralDevice device)
    {
        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            device.Update();
        }
    }
}
