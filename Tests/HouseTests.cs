using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using static NeuralPlugin.Tests.Repository;

namespace NeuralPlugin.Tests;

/// <summary>The house rules of Documentation~/design.md, read from the sources themselves.</summary>
[TestFixture]
[Category(Categories.Once)]
internal sealed partial class HouseTests
{
    /// <summary>The name of the root of Runtime/ in the design's table.</summary>
    private const string Facade = "(root)";

    /// <summary>Ends a name in the notices that stands for all names with that prefix, escaped as Markdown requires.</summary>
    private const string AnyEnd = @"\*";

    private static string[] RuntimeSources => [.. FilesBelow("Runtime", "*.cs")];

    private static string[] KernelFiles => [.. FilesBelow("Shaders", "*.comp").Select(file => Path.GetFileName(file))];

    private static string[] IncludeFiles => [.. FilesBelow("Shaders/Include", "*.glsl").Select(file => Path.GetFileName(file))];

    /// <summary>Also those of the family of the tests, which runs on cards too.</summary>
    private static string[] Shaders => [.. FilesBelow("Shaders", "*"), .. FilesBelow("Tests/Shaders", "*")];

    [SetUp]
    public void NeedsTheSources() => RequireSources();

    private static ShaderRules RulesOfShaders() => new(Shaders.ToDictionary(file => file, file => File.ReadAllText(file)));

    // ---- dependencies ----

    [Test]
    public void SilkIsNamedInTheGpuFolderAlone()
    {
        string[] naming = [.. RuntimeSources.Where(file => SilkWord().IsMatch(Code(file))).Select(FolderOf).Distinct()];
        Assert.That(naming, Is.EqualTo(new[] { "Gpu" }));
    }

    /// <summary>The boundary at <see cref="IComputeBackend"/>: other backends do not use the types of the OpenGL backend.</summary>
    [Test]
    public void OnlyTheDeviceNamesTheOpenGLBackend()
    {
        string[] own = [.. RuntimeSources.Where(IsOfOpenGL)];
        string[] types = [.. own.SelectMany(file => TopLevelType().Matches(CodeWithoutText(file)).Select(match => match.Groups["name"].Value))];
        Assert.That(types, Does.Contain(nameof(OpenGLBackend)));
        string[] naming =
        [
            .. RuntimeSources.Where(file => !IsOfOpenGL(file) && Word().Matches(CodeWithoutText(file)).Any(match => types.Contains(match.Value)))
                .Select(file => Path.GetFileName(file)),
        ];
        Assert.That(naming, Is.EqualTo(new[] { "NeuralDevice.cs" }), "which makes it");
        static bool IsOfOpenGL(string file) => file.Contains($"{Path.DirectorySeparatorChar}OpenGL{Path.DirectorySeparatorChar}", StringComparison.Ordinal);
    }

    /// <summary>A method is named next to its shader, in Operations; the order of samples and the rescaling of outputs have shaders of their own.</summary>
    [Test]
    public void OnlyWhatNamesAShaderNamesTheProcessorsKernels()
    {
        string[] naming =
        [
            .. RuntimeSources.Where(file => FolderOf(file) != "Operations" && !IsOfTheProcessor(file))
                .Where(file => Word().Matches(CodeWithoutText(file)).Any(match => match.Value is nameof(ProcessorKernel) or nameof(ProcessorBackend) or nameof(ProcessorMatrix)))
                .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
        ];
        Assert.That(naming, Is.EqualTo(new[] { "KernelSource.cs", "NeuralDevice.cs", "OutputRescaleKernel.cs", "PopulationRescale.cs", "SampleOrderKernel.cs" }));
        static bool IsOfTheProcessor(string file) => file.Contains($"{Path.DirectorySeparatorChar}Processor{Path.DirectorySeparatorChar}", StringComparison.Ordinal);
    }

    [Test]
    public void TheGpuFolderKnowsOfNoSamplesAndSteps()
    {
        string[] naming =
        [
            .. RuntimeSources.Where(file => FolderOf(file) == "Gpu" && Word().Matches(Code(file)).Any(match => SampleOrStep().IsMatch(match.Value)))
                .Select(file => Path.GetFileName(file)),
        ];
        Assert.That(naming, Is.Empty);
    }

