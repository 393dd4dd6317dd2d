using System.CommandLine;
using Silk.NET.OpenGL;

namespace NeuralPlugin.Samples;

/// <summary>The device of the networks: OpenGL, the processor, or the choice of <see cref="NeuralDevice.Create"/>.</summary>
internal static class DeviceOption
{
    public const string Name = "--device";
    public const string OpenGL = "opengl";
    public const string Processor = "processor";
    public const string Auto = "auto";

    public static Option<string> Create()
    {
        Option<string> option = new(Name) { Description = "The device on which networks learn: opengl, processor, or auto for a graphics card if there is one", DefaultValueFactory = _ => OpenGL };
        return option.AcceptOnlyFromAmong(OpenGL, Processor, Auto);
    }

    /// <summary>A separate device, without a window.</summary>
    public static NeuralDevice Open(string? device) => device switch
    {
        Processor => NeuralDevice.CreateOnProcessor(),
        Auto => NeuralDevice.Create(),
        _ => NeuralDevice.CreateHeadless(),
    };

    /// <summary>Its description, for a line above the output of everything that runs on it.</summary>
    public static string NameOf(string device)
    {
        using NeuralDevice opened = Open(device);
        return opened.Renderer;
    }

    /// <summary>A device for a scene that draws in the current context.</summary>
    public static NeuralDevice Open(string device, GL gl) => device switch
    {
        Processor => NeuralDevice.CreateOnProcessor(),
        Auto => OpenWhereACardDraws(gl),
        _ => NeuralDevice.Attach(gl),
    };

    private static NeuralDevice OpenWhereACardDraws(GL gl)
    {
        try
        {
            NeuralDevice attached = NeuralDevice.Attach(gl);
            if (!attached.IsSoftware) return attached;
            attached.Dispose();
        }
        catch (DeviceNotSupportedException)
        {
            // a context without compute shaders; the processor is the fallback
        }

        return NeuralDevice.CreateOnProcessor();
    }
}
