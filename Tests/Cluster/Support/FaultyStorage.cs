using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using NeuralPlugin.Orleans;
using Orleans.Serialization;
using Orleans.Storage;

namespace NeuralPlugin.Cluster.Tests;

/// <summary>A storage beside the silos, like a database, that fails on request, and whose records a test can damage.</summary>
internal sealed class FaultyStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<string, (string Tag, byte[] Bytes)> records = [];
    private readonly Serializer serializer = new ServiceCollection().AddSerializer(builder => builder.AddAssembly(typeof(BrainRecord).Assembly)).BuildServiceProvider().GetRequiredService<Serializer>();
    private int tags;

    /// <summary>Whether each call fails.</summary>
    public static bool Fails { get; set; }

    /// <summary>Whether a write succeeds but reports failure to its caller.</summary>
    public static bool LosesAnswers { get; set; }

    /// <summary>Successful writes.</summary>
    public static int Writes { get; private set; }

    /// <summary>Changes each record that is read, before the caller sees it.</summary>
    public static Action<object>? Damage { get; set; }

    /// <summary>Chooses of each write whether it fails, lands without an answer, or lands late, when it was given up long ago; null for none of it.</summary>
    public static Random? Chaos { get; set; }

    /// <summary>Writes wait for this.</summary>
    public static Task Gate { get; set; } = Task.CompletedTask;

    public static void Reset() => (Fails, LosesAnswers, Damage, Chaos, Gate, Writes) = (false, false, null, null, Task.CompletedTask, 0);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (Fails) throw new IOException("The storage is away.");
        if (records.TryGetValue(KeyOf(stateName, grainId), out (string Tag, byte[] Bytes) record))
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = (serializer.Deserialize<T>(record.Bytes), record.Tag, true);
            Damage?.Invoke(grainState.State!);
        }

        return Task.CompletedTask;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await Gate;
        double fate = Chaos?.NextDouble() ?? 1;
        if (fate < 0.4) await Task.Delay(TimeSpan.FromMilliseconds(fate * 1000));
        if (Fails || fate is > 0.4 and < 0.5) throw new IOException("The storage is away.");
        string key = KeyOf(stateName, grainId);
        lock (records)
        {
            string? tag = records.TryGetValue(key, out (string Tag, byte[] Bytes) record) ? record.Tag : null;
            if (tag != grainState.ETag) throw new InconsistentStateException("Somebody else has written.", tag, grainState.ETag);
            string next = (++tags).ToString(System.Globalization.CultureInfo.InvariantCulture);
            records[key] = (next, serializer.SerializeToArray(grainState.State));
            Writes++;
            if (LosesAnswers || fate is > 0.5 and < 0.65) throw new TimeoutException("The answer is lost.");
            (grainState.ETag, grainState.RecordExists) = (next, true);
        }
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        records.TryRemove(KeyOf(stateName, grainId), out _);
        return Task.CompletedTask;
    }

    private static string KeyOf(string name, GrainId grain) => $"{name}/{grain}";
}
