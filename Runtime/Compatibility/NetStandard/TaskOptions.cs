using System.Runtime.CompilerServices;

namespace NeuralPlugin;

/// <summary>How to await a task, as far as used here: without its exception, and never synchronously.</summary>
[Flags]
internal enum ConfigureAwaitOptions
{
    SuppressThrowing = 2,
    ForceYielding = 4,
}

/// <summary>Awaits with both of the <see cref="ConfigureAwaitOptions"/>.</summary>
internal static class TaskOptions
{
    public static YieldingAwaitable ConfigureAwait(this Task task, ConfigureAwaitOptions options)
    {
        return options == (ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding) ? new YieldingAwaitable(task)
            : throw new NotSupportedException($"{options}");
    }

    internal readonly struct YieldingAwaitable(Task task) : INotifyCompletion
    {
        public bool IsCompleted => false;

        public YieldingAwaitable GetAwaiter() => this;

        public void OnCompleted(Action continuation) => task.ContinueWith(
            (_, next) => ((Action)next!)(), continuation, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

        public void GetResult()
        {
        }
    }
}
