using System.Globalization;
using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>A device's kernels are checked against double precision on the user's own machine, and the wrong ones are named.</summary>
[TestFixture]
[Category(Categories.EveryFamily)]
[Category(Categories.Late)]
internal sealed class VerificationTests
{
    /// <summary>Kernels that do not depend on the family, and the products that every family has.</summary>
    private static readonly string[] OfEveryFamily =
    [
        "dense_forward.comp", "dense_backward_input.comp", "dense_backward_weights.comp", "activation_forward.comp", "activation_backward.comp",
        "softmax_forward.comp", "loss_forward.comp", "loss_sum.comp", "loss_backward.comp", "optimizer_update.comp",
    ];

    private static readonly string[] OfTheRegisterTiled =
    [
        "dense_loss_rows.comp", "dense_softmax_rows.comp", "dense_activation_dense_step.comp", "network_population_step.comp",
        "network_population_update.comp", "network_population_forward.comp",
    ];

    private static readonly string[] OfTheWorkgroupTiled =
    [
        "dense_forward_tile.comp", "dense_forward_rows.comp", "dense_parts_sum.comp", "dense_backward_input_tile.comp", "dense_backward_weights_tile.comp",
        "dense_loss_row_lanes.comp", "dense_softmax_row_lanes.comp", "dense_output_row_lanes.comp", "two_layer_update_tile.comp", "small_step_workgroup.comp", "network_population_step_lanes.comp",
        "network_population_update_lanes.comp", "network_population_forward_lanes.comp",
    ];

    [Test]
    public void EveryKernelOfEveryFamilyIsRightHere()
    {
        IReadOnlyList<KernelCheck> checks = TestDevice.Plain.Verify();
        Assert.That(checks.Where(check => !check.IsRight), Is.Empty);
        Assert.That(checks.Select(check => check.Error), Has.All.AtLeast(0).And.Some.Positive);
        Assert.That(checks.Select(check => check.Family).Distinct(), Is.EquivalentTo(TestDevice.Families.Select(family => family.Name).Prepend(SharedKernelVerification.Family)));
        string[] shared = ["sample_order_rows.comp", "dense_output_rescale.comp", "population_rescale.comp", .. TestDevice.Plain.Limits.RunsMethods ? Array.Empty<string>() : ["texture_features_join.comp"]];
        Assert.That(checks.Where(check => check.Family == SharedKernelVerification.Family).Select(check => check.Kernel), Is.EqualTo(shared));
        foreach (IGrouping<string, KernelCheck> family in checks.Where(check => check.Family != SharedKernelVerification.Family).GroupBy(check => check.Family))
        {
            string[] kernels = [.. family.Select(check => check.Kernel)];
            if (family.Key == KernelFamily.RegisterTiled.Name) Assert.That(kernels, Is.SupersetOf(OfEveryFamily.Concat(OfTheRegisterTiled)));
            if (family.Key == KernelFamily.WorkgroupTiled.Name) Assert.That(kernels, Is.SupersetOf(OfTheWorkgroupTiled));
            Assert.That(kernels.Distinct().Count(), Is.AtLeast(OfEveryFamily.Length), family.Key);
        }
    }

