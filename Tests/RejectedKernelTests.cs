using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Drivers that reject a kernel: a family without it is chosen, and the verification says which it is, and goes on.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class RejectedKernelTests
{
    private const string OfWorkgroupTiles = "firstTileTexel = workGroup().x % columns * TILE_COLUMN_TEXELS;", OfRegisterTiles = "if (firstTexel >= outputTexels || firstRow >= rows) return;";

    private string folder = "";

    private string CacheFile => Path.Combine(folder, "kernel-families.json");

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    /// <summary>A single family that is left is not timed, and the other one is asked again at the next start.</summary>
    [Test]
    public void AFamilyOfWhichTheDriverRejectsAKernelIsNotChosen([Values] bool isFirst)
    {
        KernelFamily[] families = isFirst ? [KernelFamily.WorkgroupTiled, KernelFamily.RegisterTiled] : [KernelFamily.RegisterTiled, KernelFamily.WorkgroupTiled];
        using HostContext host = DriverThatRejects(OfWorkgroupTiles);
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        Assert.That(KernelFamilyProbe.Choose(device, families, CacheFile), Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(FaultyCompiler.Changes, Is.Positive);
        Assert.That(File.Exists(CacheFile), Is.False);
    }

    [Test]
    public void TheOthersAreTimedAndRemembered()
    {
        using HostContext host = DriverThatRejects(OfWorkgroupTiles);
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        Assert.That(KernelFamilyProbe.Choose(device, [KernelFamily.WorkgroupTiled, StandInFamily.Instance, KernelFamily.RegisterTiled], CacheFile, new ProbeClock(candidates: 2, slow: 0)), Is.SameAs(KernelFamily.RegisterTiled));
        Assert.That(File.ReadAllText(CacheFile), Does.Contain(KernelFamily.RegisterTiled.Name));
    }

    [Test]
    public void IfNoFamilyIsLeftTheDriversWordsAreTold()
    {
        using HostContext host = DriverThatRejects("void main()");
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        Assert.That(
            () => KernelFamilyProbe.Choose(device, [KernelFamily.WorkgroupTiled, KernelFamily.RegisterTiled], CacheFile), Throws.TypeOf<DeviceNotSupportedException>().With.Message.Contains("rejected the kernel"));
    }

    /// <summary>Kernels of steps, of several steps, of populations and of all families, and the one that tells whether dispatches are skipped: what is written in it, its family and its file.</summary>
    private static readonly (string Written, KernelFamily Family, string Kernel)[] Kernels =
    [
        ("activate(scaleInputs(LOAD_INPUTS(", KernelFamily.RegisterTiled, "activation_forward.comp"),
        (OfRegisterTiles, KernelFamily.RegisterTiled, "dense_forward.comp"),
        ("SUMS found = SUMS(0.0);", KernelFamily.RegisterTiled, "network_population_step.comp"),
        ("scalarsOfStep = LOAD(stepScalars, firstScalars + step);", KernelFamily.WorkgroupTiled, "small_step_workgroup.comp"),
        ("uint high = uint(epochHigh)", KernelFamily.RegisterTiled, "sample_order_rows.comp"),
    ];

    [Test]
    public void TheVerificationNamesARejectedKernelAndGoesOn([ValueSource(nameof(Kernels))] (string Written, KernelFamily Family, string Kernel) rejected)
    {
        using HostContext host = DriverThatRejects(rejected.Written);
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        List<KernelCheck> told = [];
        KernelVerificationException exception = Assert.Throws<KernelVerificationException>(() => DeviceVerification.Verify(device, [rejected.Family], VerificationExtent.Complete, told.Add))!;
        KernelCheck[] wrong = [.. exception.Checks.Where(check => !check.IsRight)];
        Assert.That(told, Is.EqualTo(exception.Checks));
        Assert.That(wrong.Select(check => check.Kernel).Distinct(), Is.EqualTo(new[] { rejected.Kernel }));
        Assert.That(wrong.Select(check => check.Error), Has.All.EqualTo(double.PositiveInfinity));
        Assert.That(wrong.Select(check => check.Rejection), Has.All.Contains("rejected the kernel").And.All.Contains(rejected.Kernel));
        Assert.That(wrong.Select(check => check.IsUsed), Has.All.True);
        Assert.That(exception.Checks[^1].IsRight, "those after it are checked");
        Assert.That(exception.Message, Does.Contain("are rejected by the driver").And.Contain(wrong[0].Rejection!.TrimEnd()));
        Assert.That(FaultyCompiler.Repeats, Is.Zero, "nobody waits for it a second time");
    }

    [Test]
    public void ADriverThatRejectsAllKernelsIsNotTakenForOneThatSkipsThem()
    {
        using HostContext host = DriverThatRejects("void main()");
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        Assert.That(Assert.Throws<KernelVerificationException>(() => DeviceVerification.Verify(device, [KernelFamily.RegisterTiled], VerificationExtent.Complete, null))!.Checks.Select(check => check.Rejection), Has.All.Not.Null);
    }

    /// <summary>A tuning leaves out what the driver rejects, and no other network has it. But what is offered first is needed.</summary>
    [Test]
    public void ARejectedCandidateOfATuningIsNoFault([Values] bool isCandidate)
    {
        using HostContext host = DriverThatRejects(isCandidate ? OfRegisterTiles : "if (texel >= outputTexels || row >= rows) return;");
        using NeuralDevice device = NeuralDevice.Attach(GL.GetApi(host));
        IReadOnlyList<KernelCheck> checks = isCandidate ? DeviceVerification.Verify(device, [TunedFamily.Instance], VerificationExtent.Complete, null)
            : Assert.Throws<KernelVerificationException>(() => DeviceVerification.Verify(device, [TunedFamily.Instance], VerificationExtent.Complete, null))!.Checks;
        KernelCheck[] rejected = [.. checks.Where(check => check.Rejection is not null)];
        Assert.That(rejected.Select(check => check.Kernel).Distinct(), Is.EqualTo(new[] { isCandidate ? "dense_forward.comp" : "stand_in_dense_forward.comp" }));
        Assert.That(rejected.Select(check => check.IsUsed), isCandidate ? Has.All.False : Has.Some.True);
        Assert.That(checks.Except(rejected).Select(check => check.IsRight), Has.All.True);
    }

    /// <summary>What the family for cards says that only a tuning chooses, it offers first for no sizes.</summary>
    [Test]
    public void WhatOnlyATuningChoosesIsNeverFirst()
    {
        KernelFamily family = new WorkgroupTiledFamily(WorkgroupTiling.ByRule);
        HashSet<string> first = [], neverFirst = [];
        foreach (int kilobytes in new[] { 16, 32, 48, 100 })
        {
            FamilyKernels kernels = family.For(new DeviceLimits { MostBindings = 16, SharedMemoryBytes = kilobytes * 1024 });
            foreach (int rows in new[] { 1, 9, 64, 256, 4096, 65_536 })
            {
                foreach ((int inputs, int hidden, int outputs) in new[] { (3, 5, 2), (13, 17, 5), (64, 64, 16), (100, 300, 21), (784, 128, 10), (784, 1024, 40), (4096, 4096, 12), (9, 8192, 3) })
                {
                    TuningQuestions asked = new();
                    FamilyKernels asking = kernels.With(KernelTuning.Default, asked);
                    _ = StepWorkspace.KernelsFor(new Stack(inputs, [new Dense(hidden), new Relu(), new Dense(outputs)]), asking, rows, new SoftmaxCrossEntropy(), new Sgd(0.1f)).Count();
                    if (hidden <= 128 && rows <= 256)
                        _ = new VerifiedPopulation(new PopulationShape(Members: 100, inputs, hidden, outputs), rows, new Sgd(0.1f)).Plan(asking).Count();
                    first.UnionWith(asked.Asked.Select(question => question.Offered[0]));
                    neverFirst.UnionWith(asked.Asked.SelectMany(question => question.NeverFirst));
                }
            }
        }

        Assert.That(first, Is.SupersetOf(new[] { $"{TileShape.Large}", $"{TileShape.Medium}", $"{TileShape.Flat}", $"{TileShape.Narrow}", "256", "4", "ByRule" }));
        Assert.That(neverFirst, Is.EquivalentTo(new[] { $"{TileShape.Deep}", $"{TileShape.Square}", "512", "8", "One", "Two", "Most" }));
        Assert.That(first.Intersect(neverFirst), Is.Empty);
    }

    private static HostContext DriverThatRejects(string written)
    {
        TestGls.RequireDriver();
        HostContext host = new();
        FaultyCompiler.In(host, written, FaultyCompiler.Rejected);
        return host;
    }
}
