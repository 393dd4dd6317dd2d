using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using NUnit.Framework.Api;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace NeuralPlugin.Tests;

/// <summary>
/// Runs test classes from this assembly as a program, for a machine that has a graphics card but no .NET SDK to run
/// <c>dotnet test</c>: Samples/Benchmarks/gpu-session.sh takes them there.
/// </summary>
internal static class StandaloneRun
{
    /// <summary>
    /// Of the tests that run without names: nightly ones take too long, those that measure time need the machine to themselves, and of those on the processor a card cannot change the outcome, nor of those that
    /// run once, except where they say so.
    /// </summary>
    private const string NotLeftOut = $"<not><or>{Nightly}{Timed}{OnProcessor}<and>{Once}<not>{Card}</not></and></or></not>";

    private const string Nightly = $"<cat>{Categories.Nightly}</cat>", Timed = $"<cat>{Categories.Timed}</cat>", OnProcessor = $"<cat>{Categories.OnProcessor}</cat>";

    private const string Once = $"<cat>{Categories.Once}</cat>", Card = $"<cat>{Categories.Card}</cat>";

    /// <summary>The tests that run without names.</summary>
    public static TestFilter All => FilterOf([]);

    /// <summary>Runs the classes, or without names all tests that a card can change the outcome of; prints a line for each failed test, and totals.</summary>
    /// <param name="classes">Names without their namespace; or <c>2/4</c>, the second of four parts of all.</param>
    /// <returns>
    /// 0 only if each class has tests and none failed. Named tests that lacked something to run fail too; of all, some need what only a software driver has.
    /// </returns>
    public static int Run(IReadOnlyList<string> classes)
    {
        if (classes is [{ } part] && part.Split('/') is [var number, var parts])
            return Run(int.Parse(number, CultureInfo.InvariantCulture), int.Parse(parts, CultureInfo.InvariantCulture));
        NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
        runner.Load(Assembly.GetExecutingAssembly(), new Dictionary<string, object>());
        string[] empty = [.. classes.Where(name => runner.CountTestCases(FilterOf([name])) == 0)];
        if (empty.Length > 0)
        {
            Console.Error.WriteLine($"Name test classes to run, such as {nameof(DenseKernelTests)}, or none for all; without tests here: {string.Join(", ", empty)}");
            return 2;
        }

        return Run(runner, FilterOf(classes), mustBeWhole: classes.Count > 0);
    }

    /// <summary>One of several parts of all tests, for as many processes side by side: a card's machine has many cores, and compiling kernels takes one.</summary>
    private static int Run(int number, int parts)
    {
        NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
        runner.Load(Assembly.GetExecutingAssembly(), new Dictionary<string, object>());
        string[] all = [.. Assembly.GetExecutingAssembly().GetTypes().Where(type => type.Name.EndsWith("Tests", StringComparison.Ordinal)).Select(type => type.Name).Order(StringComparer.Ordinal)];
        return Run(runner, TestFilter.FromXml($"<filter><and>{ClassesOf([.. all.Where((_, i) => i % parts == number - 1)])}{NotLeftOut}</and></filter>"), mustBeWhole: false);
    }

    private static int Run(NUnitTestAssemblyRunner runner, TestFilter filter, bool mustBeWhole)
    {
        ResultLines lines = new();
        using PosixSignalRegistration ended = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => Console.WriteLine($"{lines.Totals} before the time was over"));
        ITestResult result = runner.Run(lines, filter);
        Console.WriteLine($"{result.PassCount} passed, {result.FailCount} failed, {result.SkipCount} skipped, {result.InconclusiveCount} inconclusive");
        return result is { FailCount: 0, PassCount: > 0 } && (result.InconclusiveCount == 0 || !mustBeWhole) ? 0 : 1;
    }

    private static TestFilter FilterOf(IReadOnlyCollection<string> classes) => TestFilter.FromXml($"<filter>{(classes.Count > 0 ? ClassesOf(classes) : NotLeftOut)}</filter>");

    private static string ClassesOf(IReadOnlyCollection<string> classes) => $"<or>{string.Concat(classes.Select(name => $"<class re='1'>[.]{name}$</class>"))}</or>";

    private sealed class ResultLines : ITestListener
    {
        private int passed, failed, others;

        public string Totals => $"{passed} passed, {failed} failed, {others} skipped or inconclusive";

        public void TestFinished(ITestResult result)
        {
            if (result.HasChildren || result.Test.IsSuite) return;
            if (result.ResultState.Status == TestStatus.Passed) passed++;
            else if (result.ResultState.Status == TestStatus.Failed) failed++;
            else others++;
            if (result.ResultState.Status is TestStatus.Failed or TestStatus.Inconclusive)
                Console.WriteLine($"{result.ResultState.Status}: {result.FullName}: {result.Message}");
        }

        public void TestStarted(ITest test)
        {
        }

        public void TestOutput(TestOutput output)
        {
        }

        public void SendMessage(TestMessage message)
        {
        }
    }
}
