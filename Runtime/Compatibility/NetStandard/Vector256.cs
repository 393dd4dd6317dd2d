namespace NeuralPlugin;

/// <summary>Two <see cref="Vector128{T}"/> side by side, like that type for .NET Standard.</summary>
internal readonly unsafe struct Vector256<T> where T : unmanaged
{
    private readonly Vector128<T> lower, upper;

    public Vector256(Vector128<T> lower, Vector128<T> upper) => (this.lower, this.upper) = (lower, upper);

    public static int Count => 2 * Vector128<T>.Count;

    public Vector128<T> GetLower() => lower;

    public Vector128<T> GetUpper() => upper;

    public T ToScalar() => lower.ToScalar();

    public void Store(T* to) => *(Vector256<T>*)to = this;

    public static Vector256<T> operator &(Vector256<T> a, Vector256<T> b) => new(a.lower & b.lower, a.upper & b.upper);
}

/// <summary>Creates and combines <see cref="Vector256{T}"/>.</summary>
internal static unsafe class Vector256
{
    public static bool IsHardwareAccelerated => false;

    public static Vector256<T> Create<T>(Vector128<T> lower, Vector128<T> upper) where T : unmanaged => new(lower, upper);

    public static Vector256<float> Create(float value) => new(Vector128.Create(value), Vector128.Create(value));

    public static Vector256<uint> Create(uint value) => new(Vector128.Create(value), Vector128.Create(value));

    public static Vector256<T> Create<T>(T first, T second, T third, T fourth, T fifth, T sixth, T seventh, T eighth) where T : unmanaged =>
        new(Vector128.Create(first, second, third, fourth), Vector128.Create(fifth, sixth, seventh, eighth));

    public static Vector256<T> Load<T>(T* from) where T : unmanaged => *(Vector256<T>*)from;

    public static Vector256<float> AsSingle(this Vector256<uint> vector) => new(vector.GetLower().AsSingle(), vector.GetUpper().AsSingle());

    public static Vector256<T> ConditionalSelect<T>(Vector256<T> condition, Vector256<T> a, Vector256<T> b) where T : unmanaged => new(
        Vector128.ConditionalSelect(condition.GetLower(), a.GetLower(), b.GetLower()), Vector128.ConditionalSelect(condition.GetUpper(), a.GetUpper(), b.GetUpper()));

    public static Vector256<float> Equals(Vector256<float> a, Vector256<float> b) =>
        new(Vector128.Equals(a.GetLower(), b.GetLower()), Vector128.Equals(a.GetUpper(), b.GetUpper()));

    public static Vector256<uint> Equals(Vector256<uint> a, Vector256<uint> b) =>
        new(Vector128.Equals(a.GetLower(), b.GetLower()), Vector128.Equals(a.GetUpper(), b.GetUpper()));

    public static Vector256<float> GreaterThan(Vector256<float> a, Vector256<float> b) =>
        new(Vector128.GreaterThan(a.GetLower(), b.GetLower()), Vector128.GreaterThan(a.GetUpper(), b.GetUpper()));

    public static uint ExtractMostSignificantBits(this Vector256<float> vector) =>
        vector.GetLower().ExtractMostSignificantBits() | (vector.GetUpper().ExtractMostSignificantBits() << Vector128<float>.Count);

    /// <summary>Within each half, which is all that the kernels need.</summary>
    public static Vector256<float> Shuffle(Vector256<float> vector, Vector256<int> from)
    {
        Vector128<int> ofUpper = from.GetUpper();
        int half = Vector128<float>.Count;
        return new(
            Vector128.Shuffle(vector.GetLower(), from.GetLower()),
            Vector128.Shuffle(vector.GetUpper(), Vector128.Create(ofUpper[0] - half, ofUpper[1] - half, ofUpper[2] - half, ofUpper[3] - half)));
    }

    public static Vector256<float> Exp(Vector256<float> x) => new(Vector128.Exp(x.GetLower()), Vector128.Exp(x.GetUpper()));

    public static Vector256<float> MultiplyAddEstimate(Vector256<float> a, Vector256<float> b, Vector256<float> c) => (a * b) + c;
}

/// <summary>The operators of <see cref="Vector256{T}"/> that depend on the lanes' type, and its constants.</summary>
internal static class Vector256Operators
{
    extension(Vector256<float>)
    {
        public static Vector256<float> One => Vector256.Create(1f);

        public static Vector256<float> operator +(Vector256<float> a, Vector256<float> b) => new(a.GetLower() + b.GetLower(), a.GetUpper() + b.GetUpper());

        public static Vector256<float> operator -(Vector256<float> a, Vector256<float> b) => new(a.GetLower() - b.GetLower(), a.GetUpper() - b.GetUpper());

        public static Vector256<float> operator *(Vector256<float> a, Vector256<float> b) => new(a.GetLower() * b.GetLower(), a.GetUpper() * b.GetUpper());

        public static Vector256<float> operator /(Vector256<float> a, Vector256<float> b) => new(a.GetLower() / b.GetLower(), a.GetUpper() / b.GetUpper());
    }

    extension(Vector256<uint>)
    {
        public static Vector256<uint> operator +(Vector256<uint> a, Vector256<uint> b) => new(a.GetLower() + b.GetLower(), a.GetUpper() + b.GetUpper());

        public static Vector256<uint> operator >>>(Vector256<uint> a, int bits) => new(a.GetLower() >>> bits, a.GetUpper() >>> bits);
    }
}

/// <summary>Not a vector type, since nothing computes with it if it is not accelerated.</summary>
internal static class Vector512
{
    public static bool IsHardwareAccelerated => false;
}
