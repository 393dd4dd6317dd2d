using System.Globalization;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>
/// Keys from a text: a line for each change, "FRAME KEY down" or "FRAME KEY up", with frames counted from 0 and never decreasing. A line that begins with #
/// is skipped.
/// </summary>
internal sealed class KeyScript : IKeyboard
{
    private readonly List<(int Frame, SceneKey Key, bool IsDown)> changes = [];
    private readonly HashSet<SceneKey> down = [];
    private int frame = -1;
    private int next;

    /// <exception cref="UserErrorException">The file cannot be read, or a line is invalid.</exception>
    public static KeyScript Read(string path)
    {
        try
        {
            return Parse(File.ReadLines(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"The key script {path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <exception cref="UserErrorException">A line is invalid.</exception>
    public static KeyScript Parse(IEnumerable<string> lines, string name)
    {
        var script = new KeyScript();
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            if (line.Trim().Length == 0 || line.TrimStart().StartsWith('#')) continue;
            script.changes.Add(Change(line) is { } change && (script.changes.Count == 0 || change.Frame >= script.changes[^1].Frame)
                ? change
                : throw new UserErrorException(Invariant($"{name}, line {number}: expected a frame, not before the last one, a key ({Keys}) and down or up, but got '{line}'.")));
        }

        return script;
    }

    public bool IsDown(SceneKey key) => down.Contains(key);

    public void NextFrame()
    {
        frame++;
        for (; next < changes.Count && changes[next].Frame <= frame; next++)
        {
            if (changes[next].IsDown) down.Add(changes[next].Key);
            else down.Remove(changes[next].Key);
        }
    }

    private static string Keys => string.Join(", ", Enum.GetNames<SceneKey>());

    private static (int Frame, SceneKey Key, bool IsDown)? Change(string line) =>
        line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is [var at, var name, "down" or "up"] parts
        && int.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var frame)
        && Enum.GetNames<SceneKey>().Contains(name, StringComparer.OrdinalIgnoreCase)
            ? (frame, Enum.Parse<SceneKey>(name, ignoreCase: true), parts[2] == "down")
            : null;
}
