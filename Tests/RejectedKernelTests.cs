using NUnit.Framework;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>Drivers that reject a kernel: a family without it is chosen.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed class RejectedKernelTests
{
    private const string OfWorkgroupTiles = "firstTileTexel = workGroup().x % columns * TILE_COLUMN_TEXELS;";

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
        Assert.That(KernelFamilyProbe.Choose(device, [KernelFamily.WorkgroupTiled, StandInFamily.Instance, KernelFamily.RegisterTiled], CacheFile), Is.SameAs(KernelFamily.RegisterTiled));
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

    private static HostContext DriverThatRejects(string written)
    {
        TestGls.RequireDriver();
        HostContext host = new();
        FaultyCompiler.In(host, written, FaultyCompiler.Rejected);
        return host;
    }
}
