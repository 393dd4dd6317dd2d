using Silk.NET.Maths;
using Silk.NET.OpenGL;
using Silk.NET.Windowing;
using static System.FormattableString;

namespace NeuralPlugin.Samples;

/// <summary>Runs a scene in a window, whose context the scene's device is attached to.</summary>
internal sealed class WindowHost : ISceneHost
{
    public string? DefaultOutFolder(string scene) => null;

    public int? DefaultFrames(int sceneFrames) => null;

    public void Run(string name, IScene scene, SceneOptions options)
    {
        var settings = WindowOptions.Default;
        settings.Title = $"NeuralPlugin: {name}";
        settings.Size = new Vector2D<int>(Screen.Width, Screen.Height);
        settings.API = new GraphicsAPI(ContextAPI.OpenGL, ContextProfile.Core, ContextFlags.ForwardCompatible, new APIVersion(4, 3));
        using var window = Silk.NET.Windowing.Window.Create(settings);
        SceneContext? context = null;
        GlfwInput? input = null;
        window.Load += () =>
        {
            var gl = GL.GetApi(window);
            input = GlfwInput.Of(window);
            context = new SceneContext(DeviceOption.Open(options.Device, gl), gl, options) { Keyboard = input };
            Console.WriteLine(Invariant($"{name}: {options.Budget}, seed {options.Seed}, on {context.Device.Renderer}"));
            scene.Load(context);
        };
        window.Render += _ => RunFrame(name, window, scene, context!, input);
        window.Closing += () =>
        {
            if (context is null) return;
            Report(scene, context.Statistics);
            scene.Dispose();
            context.Device.Dispose();
        };
        window.Run();
    }

    private static void RunFrame(string name, IWindow window, IScene scene, SceneContext context, GlfwInput? input)
    {
        // A frame lasts until the next one begins: so its time counts showing it, and waiting for the screen.
        if (context.IsFrameOpen) context.EndFrame();
        if (context.Frame == context.Options.Frames)
        {
            window.Close();
            return;
        }

        context.Click = input?.TakeClick() ?? (context.Frame == 0 ? context.Options.Click : null);
        context.BeginFrame();
        scene.Update();
        var gl = context.Gl;
        var size = window.FramebufferSize;
        gl.BindFramebuffer(FramebufferTarget.Framebuffer, 0);
        gl.Viewport(0, 0, (uint)size.X, (uint)size.Y);
        gl.ClearColor(1, 1, 1, 1);
        gl.Clear(ClearBufferMask.ColorBufferBit);
        var scale = Math.Min(size.X / (double)Screen.Width, size.Y / (double)Screen.Height);
        var (width, height) = ((int)(scale * Screen.Width), (int)(scale * Screen.Height));
        gl.Viewport((size.X - width) / 2, (size.Y - height) / 2, (uint)width, (uint)height);
        scene.Render();
        if (context.Options.OutFolder is { } folder && context.Options.IsPictured(context.Frame)) TakePicture(name, gl, size, folder, context.Frame);
    }

    private static void TakePicture(string name, GL gl, Vector2D<int> size, string folder, int frame)
    {
        using var picture = FramePicture.Read(gl, size.X, size.Y);
        using var pixels = picture.PeekPixels();
        OutputFile.Prepare(folder, Invariant($"{name}-{frame + 1:D5}.png")).Write(FramePicture.ToPng(pixels));
    }

    private static void Report(IScene scene, FrameStatistics statistics)
    {
        foreach (var figure in scene.Figures) Console.WriteLine(figure);
        if (scene.Times.Length > 0) Console.WriteLine(scene.Times);
        if (statistics.Count > 0) Console.WriteLine(statistics);
    }
}
