namespace NeuralPlugin.Samples;

/// <summary>The keys that a scene knows.</summary>
internal enum SceneKey
{
    /// <summary>The left arrow.</summary>
    Left,

    /// <summary>The right arrow.</summary>
    Right,

    /// <summary>The down arrow.</summary>
    Brake,

    /// <summary>Space: the ghost drives alone, or the player drives again.</summary>
    HandOver,

    /// <summary>P.</summary>
    Pause,

    /// <summary>S.</summary>
    Save,

    /// <summary>L.</summary>
    Load,
}

/// <summary>The keys that are down.</summary>
internal interface IKeyboard
{
    bool IsDown(SceneKey key);

    /// <summary>Call it once per frame, before the scene queries keys.</summary>
    void NextFrame()
    {
    }
}
