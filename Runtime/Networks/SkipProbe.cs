namespace NeuralPlugin;

/// <summary>
/// Tells whether the driver has skipped dispatches (<see cref="SkipMark"/>) before work whose own results cannot be marked: a tiny dispatch after it, into a matrix of its
/// own. A conditional render may begin to skip in the middle of a call, but never stops there; so if the probe has run, everything before it in the call has.
/// </summary>
internal sealed class SkipProbe : IDisposable
{
    private readonly NeuralDevice device;
    private readonly MatrixTexture input;
    private readonly MatrixTexture[] outputs;
    private readonly Readback readback;
    private readonly float[] found = new float[1];

    /// <summary>Makes its matrices.</summary>
    /// <param name="device">The device to probe.</param>
    /// <param name="kernels">The device's kernels, of which the simplest one serves.</param>
    public SkipProbe(NeuralDevice device, FamilyKernels kernels)
    {
        this.device = device;
        input = new MatrixTexture(device, device.Shape(1, 1, "A probe"));
        outputs = [new MatrixTexture(device, input.Shape)];
        input.Upload<float>([0]);
        Plan = new Plan(device, [new ActivationForward(new Relu(), input, outputs[0]).ToDispatch(kernels)], compile: false);
        readback = new Readback(device, [input.Shape]);
    }

    /// <summary>Its dispatch, to be compiled before it first runs.</summary>
    public Plan Plan { get; }

    /// <summary>Whether the answer to <see cref="Start"/> is still to come.</summary>
    public bool IsPending => readback.Status == ReadbackStatus.Pending;

    /// <summary>The answer to <see cref="Start"/>, once it is not pending: no dispatches were skipped, so far as is known.</summary>
    public bool HasRun
    {
        get
        {
            if (readback.Status != ReadbackStatus.Ready) return false;
            readback.Read(0, found);
            return !SkipMark.Is(found[0]);
        }
    }

    /// <summary>Asks without waiting.</summary>
    public void Start()
    {
        Run();
        readback.Start(outputs);
    }

    /// <summary>Asks and waits: whether dispatches run.</summary>
    public bool Ask()
    {
        Plan.Compile();
        Run();
        return !SkipMark.IsIn(device, outputs[0]);
    }

    public void Dispose()
    {
        readback.Dispose();
        input.Dispose();
        outputs[0].Dispose();
    }

    private void Run()
    {
        SkipMark.Put(device, outputs[0]);
        Plan.Run(rows: 1);
    }
}
