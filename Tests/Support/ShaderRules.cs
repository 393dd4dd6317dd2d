using System.Text;
using System.Text.RegularExpressions;

namespace NeuralPlugin.Tests;

/// <summary>
/// What design.md forbids in GLSL and no compiler reports, found in the text of a shader: decisions that a NaN fools, and sums of products that a compiler may contract in more than one way. It reads declarations to
/// distinguish floats from integers, and is no compiler: it errs on the side of finding too much, and code says with a comment where it is right all the same.
/// </summary>
internal sealed partial class ShaderRules
{
    /// <summary>Ends a line whose min, max, clamp, packing or comparison of vectors meets no NaN, before the reason.</summary>
    private const string NoNaN = "// no NaN: ";

    private const string Floats = "float|vec[234]|mat[234]", Whole = "u?int|[ui]vec[234]|bool|bvec[234]";

    private readonly Dictionary<string, string> codes;
    private readonly HashSet<string> floats;

    /// <param name="sources">The text of each shader under its name: names declared in one are used in others.</param>
    public ShaderRules(IReadOnlyDictionary<string, string> sources)
    {
        codes = sources.ToDictionary(source => source.Key, source => string.Join('\n', source.Value.ReplaceLineEndings("\n").Split('\n').Select(CodeOf)));
        floats = [.. codes.Values.SelectMany(code => Declared(code, Floats).Concat(Scalar().Matches(code).Select(match => match.Groups["name"].Value)))];
        floats.ExceptWith(codes.Values.SelectMany(code => Declared(code, Whole)));
    }

    /// <summary>Tests of finiteness by comparison, and clamps, maxima and comparisons of vectors whose numbers may be NaN.</summary>
    public IEnumerable<string> Comparisons(string name)
    {
        HashSet<string> own = OwnFloats(codes[name]);
        foreach (string line in codes[name].Split('\n'))
        {
            if (FinitenessByComparison().IsMatch(line)) yield return line.Trim();
            if (line.Contains(NoNaN, StringComparison.Ordinal)) continue;
            foreach (Match call in BoundOrComparison().Matches(line))
            {
                int end = call.Index + call.Length;
                for (int depth = 1; depth > 0 && end < line.Length; end++) depth += line[end] is '(' ? 1 : line[end] is ')' ? -1 : 0;
                if (IsFloat(line[(call.Index + call.Length)..end], own)) yield return line.Trim();
            }
        }
    }

    /// <summary>Sums of two products or quotients: in one expression, or through a variable that is one and is not precise.</summary>
    public IEnumerable<string> SumsOfProducts(string name)
    {
        HashSet<string> own = OwnFloats(codes[name]);
        foreach (string function in TopLevelBlocks(codes[name]))
        {
            string code = LineComment().Replace(function, "").Replace("\\\n", "\n", StringComparison.Ordinal);
            HashSet<string> products = [];
            foreach (Match declared in FloatDeclaration().Matches(code))
            {
                foreach (Chain chain in Chains(declared.Groups["rest"].Value, []).Where(chain => chain.Assigned.Length > 0 && chain.IsOneProduct)) products.Add(chain.Assigned);
            }

            foreach (Chain chain in Chains(code, products))
            {
                if (chain.Products > 1 && !chain.Text.Contains('%', StringComparison.Ordinal) && IsFloat(chain.Text, own)) yield return chain.Text.Trim();
            }
        }
    }

    /// <summary>Without comments, except the one that excuses the line.</summary>
    private static string CodeOf(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 || line[comment..].StartsWith(NoNaN, StringComparison.Ordinal) ? line : line[..comment];
    }

    /// <summary>Names that a piece of code declares with one of these types, also after the first comma of a declaration.</summary>
    private static IEnumerable<string> Declared(string code, string types)
    {
        foreach (Match match in Regex.Matches(code, $@"\b(?:{types})\s+(?<name>\w+)(?=(?<rest>[^;{{]*))"))
        {
            yield return match.Groups["name"].Value;
            int depth = 0;
            string rest = match.Groups["rest"].Value;
            for (int i = 0; i < rest.Length && depth >= 0; i++)
            {
                depth += rest[i] is '(' or '[' ? 1 : rest[i] is ')' or ']' ? -1 : 0;
                if (depth == 0 && rest[i] == ',' && FurtherName().Match(rest, i) is { Success: true } further) yield return further.Groups["name"].Value;
            }
        }
    }

    private HashSet<string> OwnFloats(string code)
    {
        HashSet<string> own = [.. floats];
        own.ExceptWith(Declared(code, Whole));
        own.UnionWith(Declared(code, Floats));
        return own;
    }

    private static bool IsFloat(string expression, HashSet<string> floats) =>
        FloatSign().IsMatch(expression) || Name().Matches(expression).Any(match => floats.Contains(match.Value));

    private static IEnumerable<string> TopLevelBlocks(string code)
    {
        int begin = 0, depth = 0;
        for (int i = 0; i < code.Length; i++)
        {
            depth += code[i] is '{' ? 1 : code[i] is '}' ? -1 : 0;
            if (code[i] is not '}' || depth > 0) continue;
            yield return code[begin..(i + 1)];
            begin = i + 1;
        }

        yield return code[begin..];
    }

