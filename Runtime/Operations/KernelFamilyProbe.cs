namespace NeuralPlugin;

/// <summary>
/// Finds the fastest kernel family of a device by timing the three products of a dense layer, and stores the result in a
/// small file (<see cref="RememberedChoices"/>).
/// </summary>
internal static class KernelFamilyProbe
{
    private const int Batch = 64;
    private const int Inputs = 784;
    private const int Units = 128;
    private const int Rounds = 15;

    public static string DefaultCacheFile => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "NeuralPlugin", "kernel-families.json");

    /// <summary>
    /// The fastest of the given families: from the file, else by a probe. A single one is not timed, nor is one whose kernels alone the driver accepts, which is asked for again at the next start.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="families">The candidates.</param>
    /// <param name="cacheFile">The file.</param>
    /// <param name="time">The clock of the probe; null for the system's.</param>
    /// <exception cref="DeviceNotSupportedException">The driver rejects a kernel of each family.</exception>
    public static KernelFamily Choose(NeuralDevice device, IReadOnlyList<KernelFamily> families, string cacheFile, TimeProvider? time = null)
    {
        if (families.Count == 1) return families[0];
        string key = RememberedChoices.KeyOf(device, families);
        Dictionary<string, string> remembered = RememberedChoices.Read(cacheFile);
        if (remembered.TryGetValue(key, out string? name) && families.FirstOrDefault(family => family.Name == name) is { } known) return known;
        (KernelFamily fastest, bool isMeasured) = Fastest(device, families, time ?? TimeProvider.System);
        if (!isMeasured) return fastest;
        remembered[key] = fastest.Name;
        RememberedChoices.Write(cacheFile, remembered);
        return fastest;
    }

    /// <summary>
    /// Alternates between the candidates, so that other load on the machine affects all of them, and takes each one's best round. On a
    /// busy machine most rounds are spoiled, so there are more than an idle one would need. Not measured, the first one, if the driver skipped them; a family of which the driver rejects a kernel is left out.
    /// </summary>
    private static (KernelFamily Family, bool IsMeasured) Fastest(NeuralDevice device, IReadOnlyList<KernelFamily> families, TimeProvider time)
    {
        using NeuralDevice.Scope scope = device.Enter();
        using MatrixTexture input = new(device, device.Shape(Batch, Inputs, "A probe")), inputGradients = new(device, input.Shape);
        using MatrixTexture parameters = new(device, device.Shape(Inputs + 1, Units, "A probe")), parameterGradients = new(device, parameters.Shape);
        using MatrixTexture output = new(device, device.Shape(Batch, Units, "A probe"));
        using MatrixTexture partSums = new(device, device.Shape(Batch, families.Max(family => PartsOf(family.For(device.Limits))) * Units, "A probe"));
        Dense dense = new(Units);
        Dispatch[] Products(KernelFamily family)
        {
            LayerOperands operands = new(input, output, [parameters]);
            FamilyKernels kernels = family.For(device.Limits);
            Computation[] computations =
                [.. dense.Forward(operands), .. dense.Backward(operands, new GradientOperands(output, inputGradients, [parameterGradients]))];
            return [.. computations.SelectMany(computation => AsInAStep(computation, kernels, partSums)).Select(computation => computation.ToDispatch(kernels))];
        }

        List<(KernelFamily Family, Dispatch[] Products)> candidates = [.. families.Select(family => (family, Products(family)))];
        foreach (Dispatch product in candidates.SelectMany(candidate => candidate.Products)) _ = device.Backend.StartCompiling(product);   // all at once, where the driver compiles beside the calls
        foreach ((KernelFamily Family, Dispatch[] Products) candidate in candidates.ToArray())
        {
            try
            {
                foreach (Dispatch product in candidate.Products)
                {
                    device.Compile(product);
                    product.NeedsBarrier = true;
                }
            }
            catch (DeviceNotSupportedException) when (candidates.Count > 1)
            {
                candidates.Remove(candidate);
            }
        }

        if (candidates.Count == 1) return (candidates[0].Family, false);
        SkipMark.Put(device, output);
        double[] best = new double[candidates.Count];
        Array.Fill(best, double.PositiveInfinity);
        for (int round = 0; round <= Rounds; round++)
        {
            for (int i = 0; i < candidates.Count; i++)
            {
                long start = time.GetTimestamp();
                device.Run(candidates[i].Products, Batch);
                device.Finish();
                double seconds = time.GetElapsedTime(start).TotalSeconds;
                if (round > 0) best[i] = Math.Min(best[i], seconds);   // the first round compiles
            }
        }

        return SkipMark.IsIn(device, output) ? (candidates[0].Family, false) : (candidates[Array.IndexOf(best, best.Min())].Family, true);
    }

    /// <summary>The parts of the sums of the probe's layer in a family.</summary>
    private static int PartsOf(FamilyKernels kernels)
    {
        PlannedMatrix input = new(new MatrixShape(Batch, Inputs), "A probe"), parameters = new(new MatrixShape(Inputs + 1, Units), "A probe"), output = new(new MatrixShape(Batch, Units), "A probe");
        return kernels.PartLengthOf(new DenseForward(input, parameters, output)) is { } length ? MatrixShape.CeilingDivide(Inputs, length) : 1;
    }

    /// <summary>As fused plans have it: a family that cuts sums in parts for a batch of this size is timed with parts.</summary>
    private static IEnumerable<Computation> AsInAStep(Computation computation, FamilyKernels kernels, Operand partSums) =>
        computation is DenseForward layer && kernels.PartLengthOf(layer) is { } length ? [new DenseForwardParts(layer, partSums, length), new DensePartsSum(layer, partSums)] : [computation];
}
