#if NET
using System.Runtime.Intrinsics.X86;
#endif

namespace NeuralPlugin;

/// <content>Copies of its decisions into the rows of a batch.</content>
internal sealed partial class Rollout
{
    /// <summary>
    /// Copies some decisions into consecutive rows of a batch. One array after the other, since a step of a thousand brains takes tens of thousands: a
    /// <see cref="Decision"/> for each would take longer than the copying.
    /// </summary>
    /// <param name="decisions">Their numbers.</param>
    /// <param name="batch">The rows.</param>
    public void CopyTo(ReadOnlySpan<int> decisions, in RolloutRows batch)
    {
        CopyObserved(decisions, batch.Features);
        CopyRows(allowed, actionCount, decisions, batch.Allowed);
        CopyNumbers(actions, decisions, batch.Actions);
        CopyNumbers(logProbabilities, decisions, batch.LogProbabilities);
        if (seen is null) batch.Looks[..decisions.Length].Fill(-1);
        else CopyNumbers(looks, decisions, batch.Looks);
        if (takenNumbers > 0) CopyRows(taken, takenNumbers, decisions, batch.Taken);
        else if (!batch.Taken.IsEmpty) CopyActions(decisions, batch.Taken);
        if (referenceOutputs > 0) CopyRows(references, referenceOutputs, decisions, batch.References);
    }

    /// <summary>
    /// The decisions of a brain lie as far apart as there are agents, so each row would wait for memory. A row some copies ahead is asked for meanwhile, where the
    /// processor can.
    /// </summary>
    private void CopyObserved(ReadOnlySpan<int> rows, Span<float> to)
    {
        const int Ahead = 8;
        for (int i = 0; i < rows.Length; i++)
        {
            if (i + Ahead < rows.Length) Prefetch(features.AsSpan(rows[i + Ahead] * observations, observations));
            features.AsSpan(rows[i] * observations, observations).CopyTo(to[(i * observations)..]);
        }
    }

    private static unsafe void Prefetch(ReadOnlySpan<float> row)
    {
#if NET
        const int FloatsOfALine = 16;
        if (!Sse.IsSupported) return;
        fixed (float* first = row)
        {
            for (int i = 0; i < row.Length; i += FloatsOfALine) Sse.Prefetch0(first + i);
            if (row.Length > 0) Sse.Prefetch0(first + row.Length - 1);   // rows do not begin where lines do
        }
#endif
    }

    private static void CopyRows<T>(T[] from, int columns, ReadOnlySpan<int> rows, Span<T> to)
    {
        for (int i = 0; i < rows.Length; i++) from.AsSpan(rows[i] * columns, columns).CopyTo(to[(i * columns)..]);
    }

    private static void CopyNumbers<T>(T[] from, ReadOnlySpan<int> rows, Span<T> to)
    {
        to = to[..rows.Length];
        for (int i = 0; i < to.Length; i++) to[i] = from[rows[i]];
    }

    /// <summary>One branch, as an action of several numbers.</summary>
    private void CopyActions(ReadOnlySpan<int> rows, Span<float> to)
    {
        for (int i = 0; i < rows.Length; i++) to[i] = actions[rows[i]];
    }
}

/// <summary>Rows of a batch that decisions are copied to; what is not wanted is empty.</summary>
internal readonly ref struct RolloutRows
{
    /// <summary>[rows × observations].</summary>
    public Span<float> Features { get; init; }

    /// <summary>[rows × actions].</summary>
    public Span<bool> Allowed { get; init; }

    /// <summary>[rows]: the rows of the seen textures.</summary>
    public Span<int> Looks { get; init; }

    /// <summary>[rows].</summary>
    public Span<int> Actions { get; init; }

    /// <summary>[rows × numbers of an action].</summary>
    public Span<float> Taken { get; init; }

    /// <summary>[rows].</summary>
    public Span<float> LogProbabilities { get; init; }

    /// <summary>[rows × outputs of a policy].</summary>
    public Span<float> References { get; init; }
}
