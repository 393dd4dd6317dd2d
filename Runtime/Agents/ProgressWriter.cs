using System.Globalization;
using System.Text;

namespace NeuralPlugin;

/// <summary>Writes the progress of a population, row by row: <see cref="CsvProgressWriter"/> or <see cref="TensorBoardProgressWriter"/>.</summary>
/// <remarks>It belongs to the population it was passed to (<see cref="AgentPopulation.WriteProgress"/>), which disposes it.</remarks>
public abstract class ProgressWriter : IDisposable
{
    private protected ProgressWriter()
    {
    }

    /// <summary>Closes its files. A second call does nothing.</summary>
    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>Adds a row.</summary>
    /// <param name="decisions">Decisions so far.</param>
    /// <param name="time">Now.</param>
    /// <param name="values">The values by name; NaN for those not known yet.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal abstract void Write(long decisions, DateTimeOffset time, IReadOnlyList<(string Name, float Value)> values);

    private protected abstract void Close();
}

/// <summary>
/// A table in a text file, with a header and one row per report: decisions, the time (UTC, ISO 8601), and a column for each name. Numbers use a
/// decimal point; unknown values are empty. A name that appears later gets its column at the end, and the file is rewritten once. An existing file is
/// replaced.
/// </summary>
public sealed class CsvProgressWriter : ProgressWriter
{
    private readonly string path;
    private readonly List<string> names = [];
    private StreamWriter? text;
    private bool isClosed;

    /// <summary>Makes a writer. Nothing is written until the first row.</summary>
    /// <param name="path">The file, new or existing, in an existing folder.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    public CsvProgressWriter(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.path = Path.GetFullPath(path);
    }

    internal override void Write(long decisions, DateTimeOffset time, IReadOnlyList<(string Name, float Value)> values)
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        string[] added = [.. values.Select(value => value.Name).Except(names)];
        if (text is null || added.Length > 0) Begin(added);
        string[] columns = [.. names.Select(_ => "")];
        foreach ((string name, float value) in values)
        {
            if (float.IsFinite(value)) columns[names.IndexOf(name)] = value.ToString("G6", CultureInfo.InvariantCulture);
        }

        string row = string.Create(CultureInfo.InvariantCulture, $"{decisions},{time.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ},{string.Join(',', columns)}");
        text!.WriteLine(row);
        text.Flush();
    }

    private protected override void Close()
    {
        isClosed = true;
        text?.Dispose();
    }

    /// <summary>Writes the header with further columns, and the existing rows below it.</summary>
    private void Begin(string[] added)
    {
        string[] rows = [];
        if (text is not null)
        {
            text.Dispose();
            rows = File.ReadAllLines(path)[1..];
        }

        names.AddRange(added);
        text = new StreamWriter(path, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
        text.WriteLine($"Decisions,Time,{string.Join(',', names.Select(Quoted))}");
        foreach (string row in rows) text.WriteLine(row + new string(',', added.Length));
    }

    private static string Quoted(string name) => name.AsSpan().IndexOfAny(",\"\n\r") < 0 ? name : $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal).ReplaceLineEndings(" ")}\"";
}

/// <summary>
/// Event files for TensorBoard (<c>tensorboard --logdir FOLDER</c>), with the tags of ML-Agents where they exist: Environment/Cumulative Reward,
/// Losses/Policy Loss. Steps are decisions. Each writer makes a new file, so that a loaded run continues in its previous folder.
/// </summary>
public sealed class TensorBoardProgressWriter : ProgressWriter
{
    private readonly string folder;
    private EventFile? file;
    private bool isClosed;

    /// <summary>Makes a writer. Nothing is written until the first row.</summary>
    /// <param name="folder">A folder for this run; it is created if it does not exist.</param>
    /// <exception cref="ArgumentException">The path is empty or invalid.</exception>
    public TensorBoardProgressWriter(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        this.folder = Path.GetFullPath(folder);
    }

    internal override void Write(long decisions, DateTimeOffset time, IReadOnlyList<(string Name, float Value)> values)
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        file ??= new EventFile(folder, time);
        file.Write(decisions, time, values.Where(value => float.IsFinite(value.Value)));
    }

    private protected override void Close()
    {
        isClosed = true;
        file?.Dispose();
    }
}
