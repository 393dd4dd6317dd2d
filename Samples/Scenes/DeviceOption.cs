using System.CommandLine;

namespace NeuralPlugin.Samples;

/// <summary>What networks live on: OpenGL, the processor, or what <see cref="NeuralDevice.Create"/> takes.</summary>
internal static class DeviceOption
{
    public const string Name = "--device";
    public const string OpenGL = "opengl";
    public const string Processor = "processor";
    public const string Auto = "auto";

    public static Option<string> Create()
    {
        Option<string> option = new(Name) { Description = "What networks learn on: opengl, processor, or auto for a graphics card where there is one", DefaultValueFactory = _ => OpenGL };
        return option.AcceptOnlyFromAmong(OpenGL, Processor, Auto);
    }

    /// <summary>A device of its own, without a window.</summary>
    public static NeuralDevice Open(string? device) => device switch
    {
        Processor => NeuralDevice.CreateOnProcessor(),
        Auto => NeuralDevice.Create(),
        _ => NeuralDevice.CreateHeadless(),
    };
}
