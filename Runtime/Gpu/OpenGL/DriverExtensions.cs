using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The extensions that a context's driver lists.</summary>
internal sealed class DriverExtensions
{
    private readonly HashSet<string> names = [];
    private readonly (int Major, int Minor) version;

    public DriverExtensions(GL gl)
    {
        version = (gl.GetInteger(GetPName.MajorVersion), gl.GetInteger(GetPName.MinorVersion));
        int count = gl.GetInteger(GetPName.NumExtensions);
        for (uint i = 0; i < count; i++) names.Add(gl.GetStringS(StringName.Extensions, i));
    }

    /// <summary>Whether the driver compiles on threads of its own, and tells when it is done. Source: KHR_parallel_shader_compile and ARB_parallel_shader_compile, which share their one token.</summary>
    public bool HasParallelCompilation => Has("GL_KHR_parallel_shader_compile") || Has("GL_ARB_parallel_shader_compile");

    public bool Has(string name) => names.Contains(name);

    /// <summary>The same for an extension that is part of OpenGL itself since a version; the driver need not list it.</summary>
    public bool Has(string name, int sinceMajor, int sinceMinor) => version.CompareTo((sinceMajor, sinceMinor)) >= 0 || Has(name);
}
