using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>Tests/run filters by names of categories: a name that no test has would silently let tests through, or select none.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class CategoriesTests
{
    private static readonly string[] Known =
        [.. typeof(Categories).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)];

    [Test]
    public void TheFiltersOfTestsRunNameTheCategoriesThatThereAre()
    {
        RequireSources();
        MatchCollection named = NamedInAFilter().Matches(File.ReadAllText(PathOf("Tests/run")));
        Assert.That(named.Select(match => match.Groups["category"].Value).Distinct(), Is.EquivalentTo(Known));
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

    private static IEnumerable<string> CategoriesOf(MemberInfo member) => member.GetCustomAttributes<CategoryAttribute>().Select(attribute => attribute.Name);

    [GeneratedRegex(@"kernel_families=\((?<families>[\w -]*)\)")]
    private static partial Regex FamiliesOfTestsRun();

    [GeneratedRegex(@"TestCategory!?=(?<category>\w+)")]
    private static partial Regex NamedInAFilter();
}
