using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>The kernels around steps and predictions that belong to no family: the order in which samples are drawn, the rescaling of outputs, and the joining of observations with what was seen.</summary>
internal sealed class SharedKernelVerification(NeuralDevice device)
{
    /// <summary>In place of a family's name.</summary>
    public const string Family = "shared";

    /// <summary>The number of a rescale. A row that has a receipt of it stays.</summary>
    private const int NumberOfRescale = 3;

    private readonly SeededRandom random = new(seed: 3);
    private readonly KernelRejections rejections = new(device);

    public IEnumerable<KernelCheck> Run()
    {
        yield return SampleOrderRows();
        yield return DenseOutputRescale();
        yield return PopulationRescaling();
        if (!device.Limits.RunsMethods) yield return TextureFeaturesJoin();   // which only devices with a game's textures have
    }

    /// <summary>Several epochs of batches of which the last is smaller; the number of the first epoch does not fit into 32 bits any more when it ends.</summary>
    private KernelCheck SampleOrderRows()
    {
        const int Samples = 37, BatchSize = 9, Seed = 5;
        using TrainingSet samples = new(device, inputs: 1, classes: 2, Samples);
        using SampleOrder order = new(samples, Seed, BatchSize);
        order.Restore(new SampleOrderState(Seed, Epoch: uint.MaxValue, Samples, Position: BatchSize));
        DrawnBatch batch = order.BeginBatch();
        MatrixTexture rows = (MatrixTexture)order.Filling.Matrices[0].Operand;
        uint[] found = new uint[rows.Shape.Elements];
        rows.Upload<uint>(found);
        string name = $"the order of {Samples} samples in batches of {BatchSize}";
        int texels = order.Filling.Sizes[0]["texels"], stride = order.Filling.Sizes[0]["stride"], batchesPerEpoch = MatrixShape.CeilingDivide(Samples, BatchSize);
        return Check(order.Filling, name, batch.Rows, () =>
        {
            rows.Read(MemoryMarshal.Cast<uint, float>(found.AsSpan()));
            bool isRight = true;
            for (int i = 0; i < texels * MatrixShape.ColumnsPerTexel; i++)
            {
                (int epoch, int ofEpoch) = Math.DivRem(1 + (i / stride), batchesPerEpoch);
                isRight &= found[i] == SampleOrder.RowAt(Seed, uint.MaxValue + (long)epoch, Samples, Math.Min((ofEpoch * BatchSize) + (i % stride), Samples - 1));
            }

            return isRight ? 0 : double.PositiveInfinity;
        });
    }

    private KernelCheck DenseOutputRescale()
    {
        const int Rows = 9, Outputs = 7, Output = 5, Done = 2;
        const float Factor = 1.5f, Offset = -0.25f;
        using MatrixTexture parameters = new(device, new MatrixShape(Rows, Outputs)), receipts = new(device, new MatrixShape(Rows, 1));
        float[] values = MatrixContent.Random(random, parameters.Shape), numbers = new float[Rows];
        numbers[Done] = NumberOfRescale;
        parameters.Upload<float>(values);
        receipts.Upload<float>(numbers);
        KernelArguments<float> scalars = OutputRescale.MakeScalars();
        (scalars["factor"], scalars["offset"], scalars["number"]) = (Factor, Offset, NumberOfRescale);
        Dispatch dispatch = OutputRescale.DispatchFor(parameters, receipts, Output, scalars);
        double[] expected =
        [
            .. values.Select((value, i) => i % Outputs != Output || i / Outputs == Done ? value : ((double)Factor * value) + (i / Outputs == Rows - 1 ? Offset : 0)),
            .. Enumerable.Repeat((double)NumberOfRescale, Rows),
        ];
        return Check(dispatch, $"an output of a layer, {Rows - 1}-{Outputs}", Rows, () => MatrixContent.ErrorOf([.. Read(parameters), .. Read(receipts)], expected));
    }