    /// <summary>The additive chains of a piece of code, on every level of parentheses.</summary>
    private static IEnumerable<Chain> Chains(string code, HashSet<string> products)
    {
        List<Chain> found = [];
        Stack<Chain> open = new([new Chain()]);
        string assigned = "";
        for (int i = 0; i < code.Length; i++)
        {
            char c = code[i], next = i + 1 < code.Length ? code[i + 1] : ' ';
            Chain chain = open.Peek();
            if (c is '(' or '[')
            {
                chain.Add(c);
                open.Push(new Chain());
            }
            else if (c is ')' or ']' && open.Count > 1)
            {
                Chain inner = Finish(open.Pop());
                open.Peek().AddGroup(inner, c);
            }
            else if ((c is '+' or '-' or '*' or '/' && next == '=') || c is ',' or ';' or '?' or ':' or '=' or '<' or '>' or '&' or '|' or '!' or '{' or '}' or '#')
            {
                Finish(open.Pop());
                if (open.Count == 0 && c == '=') assigned = LastName().Match(chain.Text).Value.Trim();
                open.Push(new Chain { Assigned = open.Count == 0 && c == '=' ? assigned : "" });
            }
            else if (c is '+' or '-' && next != c && (i == 0 || code[i - 1] != c) && !Exponent().IsMatch(code[Math.Max(0, i - 3)..i]))
            {
                chain.EndTerm(c, products);
            }
            else
            {
                chain.Add(c);
            }
        }

        while (open.Count > 0) Finish(open.Pop());
        return found;

        Chain Finish(Chain chain)
        {
            chain.EndTerm(' ', products);
            found.Add(chain);
            return chain;
        }
    }

    /// <summary>Terms that are added, and how many of them are products.</summary>
    private sealed class Chain
    {
        private readonly StringBuilder text = new(), term = new();
        private int terms;
        private bool isProduct;

        public string Assigned { get; init; } = "";

        public int Products { get; private set; }

        public bool IsOneProduct => Products == 1 && terms == 1;

        public string Text => text.ToString();

        public void Add(char c)
        {
            text.Append(c);
            term.Append(c);
            isProduct |= c is '*' or '/';
        }

        /// <summary>A group in parentheses: what is in them is a chain of its own, and a product in nothing but parentheses is a product.</summary>
        public void AddGroup(Chain inner, char end)
        {
            bool isAlone = term.ToString().TrimEnd('(', ' ', '\n', '\t').Length == 0;
            isProduct |= isAlone && end == ')' && inner.IsOneProduct;
            text.Append(inner.Text).Append(end);
            term.Append('@').Append(end);   // what is inside is no operator of this level
        }

        public void EndTerm(char sign, HashSet<string> products)
        {
            string all = term.ToString().Trim();
            if (all.Length > 0)
            {
                terms++;
                if (isProduct || products.Contains(Variable().Match(all).Groups["name"].Value)) Products++;
                term.Clear();
                isProduct = false;
            }

            text.Append(sign);
        }
    }

    [GeneratedRegex(@"\bSCALAR\((?<name>\w+)\)")]
    private static partial Regex Scalar();

    [GeneratedRegex(@"\G,\s*(?!(float|[iu]?vec[234]|mat[234]|u?int|bool|bvec[234]|out|inout|in|const)\b)(?<name>\w+)")]
    private static partial Regex FurtherName();

    /// <summary>Also a packing, which clamps first.</summary>
    [GeneratedRegex(@"(?<!\w)(?:min|max|clamp|pack[US]norm\w+|(?:less|greater)Than(?:Equal)?|equal|notEqual)\(")]
    private static partial Regex BoundOrComparison();

    [GeneratedRegex(@"\d[.]\d|\b(LOAD|FETCH|texelFetch|uintBitsToFloat|exp|log|sqrt|float|vec[234])\b")]
    private static partial Regex FloatSign();

    /// <summary>Also of one letter, but no components.</summary>
    [GeneratedRegex(@"(?<![\w#])(?!(?<=[.])[xyzwrgba]{1,4}\b)[A-Za-z_]\w*")]
    private static partial Regex Name();

    [GeneratedRegex(@"\w+\s*$")]
    private static partial Regex LastName();

    /// <summary>A term that is a variable, or components of one.</summary>
    [GeneratedRegex(@"^(?:return\s+)?(?<name>\w+)(?:[.][xyzwrgba]{1,4})?$")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\d[eE]$")]
    private static partial Regex Exponent();

    [GeneratedRegex(@"//.*")]
    private static partial Regex LineComment();

    [GeneratedRegex(@"(?<!precise\s+)\b(?:float|vec[234])\s+(?<rest>\w+\s*=[^;]*;)")]
    private static partial Regex FloatDeclaration();

    /// <summary>isnan and isinf, a negated comparison, x != x, x == x and x - x, the bits of an infinity, and a comparison of a size or with the greatest number.</summary>
    [GeneratedRegex(
        @"\bisnan\s*\(|\bisinf\s*\(|!\s*\([^()]*(\([^()]*\))?[^()]*[<>]|(?<![\w.\])])(?<same>[\w.]+(\[\w+\])?)\s*[!=]=\s*\k<same>(?![\w.\[(])|0x7[fF]800000|0x7[fF]{7}" +
        @"|(?<![\w.\])]|[-*/]\s*)(?<operand>[A-Za-z_][\w.]*(\[\w+\])?)\s*-\s*\k<operand>(?![\w.\[(]|\s*[*/])" +
        @"|[<>]=?\s*-?\s*(MAX\w*|\w*_MAX|LARGEST|LOWEST|HIGHEST|INFINITY|3[.]4\d*[eE][+]?38)\b|\b(MAX\w*|\w*_MAX|LARGEST|LOWEST|HIGHEST|INFINITY|3[.]4\d*[eE][+]?38)\s*[<>]" +
        @"|\babs\s*\([^()]*(\([^()]*\))?[^()]*\)\s*[<>]|[<>]=?\s*-?abs\s*\(")]
    private static partial Regex FinitenessByComparison();
}
