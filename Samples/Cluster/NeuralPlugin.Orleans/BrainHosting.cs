using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Storage;

namespace NeuralPlugin.Orleans;

/// <summary>Puts brains into a silo.</summary>
public static class BrainHosting
{
    /// <summary>
    /// Adds the services of the brains' grains. Brains are kept in the grain storage named <see cref="BrainStorage.Name"/>; if none is configured before this call, in the memory of the silos.
    /// </summary>
    /// <param name="silo">The silo.</param>
    /// <param name="configure">Rules for all brains; null for the defaults. For one brain: <c>services.Configure&lt;BrainOptions&gt;(name, ...)</c>.</param>
    public static ISiloBuilder AddBrains(this ISiloBuilder silo, Action<BrainOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddOptions<BrainOptions>().ValidateOnStart();   // options of all brains that are out of range are an error of the start
        silo.Services.TryAddSingleton(TimeProvider.System);
        if (configure is not null) silo.Services.ConfigureAll(configure);
        bool hasStorage = silo.Services.Any(service => service.IsKeyedService && service.ServiceType == typeof(IGrainStorage) && Equals(service.ServiceKey, BrainStorage.Name));
        if (!hasStorage) silo.AddMemoryGrainStorage(BrainStorage.Name);
        return silo;
    }
}