    private KernelCheck PopulationRescaling()
    {
        const int Members = 5, Units = 6, Columns = 20, Done = 2;
        using MatrixTexture parameters = new(device, new MatrixShape(Members, Columns)), receipts = new(device, new MatrixShape(Members, 1)), scales = new(device, new MatrixShape(Members, 2));
        using MatrixTexture places = new(device, new MatrixShape(Members, Units + 1), TexelFormat.UnsignedInteger);
        float[] values = MatrixContent.Random(random, parameters.Shape), numbers = new float[Members], scale = MatrixContent.Random(random, scales.Shape);
        numbers[Done] = NumberOfRescale;
        uint[] table = [.. Enumerable.Range(0, Members * (Units + 1)).Select(i => (uint)((i / (Units + 1) * Columns) + (Columns - 2 - (2 * (i % (Units + 1))))))];
        parameters.Upload<float>(values);
        receipts.Upload<float>(numbers);
        scales.Upload<float>(scale);
        places.Upload<uint>(table);
        KernelArguments<float> scalars = PopulationRescale.MakeScalars();
        scalars["number"] = NumberOfRescale;
        Dispatch dispatch = PopulationRescale.DispatchFor(parameters, receipts, places, scales, Units, scalars);
        double[] expected = [.. values.Select(value => (double)value), .. Enumerable.Repeat((double)NumberOfRescale, Members)];
        for (int i = 0; i < table.Length; i++)
        {
            (int member, int unit) = Math.DivRem(i, Units + 1);
            if (member != Done) expected[table[i]] = ((double)scale[2 * member] * expected[table[i]]) + (unit == Units ? scale[(2 * member) + 1] : 0);
        }

        return Check(dispatch, $"an output of a population, {Members} × {Units}", Members, () => MatrixContent.ErrorOf([.. Read(parameters), .. Read(receipts)], expected));
    }

    private KernelCheck TextureFeaturesJoin()
    {
        const int Rows = 9, Observations = 6, Seen = 3, Values = 7;
        using MatrixTexture observed = new(device, new MatrixShape(Rows, Observations + 1)), seen = new(device, new MatrixShape(Seen, Values));
        using MatrixTexture features = new(device, new MatrixShape(Rows, Observations + Values));
        float[] observations = MatrixContent.Random(random, observed.Shape), pixels = [.. MatrixContent.Random(random, seen.Shape).Select(value => 10 * value)];
        for (int row = 0; row < Rows; row++) observations[(row * (Observations + 1)) + Observations] = (row % (Seen + 1)) - 1;   // below zero: nothing was seen
        observed.Upload<float>(observations);
        seen.Upload<float>(pixels);
        Dispatch dispatch = JoinedFeatures.DispatchFor(observed, seen, Observations, features);
        IEnumerable<double> expected = Enumerable.Range(0, Rows * (Observations + Values)).Select(i =>
        {
            (int row, int column) = Math.DivRem(i, Observations + Values);
            int look = (row % (Seen + 1)) - 1;
            if (column < Observations) return observations[(row * (Observations + 1)) + column];
            return look < 0 ? 0 : Math.Clamp((2.0 * pixels[(look * Values) + column - Observations]) - 1, -JoinedFeatures.Limit, JoinedFeatures.Limit);
        });
        return Check(dispatch, $"{Observations} observations with {Values} values of textures", Rows, () => MatrixContent.ErrorOf(Read(features), [.. expected]));
    }

    /// <summary>Runs a dispatch and judges what it has written, unless the driver rejects it.</summary>
    private KernelCheck Check(Dispatch dispatch, string name, int rows, Func<double> errorOf)
    {
        if (rejections.Compile(dispatch, Family, name) is { } rejected) return rejected;
        new Plan(device, [dispatch]).Run(rows);
        return new KernelCheck(Family, dispatch.Source.FileName, name, errorOf());
    }

    private static float[] Read(MatrixTexture matrix)
    {
        float[] values = new float[matrix.Shape.Elements];
        matrix.Read(values);
        return values;
    }
}
