using Silk.NET.OpenGL;

namespace NeuralPlugin.Tests;

/// <summary>A conditional render of the host, on a query that no sample passed: until it is disposed, the driver skips dispatches.</summary>
internal sealed class HostConditionalRender : IDisposable
{
    private readonly GL host;
    private readonly uint query;

    public HostConditionalRender(TestGl gl)
    {
        host = GL.GetApi(gl.Host);
        query = host.GenQuery();
        host.BeginQuery(QueryTarget.SamplesPassed, query);
        host.EndQuery(QueryTarget.SamplesPassed);
        host.BeginConditionalRender(query, ConditionalRenderMode.Wait);
    }

    public void Dispose()
    {
        host.EndConditionalRender();
        host.DeleteQuery(query);
    }
}
