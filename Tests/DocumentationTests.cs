using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using NUnit.Framework;

namespace NeuralPlugin.Tests;

/// <summary>
/// The code of each documentation page is one program, which compiles against the public API and runs. Code that a reader
/// need not see, and code that checks the result, is in the page as a comment: &lt;!-- csharp … --&gt;.
/// </summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class DocumentationTests
{
    private const string ImplicitUsings =
        "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; " +
        "global using System.Threading; global using System.Threading.Tasks;";

    /// <summary>The design shows shapes, not programs. Where the sources are not, one page without a name.</summary>
    private static IEnumerable<string> Pages => Repository.Root is null ? [""] : Repository.FilesBelow("Documentation~", "*.md")
        .Select(Path.GetFileName).OfType<string>().Where(page => page != "design.md" && BlocksOf(page).Length > 0).Order();

    [TestCaseSource(nameof(Pages))]
    public void TheCodeOfAPageRuns(string page)
    {
        Repository.RequireSources();
        MethodInfo main = Compile(page, ProgramOf(page));
        string before = Environment.CurrentDirectory, folder = Directory.CreateTempSubdirectory().FullName;
        TextWriter output = Console.Out;
        try
        {
            Environment.CurrentDirectory = folder;
            Console.SetOut(TestContext.Out);
            main.Invoke(null, main.GetParameters().Length == 0 ? null : [Array.Empty<string>()]);
        }
        finally
        {
            Console.SetOut(output);
            Environment.CurrentDirectory = before;
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The documentation that the package ships for its members is limited to those that its users see.</summary>
    [Test]
    [Category(Categories.Once)]
    public void TheDocumentationIsOfPublicMembersAlone()
    {
        string assembly = typeof(NeuralDevice).Assembly.Location;
        CSharpCompilation compilation = CSharpCompilation.Create("Members", references: CompiledSources.References);
        string[] documented = [.. XDocument.Load(Path.ChangeExtension(assembly, ".xml")).Descendants("member").Select(member => (string)member.Attribute("name")!)];
        Assert.That(documented.Where(name => !IsPublic(DocumentationCommentId.GetFirstSymbolForDeclarationId(name, compilation))), Is.Empty);
        Assert.That(typeof(NeuralDevice).Assembly.GetExportedTypes().Select(type => $"T:{type.FullName!.Replace('+', '.')}"), Is.SubsetOf(documented));
    }

    /// <summary>Nothing waits for its figure: neither a cell of a table nor a number before a unit in the text.</summary>
    [Test]
    [Category(Categories.Once)]
    public void NoPageHasAPlaceholder()
    {
        string[] pages = [Repository.PathOf("README.md"), .. Repository.FilesBelow("Documentation~", "*.md")];
        Assert.That(pages.SelectMany(page => Placeholders().Matches(File.ReadAllText(page)).Select(cell => $"{Path.GetFileName(page)}: {cell.Value}")), Is.Empty);
    }

    private static bool IsPublic(ISymbol? symbol)
    {
        if (symbol is null) return false;
        for (; symbol is not INamespaceSymbol; symbol = symbol.ContainingSymbol)
        {
            if (symbol.DeclaredAccessibility is not (Accessibility.Public or Accessibility.Protected or Accessibility.ProtectedOrInternal)) return false;
        }

        return true;
    }

    private static string[] BlocksOf(string page) => [.. CodeBlocks().Matches(File.ReadAllText(Repository.PathOf(Path.Combine("Documentation~", page))))
        .Select(match => match.Groups["code"].Value)];

    /// <summary>All blocks in their order: usings, then statements, then types.</summary>
    private static CompilationUnitSyntax ProgramOf(string page)
    {
        CompilationUnitSyntax[] blocks = [.. BlocksOf(page).Select(block => SyntaxFactory.ParseCompilationUnit(block))];
        MemberDeclarationSyntax[] members = [.. blocks.SelectMany(block => block.Members)];
        return SyntaxFactory.CompilationUnit()
            .AddUsings([.. blocks.SelectMany(block => block.Usings).DistinctBy(directive => directive.ToString())])
            .AddMembers([.. members.OfType<GlobalStatementSyntax>(), .. members.Where(member => member is not GlobalStatementSyntax)]);
    }

    private static MethodInfo Compile(string page, CompilationUnitSyntax program)
    {
        return CompiledSources.Load(
            $"Documentation.{Path.GetFileNameWithoutExtension(page)}",
            [CSharpSyntaxTree.ParseText(ImplicitUsings), CSharpSyntaxTree.ParseText(program.ToFullString())],
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable), message: program.ToFullString()).EntryPoint!;
    }

    [GeneratedRegex(@"\| *[A-Z]{5,} *\||\b(TODO|TBD|FIXME|XXX)\b|\b[A-Z]{4,} (%|[KMG]i?B|[mµn]?s|bytes|steps|decisions|frames|seconds|minutes)(?!\w)")]
    private static partial Regex Placeholders();

    [GeneratedRegex(@"^(```csharp|<!-- csharp)\r?\n(?<code>.*?)^(```|-->)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlocks();
}
