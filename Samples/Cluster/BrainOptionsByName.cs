using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using NeuralPlugin.Orleans;

namespace NeuralPlugin.Cluster;

/// <summary>Rules of single brains, set while the silo runs and before the brain is first used.</summary>
internal sealed class BrainOptionsByName : IConfigureNamedOptions<BrainOptions>
{
    private readonly ConcurrentDictionary<string, Action<BrainOptions>> rules = [];

    public void Set(string brain, Action<BrainOptions> configure) => rules[brain] = configure;

    public void Configure(string? name, BrainOptions options)
    {
        if (name is not null && rules.TryGetValue(name, out Action<BrainOptions>? configure)) configure(options);
    }

    public void Configure(BrainOptions options)
    {
    }
}
