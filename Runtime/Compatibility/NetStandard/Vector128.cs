namespace NeuralPlugin;

/// <summary>
/// Lanes of sixteen bytes in total: the type of System.Runtime.Intrinsics, which .NET Standard lacks. Its operations are loops over the lanes, so that the
/// processor's kernels are written only once; hardware vectors are out of reach there.
/// </summary>
internal readonly unsafe struct Vector128<T> where T : unmanaged
{
    private readonly ulong lower, upper;

    private Vector128(ulong lower, ulong upper) => (this.lower, this.upper) = (lower, upper);

    public static int Count => sizeof(Vector128<T>) / sizeof(T);

    public T this[int lane]
    {
        get
        {
            Vector128<T> vector = this;
            return ((T*)&vector)[lane];
        }
    }

    public static Vector128<T> operator &(Vector128<T> a, Vector128<T> b) => new(a.lower & b.lower, a.upper & b.upper);

    public static Vector128<T> operator |(Vector128<T> a, Vector128<T> b) => new(a.lower | b.lower, a.upper | b.upper);

    public static Vector128<T> operator ~(Vector128<T> a) => new(~a.lower, ~a.upper);
}

/// <summary>Creates and combines <see cref="Vector128{T}"/>.</summary>
internal static unsafe class Vector128
{
    public static bool IsHardwareAccelerated => false;

    public static Vector128<float> Create(float value) => Create(value, value, value, value);

    public static Vector128<uint> Create(uint value) => Create(value, value, value, value);

    public static Vector128<int> Create(int value) => Create(value, value, value, value);

    public static Vector128<T> Create<T>(T first, T second, T third, T fourth) where T : unmanaged
    {
        Vector128<T> vector = default;
        T* lanes = (T*)&vector;
        (lanes[0], lanes[1], lanes[2], lanes[3]) = (first, second, third, fourth);
        return vector;
    }

    public static Vector128<T> CreateScalarUnsafe<T>(T value) where T : unmanaged
    {
        Vector128<T> vector = default;
        *(T*)&vector = value;
        return vector;
    }

    public static Vector128<T> Load<T>(T* from) where T : unmanaged => *(Vector128<T>*)from;

    public static void Store<T>(this Vector128<T> vector, T* to) where T : unmanaged => *(Vector128<T>*)to = vector;

    public static T ToScalar<T>(this Vector128<T> vector) where T : unmanaged => *(T*)&vector;

    public static Vector128<T> WithElement<T>(this Vector128<T> vector, int lane, T value) where T : unmanaged
    {
        ((T*)&vector)[lane] = value;
        return vector;
    }

    public static Vector128<float> AsSingle<T>(this Vector128<T> vector) where T : unmanaged => *(Vector128<float>*)&vector;

    public static Vector128<int> AsInt32<T>(this Vector128<T> vector) where T : unmanaged => *(Vector128<int>*)&vector;

    public static Vector128<byte> AsByte<T>(this Vector128<T> vector) where T : unmanaged => *(Vector128<byte>*)&vector;

    public static Vector128<T> ConditionalSelect<T>(Vector128<T> condition, Vector128<T> a, Vector128<T> b) where T : unmanaged => (condition & a) | (~condition & b);

    public static Vector128<float> Equals(Vector128<float> a, Vector128<float> b) => Mask(a[0] == b[0], a[1] == b[1], a[2] == b[2], a[3] == b[3]).AsSingle();

    public static Vector128<int> Equals(Vector128<int> a, Vector128<int> b) => Mask(a[0] == b[0], a[1] == b[1], a[2] == b[2], a[3] == b[3]);

    public static Vector128<uint> Equals(Vector128<uint> a, Vector128<uint> b)
    {
        Vector128<int> mask = Equals(a.AsInt32(), b.AsInt32());
        return *(Vector128<uint>*)&mask;
    }

