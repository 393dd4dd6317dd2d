using BenchmarkDotNet.Attributes;

namespace NeuralPlugin.Benchmarks;

/// <summary>A suite with its own device, from the set-up to the clean-up. A method also finishes the work that it enqueues.</summary>
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

    /// <summary>Disposing the device also disposes everything created on it.</summary>
    [GlobalCleanup]
    public void CleanUp() => Device.Dispose();

    protected abstract void SetUpCase();
}
