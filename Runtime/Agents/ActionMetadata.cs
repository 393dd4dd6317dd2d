using System.Globalization;

namespace NeuralPlugin;

/// <summary>How the metadata of files says what actions are, where one is more than one choice: "3,4" of branches, empty for none, and the number of continuous actions.</summary>
internal static class ActionMetadata
{
    private const int MostBranches = 1 << 16;
    private const int MostActions = 1 << 24;

    /// <summary>What is written; nothing where an action is one choice.</summary>
    /// <param name="actions">What actions are.</param>
    /// <param name="branchesKey">The key of the branches.</param>
    /// <param name="continuousKey">The key of the continuous actions.</param>
    public static IEnumerable<(string Key, string Value)> Of(ActionSpec actions, string branchesKey, string continuousKey) => actions.Policy.IsOneBranch ? [] :
    [
        (branchesKey, string.Join(',', actions.BranchSizes.Select(size => size.ToString(CultureInfo.InvariantCulture)))),
        (continuousKey, actions.NumContinuousActions.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>What was written; null where that is not right.</summary>
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
