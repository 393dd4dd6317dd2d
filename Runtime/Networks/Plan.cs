namespace NeuralPlugin;

/// <summary>
/// Dispatches made once, in order, with the barriers between them. A run walks the list without
/// lookups or allocations.
/// </summary>
internal sealed class Plan
{
    private readonly NeuralDevice device;
    private readonly Dispatch[] dispatches;

    /// <param name="device">The device to run on.</param>
    /// <param name="planned">Its dispatches, in order.</param>
    /// <param name="compile">False for a plan that is compiled later, before it first runs, once its kernels are warm.</param>
    /// <exception cref="DeviceLimitException">It is larger than this device's kernels can write or process.</exception>
    public Plan(NeuralDevice device, IEnumerable<Dispatch> planned, bool compile = true)
    {
        this.device = device;
        dispatches = [.. planned];
        foreach (Dispatch dispatch in dispatches) device.RequireRunnable(dispatch);
        PlaceBarriers();
        if (compile) Compile();
    }

    public IReadOnlyList<Dispatch> Dispatches => dispatches;

    /// <summary>Compiles the kernels that are not compiled yet.</summary>
    public void Compile()
    {
        foreach (Dispatch dispatch in dispatches) dispatch.Kernel ??= device.GetKernel(dispatch);
    }

    public void Run(int rows) => device.Run(dispatches, rows);

    /// <summary>Places a barrier before each dispatch that accesses what another wrote since the last one, or writes what it read.</summary>
    private void PlaceBarriers()
    {
        HashSet<Operand> read = [];
        HashSet<Operand> written = [];
        foreach (Dispatch dispatch in dispatches)
        {
            dispatch.NeedsBarrier = dispatch.Matrices.Any(
                matrix => written.Contains(matrix.Operand) || (matrix.IsWritten && read.Contains(matrix.Operand)));
            dispatch.NeedsBarrier |= dispatch.Textures.Any(texture => written.Contains(texture.Operand));
            if (dispatch.NeedsBarrier)
            {
                read.Clear();
                written.Clear();
            }

            foreach (MatrixBinding matrix in dispatch.Matrices)
            {
                if (matrix.IsRead) read.Add(matrix.Operand);
                if (matrix.IsWritten) written.Add(matrix.Operand);
            }

            foreach (TextureBinding texture in dispatch.Textures) read.Add(texture.Operand);
        }
    }
}
