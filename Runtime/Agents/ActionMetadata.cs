using System.Globalization;

namespace NeuralPlugin;

/// <summary>
/// The description of actions in the metadata of files, if one is more than one choice: "3,4" for branches, empty for none, and the number of
/// continuous actions.
/// </summary>
internal static class ActionMetadata
{
    private const int MostBranches = 1 << 16;
    private const int MostActions = 1 << 24;

    /// <summary>Returns the metadata to write; nothing if an action is one choice.</summary>
    /// <param name="actions">The kinds of actions.</param>
    /// <param name="branchesKey">The key of the branches.</param>
    /// <param name="continuousKey">The key of the continuous actions.</param>
    public static IEnumerable<(string Key, string Value)> Of(ActionSpec actions, string branchesKey, string continuousKey) => actions.Policy.IsOneBranch ? [] :
    [
        (branchesKey, string.Join(',', actions.BranchSizes.Select(size => size.ToString(CultureInfo.InvariantCulture)))),
        (continuousKey, actions.NumContinuousActions.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>Parses the metadata; null if it is invalid.</summary>
    public static ActionSpec? Read(string branches, int continuous)
    {
        string[] texts = branches.Length == 0 ? [] : branches.Split(',', MostBranches);
        int[] sizes = new int[texts.Length];
        long sum = 2L * continuous;
        for (int i = 0; i < texts.Length; i++)
        {
            if (!int.TryParse(texts[i], NumberStyles.None, CultureInfo.InvariantCulture, out sizes[i]) || sizes[i] < 2) return null;
            sum += sizes[i];
        }

        return continuous < 0 || sum is 0 or > MostActions ? null : new ActionSpec(continuous, sizes);
    }
}
