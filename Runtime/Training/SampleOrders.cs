namespace NeuralPlugin;

/// <summary>The orders that draw from a set, which respects their open batches, until each is disposed or no longer referenced. Used on the device's thread alone.</summary>
internal sealed class SampleOrders
{
    private readonly List<WeakReference<SampleOrder>> orders = [];

    /// <summary>Their number, including those that have ended since they were last looked through.</summary>
    public int Count => orders.Count;

    /// <summary>Adds an order.</summary>
    public void Add(SampleOrder order)
    {
        orders.RemoveAll(known => !known.TryGetTarget(out SampleOrder? other) || other.IsDisposed);
        orders.Add(new WeakReference<SampleOrder>(order));
    }

    /// <summary>How many of these rows may be replaced: those before the first one that an open batch draws.</summary>
    public int RowsBeforeOpenOnes(int firstRow, int rows)
    {
        for (int i = orders.Count - 1; i >= 0; i--)
        {
            if (orders[i].TryGetTarget(out SampleOrder? order) && !order.IsDisposed) rows = order.RowsBeforeOpenOnes(firstRow, rows);
            else orders.RemoveAt(i);
        }

        return rows;
    }
}
