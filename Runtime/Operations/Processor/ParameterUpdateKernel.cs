namespace NeuralPlugin;

/// <summary>
/// The update of a range of parameters from their gradients, heeding the log of steps, as in Shaders/Include/update.glsl. It belongs to
/// the kernel whose matrices it looks up.
/// </summary>
/// <remarks>
/// A parameter whose new weight or state is not finite keeps both, as in Shaders/Include/guarded_step.glsl: the optimizers write first, and what they wrote is
/// examined while it is still in a cache, so that no optimizer needs a guard of its own.
/// </remarks>
internal sealed unsafe class UpdateAccess
{
    /// <summary>Parameters that an optimizer writes before they are examined: with their gradients and two matrices of state they fit into the first-level cache.</summary>
    private const int ParametersAtATime = 1024;

    private readonly Optimizer optimizer;
    private readonly KernelArguments<float> scalars;
    private readonly MatrixAddress weights;
    private readonly MatrixAddress pendingWeights;
    private readonly MatrixAddress[] state;
    private readonly MatrixAddress[] pendingState;
    private readonly MatrixAddress? log;
    private readonly MatrixAddress? kept;   // the log, if it notes steps in which a parameter kept its value
    private readonly StepLogAccess steps;
    private readonly GuidedRateAccess? guide;

    /// <param name="optimizer">The optimizer.</param>
    /// <param name="find">Finds the kernel's matrices by name; null if there is none.</param>
    /// <param name="scalars">The optimizer's scalars.</param>
    /// <param name="steps">The log.</param>
    /// <param name="guide">The learning rate that the loss guides; null for that of the scalars.</param>
    public UpdateAccess(Optimizer optimizer, Func<string, MatrixAddress?> find, KernelArguments<float> scalars, StepLogAccess steps, GuidedRateAccess? guide)
    {
        this.optimizer = optimizer;
        this.scalars = scalars;
        this.steps = steps;
        this.guide = guide;
        weights = find("weights")!;
        pendingWeights = find("pendingWeights")!;
        state = [.. Enumerable.Range(0, optimizer.State.Count).Select(i => find($"state{i}")!)];
        pendingState = [.. Enumerable.Range(0, optimizer.State.Count).Select(i => find($"pendingState{i}")!)];
        log = find("droppedSteps");
        kept = find("keptStep");
    }

    /// <summary>Updates a range of values whose gradients are contiguous.</summary>
    /// <param name="first">The first value.</param>
    /// <param name="length">The number of values.</param>
    /// <param name="gradients">Their gradients.</param>
    /// <param name="ownRate">The learning rate of these values only; null for the common one.</param>
    public void Run(nint first, int length, float* gradients, float? ownRate = null)
    {
        UpdateKind kind = steps.KindOfUpdate(log);
        if (kind == UpdateKind.Copy) Keep(first, length);
        if (kind != UpdateKind.Update) return;
        float** from = stackalloc float*[state.Length];
        float** to = stackalloc float*[state.Length];
        float rate = ownRate ?? guide?.Rate ?? scalars["learningRate"];
        for (nint last = first + length; first < last; first += ParametersAtATime, gradients += ParametersAtATime)
        {
            for (int i = 0; i < state.Length; i++)
            {
                from[i] = state[i].Floats + first;
                to[i] = pendingState[i].Floats + first;
            }

            int count = (int)Math.Min(ParametersAtATime, last - first);
            optimizer.Update(new ParameterSpan(weights.Floats + first, gradients, pendingWeights.Floats + first, from, to, count, rate), scalars);
            if (!AreFinite(first, count)) KeepWhatIsNotFinite(first, count);
        }
    }

    /// <summary>Copies the committed values to the pending ones.</summary>
    public void Keep(nint first, int length)
    {
        Copy(weights, pendingWeights);
        for (int i = 0; i < state.Length; i++) Copy(state[i], pendingState[i]);

        void Copy(MatrixAddress from, MatrixAddress to) => new ReadOnlySpan<float>(from.Floats + first, length).CopyTo(new Span<float>(to.Floats + first, length));
    }

    private bool AreFinite(nint first, int length)
    {
        bool areFinite = AreFinite(pendingWeights.Floats + first, length);
        for (int i = 0; i < pendingState.Length; i++) areFinite &= AreFinite(pendingState[i].Floats + first, length);
        return areFinite;
    }

    /// <summary>A sum of products with zero is zero, or NaN if a value is not finite, which its bits tell: one operation for each vector.</summary>
    private static bool AreFinite(float* values, int length)
    {
        const int Width = 8;   // of a Vector256
        Vector256<float> zero = default, sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        int i = 0;
        for (; i <= length - (4 * Width); i += 4 * Width)
        {
            sum0 = Vector256.MultiplyAddEstimate(Vector256.Load(values + i), zero, sum0);
            sum1 = Vector256.MultiplyAddEstimate(Vector256.Load(values + i + Width), zero, sum1);
            sum2 = Vector256.MultiplyAddEstimate(Vector256.Load(values + i + (2 * Width)), zero, sum2);
            sum3 = Vector256.MultiplyAddEstimate(Vector256.Load(values + i + (3 * Width)), zero, sum3);
        }

        Vector256<float> all = sum0 + sum1 + (sum2 + sum3);
        Vector128<float> half = all.GetLower() + all.GetUpper();
        float sum = half[0] + half[1] + half[2] + half[3];
        for (; i < length; i++) sum += values[i] * 0;
        return float.IsFinite(sum);
    }

    private void KeepWhatIsNotFinite(nint first, int length)
    {
        for (nint at = first; at < first + length; at++)
        {
            bool isFinite = float.IsFinite(pendingWeights.Floats[at]);
            for (int i = 0; i < pendingState.Length; i++) isFinite &= float.IsFinite(pendingState[i].Floats[at]);
            if (!isFinite) Keep(at, 1);
        }

        if (kept is not null) steps.NoteKept(kept);
    }
}

/// <summary>optimizer_update.comp: the update of parameters from stored gradients.</summary>
internal sealed unsafe class ParameterUpdateKernel : LoggedKernel
{
    private readonly MatrixAddress gradients;
    private readonly UpdateAccess update;
    private readonly int texels;
    private readonly int lineTexels;

    /// <param name="dispatch">The dispatch.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="lineTexels">Texels of a line of the grid.</param>
    public ParameterUpdateKernel(Dispatch dispatch, Optimizer optimizer, int lineTexels) : base(dispatch)
    {
        gradients = Matrix("gradients");
        texels = Size("texels");
        this.lineTexels = lineTexels;
        update = new UpdateAccess(optimizer, FindMatrix, ScalarsWith("learningRate"), Log, GuidedRate);
    }

    public override long WorkOf(int rows) => 8L * texels;

    public override void Run(int rows, int firstLine, int lines, float* scratch)
    {
        nint first = (nint)firstLine * lineTexels;
        nint last = (nint)Math.Min((long)(firstLine + lines) * lineTexels, texels);
        if (first >= last) return;
        first *= MatrixShape.ColumnsPerTexel;
        update.Run(first, (int)((last * MatrixShape.ColumnsPerTexel) - first), gradients.Floats + first);
    }
}
