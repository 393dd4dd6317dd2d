namespace NeuralPlugin;

/// <summary>
/// Rewrites the dispatches of a recording into fewer: ReLU into the product before it, its derivative into the product that
/// gives its gradient, the last layer with the softmax, the loss and their gradients into one, the update into the gradient
/// of the weights. The operations know nothing of it, results keep their bits, and matrices that nothing touches any more
/// are never made.
/// </summary>
internal sealed class Fusion
{
    /// <summary>Texels of logits that one invocation keeps in registers.</summary>
    private const int MostClassTexels = 4;

    private const int RowGroupSize = 8;

    /// <summary>The gradient, and the committed and pending weights.</summary>
    private const int ImagesOfStatelessUpdate = 3;

    private readonly List<RecordedDispatch> dispatches;
    private readonly HashSet<Operand> wanted;

    private Fusion(IEnumerable<RecordedDispatch> recorded, IEnumerable<Operand?> wanted)
    {
        dispatches = [.. recorded];
        this.wanted = [.. wanted.OfType<Operand>()];
    }

    /// <param name="recorded">The plain dispatches, in order.</param>
    /// <param name="wanted">The matrices that are looked at after the plan has run, which therefore must be written.</param>
    public static IReadOnlyList<RecordedDispatch> Fuse(IEnumerable<RecordedDispatch> recorded, params IEnumerable<Operand?> wanted)
    {
        Fusion fusion = new(recorded, wanted);
        fusion.FuseEach(Relu.ForwardFile, fusion.ReluIntoProduct);
        fusion.FuseEach(Relu.BackwardFile, fusion.ReluDerivativeIntoProduct);
        fusion.FuseEach(SoftmaxCrossEntropy.BackwardFile, fusion.LossIntoLastLayer);
        fusion.FuseEach(Optimizer.UpdateFile, fusion.UpdateIntoGradient);
        return fusion.dispatches;
    }

    private void FuseEach(string fileName, Action<RecordedDispatch> rule)
    {
        foreach (RecordedDispatch dispatch in dispatches.Where(d => d.Dispatch.Source.FileName == fileName).ToArray()) rule(dispatch);
    }

    private void ReluIntoProduct(RecordedDispatch relu)
    {
        (Operand x, Operand y) = (relu.Dispatch.Images[0].Operand, relu.Dispatch.Images[1].Operand);
        RecordedDispatch[] derivatives = [.. Readers(x).Where(reader => reader.Dispatch.Source.FileName == Relu.BackwardFile)];
        if (Producer(x, Dense.ForwardFile) is not { } product || wanted.Contains(x) || Readers(x).Count() != derivatives.Length + 1) return;

        Replace(product, product.Dispatch.With(
            [.. product.Dispatch.Images[..^1], new ImageBinding(y, ImageAccess.Write)], (Relu.Constant, 1)));
        dispatches.Remove(relu);

        // The output of ReLU is above zero where its input is.
        foreach (RecordedDispatch derivative in derivatives)
            Replace(derivative, derivative.Dispatch.With([new ImageBinding(y, ImageAccess.Read), .. derivative.Dispatch.Images[1..]]));
    }

    private void ReluDerivativeIntoProduct(RecordedDispatch derivative)
    {
        (Operand activation, Operand dy, Operand dx) =
            (derivative.Dispatch.Images[0].Operand, derivative.Dispatch.Images[1].Operand, derivative.Dispatch.Images[2].Operand);
        if (Producer(dy, Dense.BackwardInputFile) is not { } product || !IsReadOnlyBy(dy, derivative)) return;
        Replace(product, product.Dispatch.With(
            [.. product.Dispatch.Images[..^1], new ImageBinding(dx, ImageAccess.Write), new ImageBinding(activation, ImageAccess.Read)],
            (Relu.Constant, 1)));
        dispatches.Remove(derivative);
    }

