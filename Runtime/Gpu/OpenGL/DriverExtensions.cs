using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The extensions that a context's driver names.</summary>
internal sealed class DriverExtensions
{
    private readonly HashSet<string> names = [];

    public DriverExtensions(GL gl)
    {
        int count = gl.GetInteger(GetPName.NumExtensions);
        for (uint i = 0; i < count; i++) names.Add(gl.GetStringS(StringName.Extensions, i));
    }

    public bool Has(string name) => names.Contains(name);
}
