using System.Runtime.ExceptionServices;

namespace NeuralPlugin;

/// <summary>A kernel for the thread to compile, before a dispatch first runs.</summary>
internal sealed class CompileRequest(RecordedKernel kernel)
{
    private ExceptionDispatchInfo? failure;
    private volatile bool isDone;

    public RecordedKernel Kernel => kernel;

    public KernelSource Program => kernel.Copy.Program;

    public bool IsDone => isDone;

    /// <summary>Called on the thread when the driver has compiled it.</summary>
    public void Finish(IComputeBackend backend)
    {
        try
        {
            kernel.Resolve(backend);
        }
        catch (DeviceNotSupportedException rejected)
        {
            failure = ExceptionDispatchInfo.Capture(rejected);
        }

        isDone = true;
    }

    /// <exception cref="DeviceNotSupportedException">The driver rejected it.</exception>
    public void RequireSuccess() => failure?.Throw();
}

/// <summary>
/// What the calls of a <see cref="BackgroundBackend"/> know of the thread's kernels. A kernel that was compiled once is available without waiting: the thread
/// looks it up when it first runs.
/// </summary>
internal sealed class KernelsOverThere
{
    /// <summary>The names that are kept: many times those of a game. A request for a kernel beyond them waits a moment, as for a new one.</summary>
    private const int MostNames = 2048;

    private readonly HashSet<string> compiled = [];
    private readonly Dictionary<string, CompileRequest> requests = [];

    /// <summary>A kernel for the thread to compile; null if it was already requested.</summary>
    public CompileRequest? Request(Dispatch dispatch)
    {
        string key = dispatch.Program.Key;
        if (compiled.Contains(key) || requests.ContainsKey(key)) return null;
        CompileRequest request = new(new RecordedKernel(dispatch));
        requests.Add(key, request);
        return request;
    }

    public bool IsCompiled(KernelSource program)
    {
        string key = program.Key;
        return compiled.Contains(key) || (requests.TryGetValue(key, out CompileRequest? request) && request.IsDone);
    }

    /// <summary>The kernel of a dispatch, if it is available without waiting.</summary>
    /// <exception cref="DeviceNotSupportedException">The driver rejected it.</exception>
    public RecordedKernel? Find(Dispatch dispatch)
    {
        string key = dispatch.Program.Key;
        if (compiled.Contains(key)) return new RecordedKernel(dispatch);
        if (!requests.TryGetValue(key, out CompileRequest? request) || !request.IsDone) return null;
        requests.Remove(key);
        request.RequireSuccess();
        Add(key);
        return request.Kernel.Source == dispatch ? request.Kernel : new RecordedKernel(dispatch);
    }

    /// <summary>Adds a kernel that was compiled while the call waited.</summary>
    public void Add(string key)
    {
        if (compiled.Count == MostNames) compiled.Clear();
        compiled.Add(key);
    }
}