    public static Vector128<float> LessThan(Vector128<float> a, Vector128<float> b) => Mask(a[0] < b[0], a[1] < b[1], a[2] < b[2], a[3] < b[3]).AsSingle();

    public static Vector128<int> LessThan(Vector128<int> a, Vector128<int> b) => Mask(a[0] < b[0], a[1] < b[1], a[2] < b[2], a[3] < b[3]);

    public static Vector128<float> GreaterThan(Vector128<float> a, Vector128<float> b) => LessThan(b, a);

    /// <summary>In pairs, the order in which hardware vectors are summed.</summary>
    public static float Sum(Vector128<float> vector) => (vector[0] + vector[1]) + (vector[2] + vector[3]);

    public static uint ExtractMostSignificantBits(this Vector128<float> vector)
    {
        Vector128<int> bits = vector.AsInt32();
        return (bits[0] < 0 ? 1u : 0) | (bits[1] < 0 ? 2u : 0) | (bits[2] < 0 ? 4u : 0) | (bits[3] < 0 ? 8u : 0);
    }

    public static Vector128<float> Shuffle(Vector128<float> vector, Vector128<int> from) => Create(vector[from[0]], vector[from[1]], vector[from[2]], vector[from[3]]);

    public static Vector128<float> Exp(Vector128<float> x) => Create(MathF.Exp(x[0]), MathF.Exp(x[1]), MathF.Exp(x[2]), MathF.Exp(x[3]));

    public static Vector128<float> ConvertToSingle(Vector128<int> x) => Create((float)x[0], (float)x[1], (float)x[2], (float)x[3]);

    public static Vector128<ushort> WidenLower(Vector128<byte> bytes) => Widen((byte*)&bytes);

    public static Vector128<ushort> WidenUpper(Vector128<byte> bytes) => Widen((byte*)&bytes + 8);

    public static Vector128<uint> WidenLower(Vector128<ushort> values) => Create<uint>(values[0], values[1], values[2], values[3]);

    public static Vector128<uint> WidenUpper(Vector128<ushort> values) => Create<uint>(values[4], values[5], values[6], values[7]);

    private static Vector128<ushort> Widen(byte* bytes)
    {
        Vector128<ushort> vector = default;
        for (int lane = 0; lane < 8; lane++) ((ushort*)&vector)[lane] = bytes[lane];
        return vector;
    }

    private static Vector128<int> Mask(bool first, bool second, bool third, bool fourth) => Create(first ? -1 : 0, second ? -1 : 0, third ? -1 : 0, fourth ? -1 : 0);
}

/// <summary>The operators of <see cref="Vector128{T}"/> that depend on the lanes' type, and its constants.</summary>
internal static unsafe class Vector128Operators
{
    extension(Vector128<float>)
    {
        public static Vector128<float> One => Vector128.Create(1f);

        public static Vector128<float> operator +(Vector128<float> a, Vector128<float> b) => Vector128.Create(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]);

        public static Vector128<float> operator -(Vector128<float> a, Vector128<float> b) => Vector128.Create(a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]);

        public static Vector128<float> operator *(Vector128<float> a, Vector128<float> b) => Vector128.Create(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]);

        public static Vector128<float> operator *(float a, Vector128<float> b) => Vector128.Create(a) * b;

        public static Vector128<float> operator /(Vector128<float> a, Vector128<float> b) => Vector128.Create(a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]);

        public static Vector128<float> operator /(Vector128<float> a, float b) => a / Vector128.Create(b);
    }

    extension(Vector128<uint>)
    {
        public static Vector128<uint> operator +(Vector128<uint> a, Vector128<uint> b) => Vector128.Create(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]);

        public static Vector128<uint> operator >>>(Vector128<uint> a, int bits) => Vector128.Create(a[0] >> bits, a[1] >> bits, a[2] >> bits, a[3] >> bits);
    }

    extension(Vector128<int>)
    {
        /// <summary>The index of each lane.</summary>
        public static Vector128<int> Indices => Vector128.Create(0, 1, 2, 3);
    }
}
