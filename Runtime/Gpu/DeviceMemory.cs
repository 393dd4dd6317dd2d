namespace NeuralPlugin;

/// <summary>What a device holds at this moment, counted as OpenGL objects that exist.</summary>
/// <param name="Textures">Live textures: one for each matrix, through which kernels read it.</param>
/// <param name="Buffers">Live buffers: one for each matrix, and those that readbacks go through.</param>
/// <param name="Programs">Live programs: one for each compiled kernel variant, kept until the device is disposed.</param>
/// <param name="Bytes">Bytes of all live matrices and readbacks together, as asked for: 16 a texel, 4 where features are kept as bytes.</param>
public readonly record struct DeviceMemory(int Textures, int Buffers, int Programs, long Bytes);
