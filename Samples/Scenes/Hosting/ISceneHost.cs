namespace NeuralPlugin.Samples;

/// <summary>Where a scene runs: a window, or a framebuffer without one.</summary>
internal interface ISceneHost
{
    /// <summary>Where pictures go when nothing is said; null for nowhere.</summary>
    string? DefaultOutFolder(string scene);

    /// <summary>Frames of a scene when nothing is said; null until it is closed.</summary>
    int? DefaultFrames(int sceneFrames);

    /// <summary>Loads the scene, runs its frames, writes the pictures and reports; disposes the scene.</summary>
    /// <exception cref="UserErrorException">The folder for the pictures cannot be written to.</exception>
    /// <exception cref="DeviceNotSupportedException">There is no device that runs the shaders.</exception>
    void Run(string name, IScene scene, SceneOptions options);
}
