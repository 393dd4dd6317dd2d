namespace NeuralPlugin;

/// <summary>A device's current memory use, counted as existing OpenGL objects.</summary>
/// <param name="Textures">Live textures: one per matrix, through which kernels read it.</param>
/// <param name="Buffers">Live buffers: one per matrix, plus those of readbacks.</param>
/// <param name="Programs">Live programs: one per compiled kernel variant. Those in use are kept, and of the others the most recently requested.</param>
/// <param name="Bytes">Total bytes of all live matrices and readbacks, as requested: 16 per texel, or 4 for features stored as bytes.</param>
public readonly record struct DeviceMemory(int Textures, int Buffers, int Programs, long Bytes);
