namespace NeuralPlugin;

/// <summary>What a device holds at this moment, counted as OpenGL objects that exist.</summary>
/// <param name="Textures">Live textures.</param>
/// <param name="Buffers">Live buffers.</param>
/// <param name="Programs">Live programs: one for each compiled kernel variant, kept until the device is disposed.</param>
/// <param name="Bytes">Bytes of all live textures and buffers together, as asked for: 16 a texel, 4 where a training set holds bytes.</param>
public readonly record struct DeviceMemory(int Textures, int Buffers, int Programs, long Bytes);
