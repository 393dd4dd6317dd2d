using System.Reflection;
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
    /// <summary>Runs the classes; prints a line for each failed test, and totals.</summary>
    /// <param name="classes">Names without their namespace.</param>
    /// <returns>0 only if each class has tests and none failed or lacked a device to run on.</returns>
    public static int Run(IReadOnlyCollection<string> classes)
    {
        NUnitTestAssemblyRunner runner = new(new DefaultTestAssemblyBuilder());
        runner.Load(Assembly.GetExecutingAssembly(), new Dictionary<string, object>());
        string[] empty = [.. classes.Where(name => runner.CountTestCases(FilterOf([name])) == 0)];
        if (classes.Count == 0 || empty.Length > 0)
        {
            Console.Error.WriteLine($"Name test classes to run, such as {nameof(DenseKernelTests)}; without tests here: {string.Join(", ", empty)}");
            return 2;
        }

        ITestResult result = runner.Run(new FailureLines(), FilterOf(classes));
        Console.WriteLine($"{result.PassCount} passed, {result.FailCount} failed, {result.SkipCount} skipped, {result.InconclusiveCount} inconclusive");
        return result is { FailCount: 0, InconclusiveCount: 0, PassCount: > 0 } ? 0 : 1;
    }

    private static TestFilter FilterOf(IEnumerable<string> classes)
    {
        string names = string.Concat(classes.Select(name => $"<class re='1'>[.]{name}$</class>"));
        return TestFilter.FromXml($"<filter><or>{names}</or></filter>");
    }

    private sealed class FailureLines : ITestListener
    {
        public void TestFinished(ITestResult result)
        {
            if (!result.HasChildren && result.ResultState.Status is TestStatus.Failed or TestStatus.Inconclusive)
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
