using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Emit;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>Sources that a test compiles against the assemblies of this process, and loads.</summary>
internal static class CompiledSources
{
    /// <summary>The assemblies of this process, those of .NET included.</summary>
    public static IEnumerable<MetadataReference> References => ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
        .Select(assembly => MetadataReference.CreateFromFile(assembly));

    /// <summary>Requires that the sources compile without a warning, but for some.</summary>
    /// <param name="name">The name of the assembly.</param>
    /// <param name="sources">The sources.</param>
    /// <param name="options">A library or a program.</param>
    /// <param name="allowed">The warning that may come; null for none.</param>
    /// <param name="message">What a failure shows.</param>
    public static Assembly Load(string name, IEnumerable<SyntaxTree> sources, CSharpCompilationOptions options, string? allowed = null, string message = "")
    {
        using MemoryStream image = new();
        EmitResult result = CSharpCompilation.Create(name, sources, References, options).Emit(image);
        Assert.That(result.Diagnostics.Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning && diagnostic.Id != allowed), Is.Empty, message);
        return Assembly.Load(image.ToArray());
    }

    /// <summary>The same of files of a library, in a version of C#.</summary>
    public static Assembly Load(string name, IEnumerable<string> files, LanguageVersion version, string? allowed = null)
    {
        CSharpParseOptions language = new(version);
        return Load(
            name, files.Select(file => CSharpSyntaxTree.ParseText(File.ReadAllText(file), language, file)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary), allowed);
    }
}