    private void LossIntoLastLayer(RecordedDispatch backward)
    {
        (Operand logits, Operand targets, Operand logitGradients) =
            (backward.Dispatch.Images[0].Operand, backward.Dispatch.Images[1].Operand, backward.Dispatch.Images[2].Operand);
        RecordedDispatch forward = Readers(logits).First(reader => reader.Dispatch.Source.FileName == SoftmaxCrossEntropy.ForwardFile);
        if (Producer(logits, Dense.ForwardFile) is not { } product || !IsReadOnlyBy(logits, forward, backward) ||
            logits.Shape.TexelsPerRow > MostClassTexels)
        {
            return;
        }

        (Operand input, Operand parameters) = (product.Dispatch.Images[0].Operand, product.Dispatch.Images[1].Operand);
        List<ImageBinding> images =
        [
            new(input, ImageAccess.Read), new(targets, ImageAccess.Read), new(parameters, ImageAccess.Read),
            new(logitGradients, ImageAccess.Write), forward.Dispatch.Images[2],
        ];
        List<(string Name, int Value)> constants =
        [
            ("GROUP_SIZE", RowGroupSize), ("CLASS_TEXELS", logits.Shape.TexelsPerRow), TargetLayout.MaskConstant,
        ];
        long operations = product.Dispatch.FloatingPointOperations;
        RecordedDispatch? inputProduct = Readers(logitGradients).FirstOrDefault(reader => reader.Dispatch.Source.FileName == Dense.BackwardInputFile);
        if (inputProduct is not null && Array.TrueForAll(inputProduct.Dispatch.Images[3..], image => image.Operand == input))
        {
            images.Add(inputProduct.Dispatch.Images[2]);
            constants.Add(("INPUT_GRADIENTS", 1));
            if (inputProduct.Dispatch.Images.Length > 3) constants.Add((Relu.Constant, 1));
            operations += inputProduct.Dispatch.FloatingPointOperations;
            dispatches.Remove(inputProduct);
        }

        Replace(product, new Dispatch(
            new KernelSource("dense_softmax_cross_entropy.comp", [.. constants]), [.. images],
            [targets.Shape.TexelsPerRow, input.Shape.TexelsPerRow, input.Shape.Columns],
            new DispatchGrid(1, RowsPerGroupX: RowGroupSize), backward.Dispatch.Scalars)
        {
            FloatingPointOperations = operations,
        });
        dispatches.Remove(forward);
        dispatches.Remove(backward);
    }

    private void UpdateIntoGradient(RecordedDispatch update)
    {
        Operand gradient = update.Dispatch.Images[0].Operand;
        if (Producer(gradient, Dense.BackwardWeightsFile) is not { } product || !IsReadOnlyBy(gradient, update)) return;
        bool hasState = update.Dispatch.Images.Length > ImagesOfStatelessUpdate;
        Replace(product, Optimizer.FuseInto(hasState ? Dense.InSmallTile(product.Dispatch) : product.Dispatch, update.Dispatch));
        dispatches.Remove(update);
    }

    private void Replace(RecordedDispatch old, Dispatch fused) => dispatches[dispatches.IndexOf(old)] = old with { Dispatch = fused };

    /// <summary>The dispatch that writes a matrix, if it is of this kernel and not fused with a ReLU yet.</summary>
    private RecordedDispatch? Producer(Operand matrix, string fileName)
    {
        RecordedDispatch? writer = dispatches.Find(d => d.Dispatch.Images.Any(image => image.Operand == matrix && image.Access == ImageAccess.Write));
        return writer?.Dispatch.Source is { } source && source.FileName == fileName && !source.Has(Relu.Constant) ? writer : null;
    }

    private IEnumerable<RecordedDispatch> Readers(Operand matrix)
    {
        return dispatches.Where(d => d.Dispatch.Images.Any(image => image.Operand == matrix && image.Access != ImageAccess.Write));
    }

    private bool IsReadOnlyBy(Operand matrix, params RecordedDispatch[] readers)
    {
        return !wanted.Contains(matrix) && Readers(matrix).All(readers.Contains);
    }
}