    /// <summary>The kernels of small networks and populations that the device has, in its tuning, plain and fused, guards among them.</summary>
    [Test]
    public void AQuickOneChecksWhatNetworksOfTheDeviceHave()
    {
        NeuralDevice device = TestDevice.Plain;
        KernelFamily family = KernelFamily.Of(device);
        IReadOnlyList<KernelCheck> checks = device.Verify(VerificationExtent.Quick);
        Assert.That(checks.Select(check => check.Family), Has.All.EqualTo(family.Name));
        string[] independent = [.. OfEveryFamily.Where(kernel => !kernel.StartsWith("dense_", StringComparison.Ordinal))];
        string[] fused = family == KernelFamily.WorkgroupTiled
            ? ["dense_forward_tile.comp", "dense_loss_row_lanes.comp", "dense_softmax_row_lanes.comp", "two_layer_update_tile.comp", "small_step_workgroup.comp", "network_population_step_lanes.comp", "network_population_forward_lanes.comp"]
            : family == KernelFamily.RegisterTiled ? ["dense_forward.comp", "dense_loss_rows.comp", "dense_softmax_rows.comp", "dense_activation_dense_step.comp", "network_population_step.comp", "network_population_forward.comp"] : [];
        Assert.That(checks.Select(check => check.Kernel), Is.SupersetOf(independent.Concat(fused)));
        Assert.That(checks.Where(check => !check.IsRight), Is.Empty);
        foreach (string what in new[] { "a step", "a small step", "narrow prediction", "not a number", "too large", "population's step", "population's prediction" })
            Assert.That(checks.Where(check => check.Case.Contains(what, StringComparison.Ordinal)), Is.Not.Empty, what);
        Assert.That(() => device.Verify((VerificationExtent)7), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    [Category(Categories.Once)]
    public void AQuickOneFindsAFaultyKernel()
    {
        TestGls.RequireDriver();
        using HostContext host = new();
        FaultyCompiler.In(host, "vec4 y = activate(scaleInputs(LOAD_INPUTS(", "vec4 y = 1.01 * activate(scaleInputs(LOAD_INPUTS(");
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        KernelVerificationException wrong = Assert.Throws<KernelVerificationException>(() => device.Verify(VerificationExtent.Quick))!;
        Assert.That(wrong.Checks.Where(check => !check.IsRight).Select(check => check.Kernel).Distinct(), Is.EqualTo(new[] { "activation_forward.comp" }));
    }

    /// <summary>It chooses nothing, and leaves nothing behind.</summary>
    [Test]
    public void ItLeavesTheDeviceAsItWas()
    {
        NeuralDevice device = TestDevice.Plain;
        KernelFamily family = KernelFamily.Of(device);
        DeviceMemory before = TestDevice.MemoryInUse(device);
        device.Verify();
        device.Update();
        Assert.That(device.Memory with { Programs = before.Programs }, Is.EqualTo(before), "kernels are kept");
        Assert.That(KernelFamily.Of(device), Is.SameAs(family));
    }

    /// <summary>A driver that loses one dispatch: its kernel is named, with its error.</summary>
    [Test]
    public void AWrongKernelIsNamed()
    {
        const int Right = 3;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        IReadOnlyList<KernelCheck> all = device.Verify(VerificationExtent.Quick);
        gl.ClearRecords();
        gl.LostDispatch = Right;
        KernelVerificationException wrong = Assert.Throws<KernelVerificationException>(() => device.Verify(VerificationExtent.Quick))!;
        Assert.That(wrong.Checks.Select(check => check.Kernel), Is.EqualTo(all.Select(check => check.Kernel)));
        Assert.That(wrong.Checks.Take(Right).Select(check => check.IsRight), Is.All.True);
        Assert.That(wrong.Checks[Right].IsRight, Is.False);
        Assert.That(wrong.Checks[^1].IsRight, "it does not affect the verdict on later ones");
        Assert.That(wrong.Message, Does.Contain(all[Right].Kernel).And.Contain(all[Right].Family).And.Contain(device.Renderer).And.Contain("2E-05"));
    }

    /// <summary>A driver that compiles beside the calls has the kernels of all networks before the first is needed, and no others; another one does not keep the first checks waiting for the last kernels. The checks are told as they are made.</summary>
    [Test]
    [Category(Categories.Once)]
    [Category(Categories.Card)]
    public void ADriverThatCompilesInTheBackgroundGetsAllKernelsFirst()
    {
        (long few, long inAll) = CompiledBy(inBackground: false);
        Assert.That(few, Is.LessThan(inAll / 2));
        (long beforeTheFirst, long then) = CompiledBy(inBackground: true);
        Assert.That(beforeTheFirst, Is.EqualTo(then));
        Assert.That(then, Is.EqualTo(inAll));

        static (long BeforeTheFirst, long InAll) CompiledBy(bool inBackground)
        {
            using TestGl gl = TestGls.Create();
            gl.CompileFrames = inBackground ? 1 : 0;
            using NeuralDevice device = NeuralDevice.Attach(gl.Api);
            if (inBackground && !device.Limits.CompilesBesideCalls) Assert.Inconclusive("This driver does not tell whether it has compiled a kernel.");
            long? beforeTheFirst = null;
            List<KernelCheck> told = [];
            IReadOnlyList<KernelCheck> checks = DeviceVerification.Verify(device, [KernelFamily.RegisterTiled], VerificationExtent.Complete, check =>
            {
                told.Add(check);
                if (check.Family != SharedKernelVerification.Family) beforeTheFirst ??= gl.Calls("glLinkProgram");
            });
            Assert.That(told, Is.EqualTo(checks));
            return (beforeTheFirst!.Value, gl.Calls("glLinkProgram"));
        }
    }

    /// <summary>A conditional render of the host may begin to skip in the middle of the call: no kernel is to blame.</summary>
    [Test]
    public void KernelsThatTheDriverSkipsAreNotWrong([Values(0, 3)] int run, [Values] VerificationExtent extent)
    {
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        gl.ClearRecords();
        gl.MostDispatches = run == 0 ? long.MaxValue : run;
        using HostConditionalRender? render = run == 0 ? new HostConditionalRender(gl) : null;
        DispatchesSkippedException exception = Assert.Throws<DispatchesSkippedException>(() => device.Verify(extent))!;
        Assert.That(exception.Message, Does.Contain("glBeginConditionalRender"));
    }

    /// <summary>A driver that computes one kernel a hundredth too large: it is named alone, wherever it runs, with how far it is off. Nightly, since another driver's kernels are all compiled anew.</summary>
    [Test]
    [Category(Categories.Nightly)]
    public void AKernelThatIsCompiledWronglyIsNamedWithItsError()
    {
        const string Wrong = "activation_forward.comp";
        TestGls.RequireDriver();
        using HostContext host = new();
        FaultyCompiler.In(host, "vec4 y = activate(scaleInputs(LOAD_INPUTS(", "vec4 y = 1.01 * activate(scaleInputs(LOAD_INPUTS(");
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        KernelVerificationException wrong = Assert.Throws<KernelVerificationException>(() => device.Verify())!;
        Assert.That(wrong.Checks.Where(check => !check.IsRight).Select(check => check.Kernel).Distinct(), Is.EqualTo(new[] { Wrong }));
        Assert.That(wrong.Checks.Where(check => check.Kernel == Wrong).Select(check => check.Error), Has.All.InRange(0.005, 0.0101), "a hundredth of the greatest number, or of one");
        KernelCheck first = wrong.Checks.First(check => !check.IsRight);
        Assert.That(wrong.Message, Does.Contain(Wrong).And.Contain(first.Family).And.Contain(first.Case).And.Contain(first.Error.ToString("G2", CultureInfo.InvariantCulture)));
    }

    /// <summary>Steps as trainers in a frame make them, that draw their batch, of bytes, with a log; and a loss that is not a number.</summary>
    [Test]
    public void StepsAreVerifiedAsTheyAreMade()
    {
        IReadOnlyList<KernelCheck> checks = TestDevice.Plain.Verify();
        foreach (string family in TestDevice.Families.Select(family => family.Name))
        {
            foreach (string what in new[] { "drawn", "of bytes", "with a log", "not a number", "population's step", "population's prediction" })
                Assert.That(checks.Where(check => check.Family == family && check.Case.Contains(what, StringComparison.Ordinal)), Is.Not.Empty, $"{family}, {what}");
        }
    }

    /// <summary>Whatever a card's tuning may choose.</summary>
    [Test]
    public void EveryConfigurationIsVerified()
    {
        if (!KernelFamily.All.Contains(TunedFamily.Instance)) Assert.Ignore("The tests' families are not known by name in this run.");
        string[] tuned = [.. DeviceVerification.Verify(TestDevice.Plain, [TunedFamily.Instance], VerificationExtent.Complete, onCheck: null).Select(check => check.Case)];
        foreach (string configuration in new[] { TunedFamily.Twice, TunedFamily.RegisterTiledProducts })
            Assert.That(tuned, Has.Some.EndsWith($": {configuration}"));
    }

    /// <summary>On a graphics card, whatever kernels other cases have had: the tiles of every product in each shape, with and without what is fused, and sums in parts of both lengths, apart and in turn.</summary>
    [Test]
    public void EveryConfigurationOfACardIsVerified()
    {
        KernelFamily family = new WorkgroupTiledFamily(WorkgroupTiling.ByRule);
        DeviceLimits card = new() { MostBindings = 16, SharedMemoryBytes = 48 * 1024 };
        VerifiedKernels kernels = new();
        List<Dispatch> verified = [];
        foreach (VerifiedCase step in StepVerification.Cases)
        {
            foreach (VerifiedConfiguration configuration in kernels.ConfigurationsOf(step.KernelsOf(family, card), step.Plan, always: true))
                verified.AddRange(step.Plan(configuration.Kernels).Where((_, i) => configuration.IsWanted[i]));
        }

        KernelSource[] sources = [.. verified.Select(dispatch => dispatch.Source)];
        TestContext.Out.WriteLine($"{verified.Select(dispatch => dispatch.Program.Key).Distinct().Count()} kernels of steps and predictions");
        TileShape[] shapes = [TileShape.Large, TileShape.Medium, TileShape.Flat];
        foreach ((string file, string[] with) in ((string, string[])[])
            [
                ("two_layer_update_tile.comp", []), ("dense_forward_tile.comp", ["PARTS_APART"]), ("dense_forward_tile.comp", ["DRAWN_INPUTS", "BYTE_INPUTS"]), ("dense_forward_tile.comp", ["ACTIVATION"]),
                ("dense_backward_weights_tile.comp", ["UPDATE"]), ("dense_backward_input_tile.comp", []),
            ])
        {
            Assert.That(sources.Where(source => source.FileName == file && with.All(name => Defines(source, name))).Select(ShapeOf).Distinct(), Is.SupersetOf(shapes.Select(shape => (shape.Rows, shape.Columns))), $"{file} {string.Join(' ', with)}");
        }

        Assert.That(sources.Where(source => source.FileName == "dense_forward_tile.comp" && !Defines(source, "PARTS_APART")).Select(source => ValueOf(source, "PARTS")), Has.Some.GreaterThan(1));
        Assert.That(sources.Where(source => Defines(source, "PARTS_APART")).Select(source => ValueOf(source, "PART_LENGTH")).Distinct().Count(), Is.EqualTo(2), "the rule's is the least, so it has no half");

        static bool Defines(KernelSource source, string name) => source.Constants.Any(constant => constant.Name == name) || source.Includes.Any(include => include.Slot == name);
        static int ValueOf(KernelSource source, string name) => source.Constants.First(constant => constant.Name == name).Value;
        static (int Rows, int Columns) ShapeOf(KernelSource source) => (ValueOf(source, "TILE_ROWS"), ValueOf(source, "TILE_COLUMNS"));
    }

    [Test]
    public void WhatIsNoNumberIsWrongByInfinity()
    {
        Assert.That(MatrixContent.ErrorOf([1, float.NaN], [1, 2]), Is.EqualTo(double.PositiveInfinity));
        Assert.That(MatrixContent.ErrorOf([1, float.NegativeInfinity], [1, 2]), Is.EqualTo(double.PositiveInfinity));
        Assert.That(MatrixContent.ErrorOf([101, 50], [100, 50]), Is.EqualTo(0.01), "of what is above 1, a part");
        Assert.That(MatrixContent.ErrorOf([0.25f, 0], [0, 0]), Is.EqualTo(0.25));
        Assert.That(MatrixContent.ErrorOf([2, float.NaN], [1, double.NaN]), Is.EqualTo(1), "what should not be finite is right if it is not");
        Assert.That(MatrixContent.ErrorOf([1, 1], [1, double.NaN]), Is.EqualTo(double.PositiveInfinity));
        Assert.That(new KernelCheck("a", "b", "c", double.NaN).IsRight, Is.False);
    }
}
