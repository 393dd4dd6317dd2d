namespace NeuralPlugin.Samples;

/// <summary>Where a scene runs: a window, or a framebuffer without one.</summary>
internal interface ISceneHost
{
    /// <summary>The default folder for pictures; null for none.</summary>
    string? DefaultOutFolder(string scene);

    /// <summary>The default number of a scene's frames; null to run until it is closed.</summary>
    int? DefaultFrames(int sceneFrames);

    /// <summary>Loads the scene, runs its frames, writes the pictures and reports; disposes the scene.</summary>
    /// <exception cref="UserErrorException">The folder for the pictures cannot be written to.</exception>
    /// <exception cref="DeviceNotSupportedException">No device can run the shaders.</exception>
    void Run(string name, IScene scene, SceneOptions options);
}
