using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>The files of the repository above the test assembly, for tests that inspect them.</summary>
internal static class Repository
{
    public static readonly string? Root = FindRoot();

    /// <summary>The version, from the one place that defines it.</summary>
    public static string Version => XDocument.Load(PathOf("Directory.Build.props")).Descendants("Version").Single().Value;

    public static void RequireSources()
    {
        if (Root is null) Assert.Inconclusive("The sources are not here: no NeuralPlugin.sln above the test assembly.");
    }

    public static string PathOf(string name) => Path.Combine(Root!, name);

    /// <summary>Files written by people, and not by a build; at least one, so that a check of each of them checks something.</summary>
    public static IReadOnlyList<string> FilesBelow(string folder, string pattern)
    {
        string[] files =
        [
            .. Directory.EnumerateFiles(PathOf(folder), pattern, SearchOption.AllDirectories)
                .Where(file => !Path.GetRelativePath(Root!, file).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or ".git")),
        ];
        Assert.That(files, Is.Not.Empty, $"{pattern} below {folder}");
        return files;
    }

    public static JsonElement Manifest() => JsonDocument.Parse(File.ReadAllText(PathOf("package.json"))).RootElement;

    private static string? FindRoot()
    {
        DirectoryInfo? folder = new FileInfo(typeof(Repository).Assembly.Location).Directory;
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "NeuralPlugin.sln"))) folder = folder.Parent;
        return folder?.FullName;
    }
}
