using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>A suite with a device of its own, from the set-up to the clean-up. What a method enqueues it also finishes.</summary>
[MemoryDiagnoser]
public abstract class DeviceSuite
{
    protected NeuralDevice Device { get; private set; } = null!;

    [GlobalSetup]
    public void SetUp()
    {
        Device = NeuralDevice.CreateHeadless();
        SetUpCase();
    }

    /// <summary>What was made on the device goes with it.</summary>
    [GlobalCleanup]
    public void CleanUp() => Device.Dispose();

    protected abstract void SetUpCase();
}
