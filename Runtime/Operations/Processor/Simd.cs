namespace NeuralPlugin;

/// <summary>
/// A vector of floats of one width, so that the products are written once for all widths. Each lane is a column of a result, and no sum crosses
/// lanes, so the width changes no bit.
/// </summary>
internal unsafe interface ISimd<TVector> where TVector : unmanaged
{
    /// <summary>Floats of a vector.</summary>
    static abstract int Width { get; }

    static abstract TVector Load(float* from);

    static abstract void Store(TVector vector, float* to);

    static abstract TVector Broadcast(float* value);

    /// <summary>a · b + sum, rounded once if the machine can.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector sum);

    /// <summary>x, or 0 if x is below zero. A NaN stays NaN.</summary>
    static abstract TVector Rectify(TVector x);

    /// <summary>The value if the other one is above zero, else 0.</summary>
    static abstract TVector WherePositive(TVector value, TVector other);
}

/// <summary>AVX-512.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    public static int Width => Vector512<float>.Count;

    public static Vector512<float> Load(float* from) => Vector512.Load(from);

    public static void Store(Vector512<float> vector, float* to) => vector.Store(to);

    public static Vector512<float> Broadcast(float* value) => Vector512.Create(*value);

    public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.MultiplyAddEstimate(a, b, sum);

    public static Vector512<float> Rectify(Vector512<float> x) => Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);

    public static Vector512<float> WherePositive(Vector512<float> value, Vector512<float> other) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(other, Vector512<float>.Zero), value, Vector512<float>.Zero);
}

/// <summary>AVX2.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    public static int Width => Vector256<float>.Count;

    public static Vector256<float> Load(float* from) => Vector256.Load(from);

    public static void Store(Vector256<float> vector, float* to) => vector.Store(to);

    public static Vector256<float> Broadcast(float* value) => Vector256.Create(*value);

    public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.MultiplyAddEstimate(a, b, sum);

    public static Vector256<float> Rectify(Vector256<float> x) => Vector256.ConditionalSelect(Vector256.LessThan(x, Vector256<float>.Zero), Vector256<float>.Zero, x);

    public static Vector256<float> WherePositive(Vector256<float> value, Vector256<float> other) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(other, Vector256<float>.Zero), value, Vector256<float>.Zero);
}

/// <summary>Neon on Arm, SSE.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    public static int Width => Vector128<float>.Count;

    public static Vector128<float> Load(float* from) => Vector128.Load(from);

    public static void Store(Vector128<float> vector, float* to) => vector.Store(to);

    public static Vector128<float> Broadcast(float* value) => Vector128.Create(*value);

    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> sum) => Vector128.MultiplyAddEstimate(a, b, sum);

    public static Vector128<float> Rectify(Vector128<float> x) => Vector128.ConditionalSelect(Vector128.LessThan(x, Vector128<float>.Zero), Vector128<float>.Zero, x);

    public static Vector128<float> WherePositive(Vector128<float> value, Vector128<float> other) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(other, Vector128<float>.Zero), value, Vector128<float>.Zero);
}

/// <summary>For machines without vectors: correct everywhere.</summary>
internal readonly unsafe struct SimdNone : ISimd<float>
{
    public static int Width => 1;

    public static float Load(float* from) => *from;

    public static void Store(float vector, float* to) => *to = vector;

    public static float Broadcast(float* value) => *value;

    public static float MultiplyAdd(float a, float b, float sum) => float.MultiplyAddEstimate(a, b, sum);

    public static float Rectify(float x) => x < 0 ? 0 : x;

    public static float WherePositive(float value, float other) => other > 0 ? value : 0;
}
