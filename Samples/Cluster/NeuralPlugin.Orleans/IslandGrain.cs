using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace NeuralPlugin.Orleans;

/// <summary>The stored record of the islands' best brains.</summary>
[GenerateSerializer, Alias("NeuralPlugin.IslandRecord")]
public sealed class IslandRecord
{
    /// <summary>The bytes of each, the best first.</summary>
    [Id(0)]
    public List<byte[]> Brains { get; set; } = [];

    /// <summary>The SHA-256 of each.</summary>
    [Id(1)]
    public List<byte[]> Checksums { get; set; } = [];

    /// <summary>The score of each.</summary>
    [Id(2)]
    public List<double> Scores { get; set; } = [];

    /// <summary>The island of each.</summary>
    [Id(3)]
    public List<string> Senders { get; set; } = [];
}

/// <summary>The best brains of islands, one of each.</summary>
internal sealed class IslandGrain : Grain, IIslandGrain
{
    private readonly string name;
    private readonly BrainOptions options;
    private readonly BrainStore<IslandRecord> store;
    private List<Champion>? champions;

    public IslandGrain(IGrainContext context, [FromKeyedServices(BrainStorage.Name)] IGrainStorage storage, IOptionsMonitor<BrainOptions> options)
    {
        name = context.GrainId.Key.ToString()!;
        this.options = options.Get(name);
        store = new BrainStore<IslandRecord>(storage, "island", context.GrainId, this.options.StorageTimeout);
    }

    public async Task<Champion?> Exchange(Champion best, double worst)
    {
        await ReadAsync();
        if (DifferenceCheck.FindFaultOfName(name) is { } fault) throw new UnknownBrainException(name, fault);
        BrainState offered = DifferenceCheck.ReadBrain(name, best.Sender, best.Brain);
        if (!double.IsFinite(best.Score)) throw new DifferenceRefusedException(name, best.Sender, RefusalReason.NotFinite, $"its score must be finite, but got {best.Score}.");
        if (champions!.Count > 0 && DifferenceCheck.ReadBrain(name, champions[0].Sender, champions[0].Brain) is var ours && !offered.HasShapeOf(ours))
            throw new BrainShapeException(name, ours.Shape, offered.Shape);
        List<Champion> next = [.. champions.Where(one => one.Sender != best.Sender).Append(best).OrderByDescending(one => one.Score).Take(options.Champions)];
        if (next.Contains(best) || next.Count != champions.Count) await WriteAsync(next);
        return champions.FirstOrDefault(one => one.Sender != best.Sender && one.Score > worst);
    }

    public async Task<IReadOnlyList<Champion>> GetChampions()
    {
        await ReadAsync();
        return [.. champions!];
    }

    private async Task ReadAsync()
    {
        if (champions is not null) return;
        await store.RequireAsync(name);
        IslandRecord record = store.Record;
        if (record.Checksums.Count != record.Brains.Count || record.Scores.Count != record.Brains.Count || record.Senders.Count != record.Brains.Count)
            throw new StoredBrainException(name, "its lists have different lengths.");
        for (int i = 0; i < record.Brains.Count; i++) BrainStorage.Read(name, record.Brains[i], record.Checksums[i]);
        champions = [.. record.Brains.Select((brain, i) => new Champion(brain, record.Scores[i], record.Senders[i]))];
    }

    private async Task WriteAsync(List<Champion> next)
    {
        IslandRecord record = new()
        {
            Brains = [.. next.Select(one => one.Brain)],
            Checksums = [.. next.Select(one => BrainStorage.ChecksumOf(one.Brain))],
            Scores = [.. next.Select(one => one.Score)],
            Senders = [.. next.Select(one => one.Sender)],
        };
        try
        {
            await store.WriteAsync(record);
            champions = next;
        }
        catch (InconsistentStateException)
        {
            champions = null;   // another activation has written: the next call reads its record
            await ReadAsync();
        }
    }
}
