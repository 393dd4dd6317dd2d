using System.Runtime.CompilerServices;

namespace NeuralPlugin.Tests;

/// <summary>Tests compile their kernels, whatever an earlier run left in the user's cache; those of the cache choose a folder of their own.</summary>
internal static class NoKernelCache
{
    [ModuleInitializer]
    internal static void Set() => Environment.SetEnvironmentVariable(NeuralDevice.KernelCacheVariable, "off");
}
