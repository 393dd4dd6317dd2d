using NUnit.Framework;

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
        "dense_loss_row_lanes.comp", "dense_softmax_row_lanes.comp", "two_layer_update_tile.comp", "small_step_workgroup.comp", "network_population_step_lanes.comp",
        "network_population_update_lanes.comp", "network_population_forward_lanes.comp",
    ];

    [Test]
    public void EveryKernelOfEveryFamilyIsRightHere()
    {
        IReadOnlyList<KernelCheck> checks = TestDevice.Plain.Verify();
        Assert.That(checks.Where(check => !check.IsRight), Is.Empty);
        Assert.That(checks.Select(check => check.Error), Has.All.AtLeast(0).And.Some.Positive);
        Assert.That(checks.Select(check => check.Family).Distinct(), Is.EquivalentTo(TestDevice.Families.Select(family => family.Name)));
        foreach (IGrouping<string, KernelCheck> family in checks.GroupBy(check => check.Family))
        {
            string[] kernels = [.. family.Select(check => check.Kernel)];
            if (family.Key == KernelFamily.RegisterTiled.Name) Assert.That(kernels, Is.SupersetOf(OfEveryFamily.Concat(OfTheRegisterTiled)));
            if (family.Key == KernelFamily.WorkgroupTiled.Name) Assert.That(kernels, Is.SupersetOf(OfTheWorkgroupTiled));
            Assert.That(kernels.Distinct().Count(), Is.AtLeast(OfEveryFamily.Length), family.Key);
        }
    }

    /// <summary>It chooses nothing, and leaves nothing behind.</summary>
    [Test]
    public void ItLeavesTheDeviceAsItWas()
    {
        NeuralDevice device = TestDevice.Plain;
        KernelFamily family = KernelFamily.Of(device);
        device.Update();
        DeviceMemory before = device.Memory;
        device.Verify();
        device.Update();
        Assert.That(device.Memory with { Programs = before.Programs }, Is.EqualTo(before), "kernels are kept");
        Assert.That(KernelFamily.Of(device), Is.SameAs(family));
    }

    /// <summary>A driver that runs only the first dispatches: the first wrong kernel is named, with its error.</summary>
    [Test]
    public void AWrongKernelIsNamed()
    {
        const int Right = 3;
        using TestGl gl = TestGls.Create();
        using NeuralDevice device = NeuralDevice.Attach(gl.Api);
        IReadOnlyList<KernelCheck> all = device.Verify();
        gl.ClearRecords();
        gl.MostDispatches = Right;
        KernelVerificationException wrong = Assert.Throws<KernelVerificationException>(() => device.Verify())!;
        Assert.That(wrong.Checks.Select(check => check.Kernel), Is.EqualTo(all.Select(check => check.Kernel)));
        Assert.That(wrong.Checks.Take(Right).Select(check => check.IsRight), Is.All.True);
        Assert.That(wrong.Checks.Skip(Right).Select(check => check.IsRight), Is.All.False);
        Assert.That(wrong.Message, Does.Contain(all[Right].Kernel).And.Contain(all[Right].Family).And.Contain(device.Renderer).And.Contain("2E-05"));
    }

    [Test]
    public void WhatIsNoNumberIsWrongByInfinity()
    {
        Assert.That(MatrixContent.ErrorOf([1, float.NaN], [1, 2]), Is.EqualTo(double.PositiveInfinity));
        Assert.That(MatrixContent.ErrorOf([1, float.NegativeInfinity], [1, 2]), Is.EqualTo(double.PositiveInfinity));
        Assert.That(MatrixContent.ErrorOf([101, 50], [100, 50]), Is.EqualTo(0.01), "of what is above 1, a part");
        Assert.That(MatrixContent.ErrorOf([0.25f, 0], [0, 0]), Is.EqualTo(0.25));
        Assert.That(new KernelCheck("a", "b", "c", double.NaN).IsRight, Is.False);
    }
}
