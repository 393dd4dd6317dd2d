using System.Globalization;

namespace NeuralPlugin;

/// <summary>A macro that repeats a piece of source: written out, since drivers do not unroll loops of that length, or as a loop.</summary>
/// <param name="Signature">As it is defined: <c>EACH_ROW(F)</c>.</param>
/// <param name="Repeated">What is repeated, with the number in place of the hash: <c>F(#)</c>.</param>
/// <param name="Count">How often, from 0 on.</param>
internal sealed record UnrolledMacro(string Signature, string Repeated, int Count)
{
    /// <summary>The variable of a loop, for a count that would make the source too long to compile; null to write it out.</summary>
    public string? LoopVariable { get; init; }

    public string Text => LoopVariable is { } number
        ? string.Create(CultureInfo.InvariantCulture, $"for (int {number} = 0; {number} < {Count}; {number}++) {{ {With(number)} }}")
        : string.Join(' ', Enumerable.Range(0, Count).Select(i => With(i.ToString(CultureInfo.InvariantCulture))));

    /// <summary>Tells variants of it apart.</summary>
    public string Key => string.Create(CultureInfo.InvariantCulture, $"{Signature}*{Count}{(LoopVariable is null ? "" : " in a loop")}");

    private string With(string number) => Repeated.Replace("#", number, StringComparison.Ordinal);
}

/// <summary>
/// A kernel to compile: a file of Shaders/, the constants of this variant of it, the includes that stand where it says
/// <c>#include &lt;SLOT&gt;</c> (an activation, a loss, an optimizer), and its unrolled macros.
/// </summary>
internal sealed record KernelSource(string FileName, params (string Name, int Value)[] Constants)
{
    /// <summary>What is included in which slot. A slot that is filled is defined as a macro, too; one that is not includes nothing.</summary>
    public IReadOnlyList<(string Slot, string FileName)> Includes { get; init; } = [];

    public IReadOnlyList<UnrolledMacro> Macros { get; init; } = [];

    /// <summary>
    /// The same as a method, for a backend on the processor: makes the kernel of a dispatch. It keeps nothing of a device, as the source does
    /// not. Null where there is none.
    /// </summary>
    public Func<Dispatch, ProcessorKernel>? Method { get; init; }

    public KernelSource With(params (string Name, int Value)[] more) => more.Length == 0 ? this : this with { Constants = [.. Constants, .. more] };

    /// <summary>Tells variants apart: the file with its includes, constants and macros.</summary>
    public string Key => string.Join(
        ' ', [
            FileName, .. Includes.Select(include => $"{include.Slot}={include.FileName}"),
            .. Constants.Select(constant => string.Create(CultureInfo.InvariantCulture, $"{constant.Name}={constant.Value}")),
            .. Macros.Select(macro => macro.Key),
        ]);
}