    [Test]
    public void NothingPointsBackUp()
    {
        Dictionary<string, HashSet<string>> mayUse = DesignTable();
        (string File, string Folder, string Code)[] sources = [.. RuntimeSources.Select(file => (file, FolderOf(file), CodeWithoutText(file)))];
        Dictionary<string, string> folderOfType = [];
        foreach ((string file, string folder, string code) in sources)
        {
            Assert.That(mayUse, Does.ContainKey(folder), $"{file}: the design's table has no such folder");
            foreach (Match declared in TopLevelType().Matches(code)) folderOfType[declared.Groups["name"].Value] = folder;
        }

        Assert.That(folderOfType, Does.ContainKey(nameof(NeuralDevice)).And.ContainKey(nameof(Network)).And.ContainKey(nameof(Optimizer)));
        List<string> wrong = [];
        foreach ((string file, string folder, string code) in sources)
        {
            foreach (string word in Word().Matches(code).Select(match => match.Value).Distinct())
            {
                if (folderOfType.TryGetValue(word, out string? home) && home != folder && !mayUse[folder].Contains(home))
                    wrong.Add($"{Path.GetRelativePath(Root!, file)} names {word} of {home}");
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void TheDesignsTableHasNoWayBackUp()
    {
        foreach ((string folder, HashSet<string> used) in DesignTable()) Assert.That(used, Does.Not.Contain(folder), $"{folder} reaches itself");
    }

    [Test]
    public void EveryPublicTypeIsInTheOneNamespace()
    {
        Type[] exported = typeof(NeuralDevice).Assembly.GetExportedTypes();
        Assert.That(exported, Is.Not.Empty);
        Assert.That(exported.Where(type => type.Namespace != nameof(NeuralPlugin)), Is.Empty);
        foreach (string file in RuntimeSources)
        {
            IEnumerable<string> namespaces = Namespace().Matches(CodeWithoutText(file)).Select(match => match.Groups["name"].Value);
            Assert.That(namespaces, Is.EqualTo(new[] { nameof(NeuralPlugin) }), file);
        }
    }

    /// <summary>The public API contains no Silk.NET types except those that a host passes in.</summary>
    [Test]
    public void OnlyAttachingTakesATypeOfSilk()
    {
        string[] members =
        [
            .. typeof(NeuralDevice).Assembly.GetExportedTypes()
                .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
                .OfType<MethodBase>()
                .Where(method => method.GetParameters().Select(parameter => parameter.ParameterType).Append((method as MethodInfo)?.ReturnType)
                    .Any(type => type?.Namespace?.StartsWith("Silk.", StringComparison.Ordinal) ?? false))
                .Select(method => $"{method.DeclaringType!.Name}.{method.Name}").Distinct(),
        ];
        Assert.That(members, Is.EqualTo(new[] { "NeuralDevice.Attach" }));
    }

    /// <summary>A reader must be able to keep a complete file in mind.</summary>
    [Test]
    public void NoFileOfRuntimeIsLong()
    {
        const int MostLines = 400;
        Assert.That(RuntimeSources.Select(file => (Path.GetFileName(file), Lines: File.ReadAllLines(file).Length)).Where(file => file.Lines > MostLines), Is.Empty);
    }

    /// <summary>Fusing knows computations and asks the family: it recognizes nothing by file name or position, and names no loss, activation or optimizer.</summary>
    [Test]
    public void FusingKnowsComputationsAlone()
    {
        string fusion = Code(PathOf("Runtime/Networks/Fusion.cs"));
        Assert.That(fusion, Does.Not.Match("[.](comp|glsl)\\b").And.Not.Match(@"\b(Matrices|Source)\s*\[").And.Not.Contain("FileName"));
        Type[] known = [.. typeof(NeuralDevice).Assembly.GetTypes().Where(type => !type.IsAbstract && (type.IsSubclassOf(typeof(Loss)) || type.IsSubclassOf(typeof(Activation)) || type.IsSubclassOf(typeof(Optimizer))))];
        Assert.That(known, Has.Length.AtLeast(4));
        foreach (Type type in known) Assert.That(fusion, Does.Not.Match($@"\b{type.Name}\b"));
    }

    // ---- shaders ----

    /// <summary>A kernel belongs to a layer, loss, optimizer or a computation of theirs, to a network that runs entirely in its own kernels, or to training.</summary>
    [Test]
    public void EveryKernelIsNamedByWhatItComputes()
    {
        string[] types =
        [
            .. RuntimeSources.Where(file => FolderOf(file) is "Operations" or "Networks" or "Training")
                .SelectMany(file => TopLevelType().Matches(CodeWithoutText(file)).Select(match => SnakeCase(match.Groups["name"].Value))),
        ];
        Assert.That(KernelFiles, Is.Not.Empty);
        foreach (string kernel in KernelFiles)
        {
            Assert.That(kernel, Does.Match("^[a-z0-9]+(_[a-z0-9]+)+[.]comp$"));
            Assert.That(types.Where(name => kernel == name + ".comp" || kernel.StartsWith(name + "_", StringComparison.Ordinal)), Is.Not.Empty, $"the type of {kernel}");
        }
    }

    [Test]
    public void EveryShaderIsEmbeddedAndNothingElseIs()
    {
        string[] embedded = typeof(NeuralDevice).Assembly.GetManifestResourceNames();
        Assert.That(embedded, Is.EquivalentTo(KernelFiles.Concat(IncludeFiles).Select(name => "Shaders/" + name)));
        IEnumerable<string> all = FilesBelow("Shaders", "*").Select(file => Path.GetFileName(file));
        Assert.That(all, Is.EquivalentTo(KernelFiles.Concat(IncludeFiles)), "kernels in Shaders/, shared pieces in Shaders/Include/");
    }

    [Test]
    public void EveryShaderStartsWithAComment()
    {
        foreach (string file in FilesBelow("Shaders", "*")) Assert.That(File.ReadAllText(file), Does.StartWith("// "), file);
    }

    /// <summary>
    /// A compiler may invert a comparison, which is false for NaN, and a driver's min, max and clamp may make a number of a NaN: only the include that tests bits decides what is finite and what becomes of NaN.
    /// Where they meet no NaN, the line says why.
    /// </summary>
    [Test]
    public void FinitenessIsTestedByBitsInOnePlace()
    {
        ShaderRules rules = RulesOfShaders();
        foreach (string file in Shaders.Where(file => Path.GetFileName(file) != "finite.glsl")) Assert.That(rules.Comparisons(file), Is.Empty, file);
    }

    /// <summary>
    /// A compiler may contract either product in a sum of two, and dot() may use any order: products are summed by the include that fixes it. The means of a game's textures have no other kernel whose bits
    /// they must have.
    /// </summary>
    [Test]
    public void ProductsAreSummedInOnePlace()
    {
        ShaderRules rules = RulesOfShaders();
        foreach (string file in Shaders.Where(file => Path.GetFileName(file) is not ("products.glsl" or "texture_features_box.comp")))
        {
            Assert.That(Code(file), Does.Not.Match(@"\bdot\s*\("), file);
            Assert.That(rules.SumsOfProducts(file), Is.Empty, file);
        }
    }

    /// <summary>A driver may compute a logarithm by a product, and contract that into a sum.</summary>
    [Test]
    public void LogarithmsArePrecise()
    {
        foreach (string file in Shaders)
            Assert.That(Code(file).Split('\n').Where(line => Logarithm().IsMatch(line) && !line.Contains("precise ", StringComparison.Ordinal)), Is.Empty, file);
    }

    /// <summary>What the first two rules above find, and what they leave alone.</summary>
    [TestCase("if (isnan(x)) return;", 1)]
    [TestCase("if (!(abs(x) <= most)) return;", 1)]
    [TestCase("if (abs(x) <= most) return;", 1)]
    [TestCase("bool found = x <= MAX;", 1)]
    [TestCase("bool found = LOWEST < x;", 1)]
    [TestCase("bool found = x == x;", 1)]
    [TestCase("bool found = z[i] != z[i];", 1)]
    [TestCase("uint bits = 0x7f800000u;", 1)]
    [TestCase("x = max(x, 0.0);", 1)]
    [TestCase("vec4 y = clamp(begun.ratio, low, high);", 1)]
    [TestCase("x = min(x, most);   // no NaN: it is checked above", 0)]
    [TestCase("bvec4 keeps = not(lessThanEqual(abs(z), vec4(3.4e38)));", 1)]
    [TestCase("bvec4 keeps = greaterThan(abs(z), vec4(LARGEST));", 1)]
    [TestCase("bvec4 keeps = notEqual(z, z);", 1)]
    [TestCase("bvec4 keeps = equal(z, vec4(0.0));", 1)]
    [TestCase("bvec4 keeps = greaterThanEqual(z, vec4(low));", 1)]
    [TestCase("z = mix(z, -z, lessThan(z, vec4(0.0)));   // no NaN: it is checked above", 0)]
    [TestCase("bvec4 ones = equal(4 * row + ivec4(0, 1, 2, 3), ivec4(rows));", 0)]
    [TestCase("bool keeps = x - x != 0.0;", 1)]
    [TestCase("bool keeps = z[i] - z[i] != 0.0;", 1)]
    [TestCase("int half = rows - rows / 2;", 0)]
    [TestCase("uint word = packUnorm4x8(z);", 1)]
    [TestCase("uint word = packSnorm2x16(z.xy);", 1)]
    [TestCase("uint word = packUnorm4x8(z);   // no NaN: it is checked above", 0)]
    [TestCase("dvec2 word = dvec2(packDouble2x32(bits.xy), packDouble2x32(bits.zw));", 0)]
    [TestCase("int j = max(min(row, rows - 1), 0);", 0)]
    [TestCase("bool found = row == rows;", 0)]
    [TestCase("x = slope * x + most * ratio;", 1)]
    [TestCase("return x - (slope * most + ratio / x);", 1)]
    [TestCase("x += slope * f(x) - (most * ratio);", 1)]
    [TestCase("float a = x / most, b = x; x = a + most * b;", 1)]
    [TestCase("vec4 terms = z * most; x += terms.x + terms.y;", 1)]
    [TestCase("float a = x * most; return a - slope * x;", 1)]
    [TestCase("precise float a = x / most; x = a + most * x;", 0)]
    [TestCase("x = slope * x + most;", 0)]
    [TestCase("x = addProduct(slope * x, most * ratio, x);", 0)]
    [TestCase("int at = row * rows + 4 * row; x = LOAD(m, at);", 0)]
    public void ShadersAreReadRight(string statement, int findings)
    {
        string code = $"SCALAR(most);\nSIZE(rows);\nfloat f(float x, float slope, float ratio, float low, float high, vec4 z, int row)\n{{\n    {statement}\n}}";
        ShaderRules rules = new(new Dictionary<string, string> { ["a"] = code });
        Assert.That(rules.Comparisons("a").Concat(rules.SumsOfProducts("a")).ToArray(), Has.Length.EqualTo(findings));
    }

    /// <summary>In GLSL, barrier() alone orders nothing but the invocations.</summary>
    [Test]
    public void EveryBarrierHasOneOfMemoryBeforeIt()
    {
        foreach (string file in FilesBelow("Shaders", "*").Concat(FilesBelow("Tests/Shaders", "*")))
            Assert.That(Code(file), Does.Not.Match(@"(?<!memoryBarrier(Shared)?\(\);\s*)\bbarrier\(\);"), file);
    }

    [Test]
    public void EveryKernelIsUsedAndEveryKernelThatIsUsedIsThere()
    {
        string[] used = [.. RuntimeSources.SelectMany(file => KernelName().Matches(Code(file)).Select(match => match.Groups["name"].Value)).Distinct()];
        Assert.That(used, Is.EquivalentTo(KernelFiles));
    }

    [Test]
    public void EveryIncludeIsUsedAndEveryIncludeThatIsUsedIsThere()
    {
        IEnumerable<string> byShaders = FilesBelow("Shaders", "*").SelectMany(file => Include().Matches(File.ReadAllText(file)).Select(match => match.Groups["name"].Value));
        IEnumerable<string> bySlots = RuntimeSources.SelectMany(file => IncludeName().Matches(Code(file)).Select(match => match.Groups["name"].Value));
        Assert.That(byShaders.Union(bySlots), Is.EquivalentTo(IncludeFiles));
    }

    // ---- the package ----

    [Test]
    public void TheVersionIsTheSameEverywhere()
    {
        string version = Repository.Version;
        Assert.That(version, Does.Match(@"^\d+[.]\d+[.]\d+(-[0-9A-Za-z.-]+)?$"));

        Assembly assembly = typeof(NeuralDevice).Assembly;
        string informational = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
        Assert.That(informational.Split('+')[0], Is.EqualTo(version), "the assembly");
        Assert.That(assembly.GetName().Version!.ToString(3), Is.EqualTo(version.Split('-')[0]), "the assembly's name");
        Assert.That(Manifest().GetProperty("version").GetString(), Is.EqualTo(version), "package.json");
        Match released = Release().Match(File.ReadAllText(PathOf("CHANGELOG.md")));
        Assert.That(released.Groups["version"].Value, Is.EqualTo(version), "the newest version of CHANGELOG.md");
        foreach (string project in FilesBelow(".", "*.csproj"))
            Assert.That(XDocument.Load(project).Descendants("Version"), Is.Empty, $"{project}: the version is in Directory.Build.props");
    }

    [Test]
    public void TheManifestIsAUnityPackages()
    {
        JsonElement manifest = Manifest();
        foreach (string field in new[] { "name", "version", "displayName", "description", "unity", "license" })
            Assert.That(manifest.GetProperty(field).GetString(), Is.Not.Null.And.Not.Empty, field);
        Assert.That(manifest.GetProperty("name").GetString(), Does.Match("^[a-z0-9-]+([.][a-z0-9_-]+){2,}$"), "a reverse domain name");
        Assert.That(manifest.GetProperty("unity").GetString(), Does.Match(@"^\d+[.]\d+$"));
        foreach (string field in new[] { "documentationUrl", "changelogUrl", "licensesUrl" })
            Assert.That(manifest.TryGetProperty(field, out _), Is.False, $"{field}: there is no such page on the web; without the field Unity opens those in the package");
        Assert.That(manifest.GetProperty("author").GetProperty("name").GetString(), Is.Not.Empty);
        Assert.That(manifest.GetProperty("keywords").EnumerateArray().Select(keyword => keyword.GetString()), Is.Not.Empty.And.All.Not.Empty);
        Assert.That(manifest.GetProperty("samples").GetArrayLength(), Is.Positive);
        foreach (JsonElement sample in manifest.GetProperty("samples").EnumerateArray())
        {
            Assert.That(sample.GetProperty("displayName").GetString(), Is.Not.Empty);
            Assert.That(sample.GetProperty("description").GetString(), Is.Not.Empty);
            string path = sample.GetProperty("path").GetString()!;
            Assert.That(Directory.Exists(PathOf(path.Replace("Samples~/", "Samples/Unity/"))), path);   // where Samples/Unity/pack takes it from
        }
    }

    /// <summary>Also on packages from .NET itself, which are listed to fix their versions.</summary>
    [Test]
    public void TheRuntimeDependsOnSilkNetOpenGLAlone()
    {
        XDocument project = XDocument.Load(PathOf("Runtime/NeuralPlugin.csproj"));
        IEnumerable<string?> handedOn = project.Descendants("PackageReference").Where(item => item.Attribute("PrivateAssets")?.Value != "all")
            .Select(item => item.Attribute("Include")?.Value);
        Assert.That(handedOn.Except(["Microsoft.Extensions.DependencyModel", "System.Text.Json"]), Is.EqualTo(new[] { "Silk.NET.OpenGL" }));
        Assert.That(project.Descendants().Where(item => item.Name.LocalName is "ProjectReference" or "Reference" or "FrameworkReference"), Is.Empty);
        IEnumerable<string> foreign = typeof(NeuralDevice).Assembly.GetReferencedAssemblies().Select(name => name.Name!)
            .Where(name => name != "netstandard" && !name.StartsWith("System.", StringComparison.Ordinal) && !name.StartsWith("Silk.NET.", StringComparison.Ordinal));
        Assert.That(foreign, Is.Empty);
    }

    /// <summary>Direct and transitive packages.</summary>
    [Test]
    public void EveryPackageHasItsNotice()
    {
        string[] notices = [.. NameInNotice().Matches(File.ReadAllText(PathOf("Third Party Notices.md"))).Select(match => match.Value.TrimEnd('.'))];
        string[] packages = [.. XDocument.Load(PathOf("Directory.Packages.props")).Descendants("PackageVersion").Select(item => item.Attribute("Include")!.Value)];
        Assert.That(packages, Is.Not.Empty);
        string[] restored = [.. RestoredPackages()];
        Assert.That(restored, Is.Not.Empty.And.Contains("Silk.NET.OpenGL"));
        IEnumerable<string> missing = packages.Union(restored).Where(package => !notices.Any(name => name.EndsWith(AnyEnd, StringComparison.Ordinal)
            ? package.StartsWith(name[..^AnyEnd.Length], StringComparison.Ordinal) : package == name));
        Assert.That(missing, Is.Empty, "in Third Party Notices.md");
    }

    /// <summary>Each data folder has a section of its own, with its license and source.</summary>
    [Test]
    public void EveryDataSetHasItsNotice()
    {
        string[] dataSets = [.. Directory.EnumerateDirectories(PathOf("Samples/Data")).Select(folder => Path.GetFileName(folder))];
        Assert.That(dataSets, Is.Not.Empty);
        string notices = File.ReadAllText(PathOf("Third Party Notices.md"));
        foreach (string dataSet in dataSets)
        {
            string[] sections = [.. notices.Split("\n## ").Where(section => section.StartsWith($"Data: `Samples/Data/{dataSet}`\n", StringComparison.Ordinal))];
            Assert.That(sections, Has.Length.EqualTo(1), $"one section 'Data: `Samples/Data/{dataSet}`' in Third Party Notices.md");
            Assert.That(sections[0], Does.Match(@"\bCC[ -]|\bMIT\b|\bBSD\b|\bApache\b|[Pp]ublic [Dd]omain").And.Contain("https://").And.Contain("©"), dataSet);
        }

        IEnumerable<string> loose = FilesBelow("Samples", "*").Where(file => DataFile().IsMatch(file))
            .Select(file => Path.GetRelativePath(Root!, file).Replace('\\', '/'))
            .Where(file => !dataSets.Any(dataSet => file.StartsWith($"Samples/Data/{dataSet}/", StringComparison.Ordinal)));
        Assert.That(loose, Is.Empty, "data is in a folder of Samples/Data");
    }

    /// <summary>The build checks the code against these files; this test makes sure that they exist.</summary>
    [Test]
    public void ThePublicFaceIsRecorded()
    {
        string[] recorded = [.. File.ReadAllLines(PathOf("Runtime/PublicAPI.Shipped.txt")), .. File.ReadAllLines(PathOf("Runtime/PublicAPI.Unshipped.txt"))];
        IEnumerable<string> types = typeof(NeuralDevice).Assembly.GetExportedTypes().Select(type => type.FullName!.Replace('+', '.'));
        Assert.That(types, Is.SubsetOf(recorded));
    }

    [Test]
    public void EveryPackageVersionStandsInOnePlace()
    {
        foreach (string project in FilesBelow(".", "*.csproj"))
        {
            IEnumerable<XElement> versioned = XDocument.Load(project).Descendants("PackageReference")
                .Where(item => item.Attribute("Include")?.Value != nameof(NeuralPlugin))   // our own, by the name under which users reference it
                .Where(item => item.Attribute("Version") is not null || item.Attribute("VersionOverride") is not null || item.Element("Version") is not null);
            Assert.That(versioned, Is.Empty, project);
        }
    }

    // ---- reading ----

    /// <summary>Each folder in the design's table with all that it may use, directly and transitively.</summary>
    private static Dictionary<string, HashSet<string>> DesignTable()
    {
        string design = File.ReadAllText(PathOf("Documentation~/design.md"));
        int start = design.IndexOf("| folder of Runtime/ |", StringComparison.Ordinal);
        Assert.That(start, Is.Not.Negative, "the design has its table of folders");
        Dictionary<string, string[]> rows = [];
        foreach (string line in design[start..].Split('\n').Skip(2).TakeWhile(line => line.StartsWith('|')))
        {
            string[] cells = [.. line.Split('|').Select(cell => cell.Trim())];
            rows[cells[1].TrimEnd('/')] = [.. cells[3].Split(',').Select(name => name.Trim()).Where(name => name != "–")];
        }

        foreach (string folder in rows.Keys.Where(folder => rows[folder] is ["all below"]))
            rows[folder] = [.. rows.Keys.Where(other => other != folder)];
        Assert.That(rows.Keys, Does.Contain(Facade).And.Contain("Gpu").And.Contain("Networks"));
        Assert.That(rows.Values.SelectMany(used => used).Distinct(), Is.SubsetOf(rows.Keys));
        return rows.Keys.ToDictionary(folder => folder, folder =>
        {
            HashSet<string> reached = [];
            Queue<string> next = new(rows[folder]);
            while (next.TryDequeue(out string? used))
            {
                if (!reached.Add(used)) continue;
                foreach (string further in rows[used]) next.Enqueue(further);
            }

            return reached;
        });
    }

    /// <summary>All packages of the projects restored here, as recorded by NuGet.</summary>
    private static IEnumerable<string> RestoredPackages()
    {
        foreach (string assets in FilesBelow(".", "*.csproj").Select(file => Path.Combine(Path.GetDirectoryName(file)!, "obj", "project.assets.json")).Where(File.Exists))
        {
            using JsonDocument recorded = JsonDocument.Parse(File.ReadAllText(assets));
            foreach (JsonProperty library in recorded.RootElement.GetProperty("libraries").EnumerateObject())
            {
                if (library.Value.GetProperty("type").GetString() == "package") yield return library.Name.Split('/')[0];
            }
        }
    }

    private static string FolderOf(string file)
    {
        string[] parts = Path.GetRelativePath(PathOf("Runtime"), file).Split(Path.DirectorySeparatorChar);
        return parts.Length == 1 ? Facade : parts[0];
    }

    /// <summary>A source without its comments.</summary>
    private static string Code(string file)
    {
        return Token().Replace(File.ReadAllText(file), match => match.Groups["comment"].Success ? " " : match.Value);
    }

    /// <summary>A source without its comments and the text of its strings; interpolations in their braces are code.</summary>
    private static string CodeWithoutText(string file)
    {
        return Token().Replace(File.ReadAllText(file), match =>
            match.Groups["interpolated"].Success ? string.Join(' ', Hole().Matches(match.Value).Select(hole => hole.Value))
            : match.Groups["comment"].Success || match.Groups["text"].Success ? " " : match.Value);
    }

    private static string SnakeCase(string name) => WordStart().Replace(name, "_").ToLowerInvariant();

    [GeneratedRegex("""(?<comment>//.*|/\*[\s\S]*?\*/)|(?<text>""\"[\s\S]*?""\"|@"(?:[^"]|"")*"|(?<interpolated>\$@?"(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.[^']*)')""")]
    private static partial Regex Token();

    /// <summary>Also within names; a Sampler is OpenGL's.</summary>
    [GeneratedRegex("^steps?$|Step(s|[A-Z]|$)|^samples?$|Sample(s|[A-Z]|$)")]
    private static partial Regex SampleOrStep();

    [GeneratedRegex(@"\{[^{}]*\}")]
    private static partial Regex Hole();

    [GeneratedRegex(@"\blog2?\(")]
    private static partial Regex Logarithm();

    [GeneratedRegex(@"\bSilk\b")]
    private static partial Regex SilkWord();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b")]
    private static partial Regex Word();

    [GeneratedRegex("(?<=[a-z0-9])(?=[A-Z])")]
    private static partial Regex WordStart();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^(?:\w+ )*?(?:class|struct|interface|enum|record(?: struct| class)?|delegate [\w<>?]+) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex TopLevelType();

    [GeneratedRegex("\"(?<name>[^\"]+[.]comp)\"")]
    private static partial Regex KernelName();

    [GeneratedRegex("\"(?<name>[^\"]+[.]glsl)\"")]
    private static partial Regex IncludeName();

    [GeneratedRegex("^#include \"(?<name>[^\"]+)\"", RegexOptions.Multiline)]
    private static partial Regex Include();

    [GeneratedRegex(@"[A-Za-z][\w.]*(\\\*)?")]
    private static partial Regex NameInNotice();

    [GeneratedRegex(@"[.](gz|zip|csv|idx|npy|npz|onnx|safetensors|bin)$|-ubyte$")]
    private static partial Regex DataFile();

    [GeneratedRegex(@"^## \[(?<version>\d[^\]]*)\]", RegexOptions.Multiline)]
    private static partial Regex Release();
}
