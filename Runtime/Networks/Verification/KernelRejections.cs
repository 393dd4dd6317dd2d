namespace NeuralPlugin;

/// <summary>Compiles the kernels that are checked, and keeps what the driver said of those that it rejected, so that nobody waits for one of a family a second time.</summary>
internal sealed class KernelRejections(NeuralDevice device)
{
    private readonly Dictionary<string, string> messages = [];

    /// <summary>Gets a dispatch ready to run; null if the driver accepts its kernel, otherwise the check that says that it does not.</summary>
    /// <param name="dispatch">The dispatch.</param>
    /// <param name="family">The name of its kernel family.</param>
    /// <param name="case_">What it belongs to.</param>
    /// <param name="isUsed">Whether networks use it without a tuning.</param>
    public KernelCheck? Compile(Dispatch dispatch, string family, string case_, bool isUsed = true)
    {
        string key = dispatch.Program.Key;
        if (!messages.ContainsKey(key))
        {
            try
            {
                device.Compile(dispatch);
                return null;
            }
            catch (DeviceNotSupportedException rejected)
            {
                messages.Add(key, rejected.Message);
            }
        }

        return new KernelCheck(family, dispatch.Source.FileName, case_, double.PositiveInfinity) { Rejection = messages[key], IsUsed = isUsed };
    }
}
