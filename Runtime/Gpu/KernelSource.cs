using System.Globalization;

namespace NeuralPlugin;

/// <summary>A macro that repeats a piece of source: written out, since drivers do not unroll loops this long, or as a loop.</summary>
/// <param name="Signature">The signature in its definition: <c>EACH_ROW(F)</c>.</param>
/// <param name="Repeated">The repeated text, with the index in place of the hash: <c>F(#)</c>.</param>
/// <param name="Count">The repetition count, from index 0.</param>
internal sealed record UnrolledMacro(string Signature, string Repeated, int Count)
{
    /// <summary>The loop variable, for a count that would make the source too long to compile; null to write it out. The loop is NOT_UNROLLED (matrix.glsl).</summary>
    public string? LoopVariable { get; init; }

    public string Text => LoopVariable is { } number
        ? string.Create(CultureInfo.InvariantCulture, $"for (int {number} = 0; {number} < NOT_UNROLLED({Count}); {number}++) {{ {With(number)} }}")
        : string.Join(' ', Enumerable.Range(0, Count).Select(i => With(i.ToString(CultureInfo.InvariantCulture))));

    /// <summary>Distinguishes its variants.</summary>
    public string Key => string.Create(CultureInfo.InvariantCulture, $"{Signature}*{Count}{(LoopVariable is null ? "" : " in a loop")}");

    private string With(string number) => Repeated.Replace("#", number, StringComparison.Ordinal);
}

/// <summary>
/// A kernel to compile: a file in Shaders/, the constants of this variant, the includes that replace
/// <c>#include &lt;SLOT&gt;</c> (an activation, a loss, an optimizer), and its unrolled macros.
/// </summary>
internal sealed record KernelSource(string FileName, params (string Name, int Value)[] Constants)
{
    /// <summary>The includes by slot. A filled slot is also defined as a macro; an empty one includes nothing.</summary>
    public IReadOnlyList<(string Slot, string FileName)> Includes { get; init; } = [];

    public IReadOnlyList<UnrolledMacro> Macros { get; init; } = [];

    /// <summary>
    /// Whether the kernel reads matrices at texture units, by texelFetch, unless it writes them, too. Graphics cards read fastest so; software drivers
    /// read images faster.
    /// </summary>
    public bool Fetches { get; init; }

    /// <summary>
    /// The kernel as a method, for a backend on the processor: makes the kernel of a dispatch. Like the source, it keeps no reference to a
    /// device. Null if there is none.
    /// </summary>
    public Func<Dispatch, ProcessorKernel>? Method { get; init; }

    public KernelSource With(params (string Name, int Value)[] more) => more.Length == 0 ? this : this with { Constants = [.. Constants, .. more] };

    /// <summary>Distinguishes variants: the file with its includes, constants and macros.</summary>
    public string Key => string.Join(
        ' ', [
            FileName, .. Includes.Select(include => $"{include.Slot}={include.FileName}"),
            .. Constants.Select(constant => string.Create(CultureInfo.InvariantCulture, $"{constant.Name}={constant.Value}")),
            .. Macros.Select(macro => macro.Key), .. Fetches ? ["FETCHES"] : Array.Empty<string>(),
        ]);
}
