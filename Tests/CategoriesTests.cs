using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>Tests/run filters by names of categories: a name that no test has would silently let tests through, or select none.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class CategoriesTests
{
    private static readonly string[] Known =
        [.. typeof(Categories).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)];

    /// <summary>All but that of the tests which <see cref="StandaloneRun"/> takes to a card.</summary>
    [Test]
    public void TheFiltersOfTestsRunNameTheCategoriesThatThereAre()
    {
        RequireSources();
        MatchCollection named = NamedInAFilter().Matches(File.ReadAllText(PathOf("Tests/run")));
        Assert.That(named.Select(match => match.Groups["category"].Value).Distinct(), Is.EquivalentTo(Known.Except([Categories.Card])));
    }

    /// <summary>Allocations, bits, compiled kernels in files and faults of a driver depend on the driver; the twins, the house and elapsed times do not, or not in a run beside others.</summary>
    [Test]
    public void ARunOnACardHasAllThatACardCanChange()
    {
        NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
        runner.Load(typeof(CategoriesTests).Assembly, new Dictionary<string, object>());
        string[] names = [.. CasesOf(runner.ExploreTests(StandaloneRun.All)).Select(test => $"{test.ClassName!.Split('.')[^1]}.{test.MethodName}").Distinct()];
        string[] taken =
        [
            $"{nameof(AllocationTests)}.{nameof(AllocationTests.NothingIsAllocatedInAFrame)}", $"{nameof(FaultyKernelTests)}.{nameof(FaultyKernelTests.AFaultOfASharedKernelIsFound)}",
            $"{nameof(KernelCacheFileTests)}.{nameof(KernelCacheFileTests.TheSecondStartCompilesNothing)}", $"{nameof(DenseKernelTests)}.",
        ];
        foreach (string name in taken) Assert.That(names, Has.Some.StartsWith(name));
        string[] left =
        [
            $"{nameof(BackgroundContextTests)}.{nameof(BackgroundContextTests.KernelsAreCompiledWithoutAWaitHere)}", $"{nameof(BackgroundContextTests)}.{nameof(BackgroundContextTests.ADriverThatHangsIsNotWaitedForWithoutEnd)}",
            $"{nameof(HouseTests)}.", $"{nameof(BadInputTests)}.",
        ];
        foreach (string name in left) Assert.That(names, Has.None.StartsWith(name));
    }

    [Test]
    public void WhatACardCanChangeRunsOnceElsewhere()
    {
        IEnumerable<MemberInfo> onCards = typeof(CategoriesTests).Assembly.GetTypes().SelectMany(type => type.GetMethods().Append<MemberInfo>(type))
            .Where(member => CategoriesOf(member).Contains(Categories.Card));
        Assert.That(onCards.Where(member => !CategoriesOf(member).Concat(member.DeclaringType is { } type ? CategoriesOf(type) : []).Contains(Categories.Once)).Select(member => member.Name), Is.Empty);
    }

    [Test]
    public void EveryCategoryIsOneOfThem()
    {
        IEnumerable<MemberInfo> members = typeof(CategoriesTests).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Append<MemberInfo>(type));
        string[] used =
        [
            .. members.SelectMany(member => member.GetCustomAttributes<CategoryAttribute>().Select(attribute => attribute.Name)
                .Concat(member.GetCustomAttributes<TestCaseAttribute>().Select(attribute => attribute.Category).OfType<string>())).Distinct(),
        ];
        Assert.That(used, Is.EquivalentTo(Known));
    }

    /// <summary>Tests/run leaves the tests that measure time out of one run alone, that of what runs once.</summary>
    [Test]
    public void WhatIsTimedRunsOnce()
    {
        IEnumerable<MethodInfo> timed = typeof(CategoriesTests).Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .Where(method => CategoriesOf(method).Contains(Categories.Timed));
        Assert.That(timed.Where(method => !CategoriesOf(method).Concat(CategoriesOf(method.DeclaringType!)).Contains(Categories.Once)).Select(method => method.Name), Is.Empty);
    }

    /// <summary>The tests' device chooses one of the families, and the processor's has a run of its own: Tests/run names all others.</summary>
    [Test]
    public void EveryFamilyHasARun()
    {
        RequireSources();
        string[] named = FamiliesOfTestsRun().Match(File.ReadAllText(PathOf("Tests/run"))).Groups["families"].Value.Split(' ');
        IEnumerable<string> families = KernelFamily.All.Except([KernelFamily.RegisterTiled, KernelFamily.Processor]).Select(family => family.Name);
        Assert.That(named, Is.EquivalentTo(families.Append(StandInFamily.Instance.Name).Distinct()));
    }

    private static IEnumerable<ITest> CasesOf(ITest test) => test.IsSuite ? test.Tests.SelectMany(CasesOf) : [test];

    private static IEnumerable<string> CategoriesOf(MemberInfo member) => member.GetCustomAttributes<CategoryAttribute>().Select(attribute => attribute.Name);

    [GeneratedRegex(@"kernel_families=\((?<families>[\w -]*)\)")]
    private static partial Regex FamiliesOfTestsRun();

    [GeneratedRegex(@"TestCategory!?=(?<category>\w+)")]
    private static partial Regex NamedInAFilter();
}
