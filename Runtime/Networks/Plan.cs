namespace NeuralPlugin;

/// <summary>
/// Dispatches made once, in order, with the barriers they need of each other. Running it walks the list: nothing is
/// looked up or allocated.
/// </summary>
internal sealed class Plan
{
    private readonly NeuralDevice device;
    private readonly Dispatch[] dispatches;

    /// <param name="device">Where it runs.</param>
    /// <param name="planned">Its dispatches, in order.</param>
    /// <param name="compile">False for a plan that is compiled before it first runs, when its kernels are warm.</param>
    /// <exception cref="DeviceLimitException">It is more than this device's kernels may write, or work on.</exception>
    public Plan(NeuralDevice device, IEnumerable<Dispatch> planned, bool compile = true)
    {
        this.device = device;
        dispatches = [.. planned];
        foreach (Dispatch dispatch in dispatches) device.RequireRunnable(dispatch);
        PlaceBarriers();
        if (compile) Compile();
    }

    public IReadOnlyList<Dispatch> Dispatches => dispatches;

    /// <summary>Compiles what is not compiled yet.</summary>
    public void Compile()
    {
        foreach (Dispatch dispatch in dispatches) dispatch.Kernel ??= device.GetKernel(dispatch);
    }

    public void Run(int rows) => device.Run(dispatches, rows);

    /// <summary>A barrier stands before a dispatch that touches what another wrote since the last one, or writes what it read.</summary>
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
