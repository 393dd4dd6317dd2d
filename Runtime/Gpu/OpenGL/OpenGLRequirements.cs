using System.Globalization;
using Silk.NET.OpenGL;

namespace NeuralPlugin;

/// <summary>The requirements of a device on an OpenGL context.</summary>
internal static class OpenGLRequirements
{
    public static ContextIdentity RequireCurrentContext()
    {
        return ContextIdentity.OfThisThread() ?? throw new WrongContextException(
            "No OpenGL context is current on this thread. Make the game's context current before attaching " +
            "(in Silk.NET: from the window's Load event on, on the window's thread).");
    }

    /// <param name="gl">The current context.</param>
    /// <param name="advice">What to do if it does not suffice.</param>
    /// <exception cref="DeviceNotSupportedException">It is OpenGL ES, older than OpenGL 4.3, or has no compute shaders.</exception>
    public static void RequireComputeShaders(GL gl, string advice)
    {
        string version = gl.GetStringS(StringName.Version) ?? "";
        string renderer = gl.GetStringS(StringName.Renderer) ?? "";
        string found = $"Found: OpenGL {version} on {renderer}. Needed: OpenGL 4.3 with compute shaders.";
        if (version.StartsWith("OpenGL ES", StringComparison.Ordinal))
            throw new DeviceNotSupportedException($"{found} This is OpenGL ES, which has no buffer textures of this kind. {advice}");
        string[] numbers = version.Split(' ', 2)[0].Split('.');
        bool read = numbers.Length >= 2 &
            int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) &
            int.TryParse(numbers.ElementAtOrDefault(1), NumberStyles.None, CultureInfo.InvariantCulture, out int minor);
        if (!read || (major, minor).CompareTo((4, 3)) < 0)
            throw new DeviceNotSupportedException($"{found} (macOS supports only 4.1.) {advice}");
        if (!gl.Context.TryGetProcAddress("glDispatchCompute", out _))
            throw new DeviceNotSupportedException($"{found} The driver has no glDispatchCompute. {advice}");
    }
}
