using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NeuralPlugin;

/// <summary>Members of <see cref="Vector{T}"/> that .NET Standard's lacks.</summary>
internal static unsafe class Vectors
{
    extension(Vector)
    {
        public static Vector<float> Create(float value) => new(value);

        public static Vector<float> Create(ReadOnlySpan<float> values) =>
            values.Length >= Vector<float>.Count ? MemoryMarshal.Read<Vector<float>>(MemoryMarshal.AsBytes(values)) : throw new ArgumentException("The span is shorter than the vector.", nameof(values));

        public static Vector<T> Load<T>(T* from) where T : unmanaged => Unsafe.ReadUnaligned<Vector<T>>(from);

        public static Vector<T> LoadUnsafe<T>(ref T from, nuint offset) where T : unmanaged =>
            Unsafe.ReadUnaligned<Vector<T>>(ref Unsafe.As<T, byte>(ref Unsafe.Add(ref from, (nint)offset)));

        public static void Store<T>(Vector<T> vector, T* to) where T : unmanaged => Unsafe.WriteUnaligned(to, vector);

        public static Vector<float> Exp(Vector<float> x)
        {
            for (int lane = 0; lane < Vector<float>.Count; lane++)
            {
                ref float value = ref Unsafe.Add(ref Unsafe.As<Vector<float>, float>(ref x), lane);
                value = MathF.Exp(value);
            }

            return x;
        }
    }

    public static void CopyTo(this Vector<float> vector, Span<float> to)
    {
        if (to.Length < Vector<float>.Count) throw new ArgumentException("The span is shorter than the vector.", nameof(to));
        MemoryMarshal.Write(MemoryMarshal.AsBytes(to), ref vector);
    }

    public static void StoreUnsafe<T>(this Vector<T> vector, ref T to, nuint offset) where T : unmanaged =>
        Unsafe.WriteUnaligned(ref Unsafe.As<T, byte>(ref Unsafe.Add(ref to, (nint)offset)), vector);
}
