using Microsoft.Testing.Platform.Builder;

namespace NeuralPlugin.Tests;

/// <summary>The program of a project in Tests/Targets: it runs its own tests, with the options of <c>dotnet test</c>, and otherwise does the same as <see cref="Program"/>.</summary>
internal static class TargetRun
{
    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [['-', ..], ..]) return Program.Main(arguments);
        ITestApplicationBuilder builder = await TestApplication.CreateBuilderAsync(arguments);
        builder.AddSelfRegisteredExtensions(arguments);
        using ITestApplication application = await builder.BuildAsync();
        return await application.RunAsync();
    }
}
