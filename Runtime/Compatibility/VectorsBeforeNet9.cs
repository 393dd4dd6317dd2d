using System.Numerics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace NeuralPlugin;

/// <summary>The vector operations that .NET 9 added, for .NET 8.</summary>
internal static class VectorsBeforeNet9
{
    private static bool HasFusedMultiplyAdd => Fma.IsSupported || AdvSimd.IsSupported;

    extension(float)
    {
        /// <summary>a · b + c, rounded once if the machine has an instruction for it, and thus with the same bits as the vectors.</summary>
        public static float MultiplyAddEstimate(float a, float b, float c) => HasFusedMultiplyAdd ? MathF.FusedMultiplyAdd(a, b, c) : (a * b) + c;
    }

    extension(Vector128)
    {
        public static Vector128<float> MultiplyAddEstimate(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
            Fma.IsSupported ? Fma.MultiplyAdd(a, b, c) : AdvSimd.IsSupported ? AdvSimd.FusedMultiplyAdd(c, a, b) : (a * b) + c;

        /// <summary>eˣ of each lane, to within about two units in the last place.</summary>
        /// <remarks>
        /// x = n · ln 2 + r with an integer n and |r| ≤ ln 2 / 2, so eˣ = 2ⁿ · eʳ; eight terms of the Taylor series for eʳ are enough for 24 bits. The power
        /// is two factors, since a subnormal result needs an n that no single one has. A NaN stays NaN.
        /// </remarks>
        public static Vector128<float> Exp(Vector128<float> x)
        {
            const float Lowest = -104, Highest = 89;   // beyond these, the result is zero or infinity
            x = Vector128.ConditionalSelect(Vector128.LessThan(x, Vector128.Create(Lowest)), Vector128.Create(Lowest), x);
            x = Vector128.ConditionalSelect(Vector128.GreaterThan(x, Vector128.Create(Highest)), Vector128.Create(Highest), x);
            Vector128<float> n = Vector128.Floor((x * Vector128.Create(1.44269504f)) + Vector128.Create(0.5f));
            // ln 2 in two parts; the first has so few bits that its product with n is exact.
            Vector128<float> r = x - (n * Vector128.Create(0.693359375f)) - (n * Vector128.Create(-2.12194440e-4f));
            Vector128<float> power = Vector128.Create(1f / 5040);
            power = MultiplyAddEstimate(power, r, Vector128.Create(1f / 720));
            power = MultiplyAddEstimate(power, r, Vector128.Create(1f / 120));
            power = MultiplyAddEstimate(power, r, Vector128.Create(1f / 24));
            power = MultiplyAddEstimate(power, r, Vector128.Create(1f / 6));
            power = MultiplyAddEstimate(power, r, Vector128.Create(1f / 2));
            power = MultiplyAddEstimate(power, r, Vector128<float>.One);
            power = MultiplyAddEstimate(power, r, Vector128<float>.One);
            Vector128<int> whole = Vector128.ConvertToInt32(n), half = whole >> 1;
            return power * PowerOfTwo(half) * PowerOfTwo(whole - half);
        }
    }

    extension(Vector128<int>)
    {
        /// <summary>The index of each lane.</summary>
        public static Vector128<int> Indices => Vector128.Create(0, 1, 2, 3);
    }

    extension(Vector256)
    {
        public static Vector256<float> MultiplyAddEstimate(Vector256<float> a, Vector256<float> b, Vector256<float> c) => Fma.IsSupported ? Fma.MultiplyAdd(a, b, c)
            : Vector256.Create(Vector128.MultiplyAddEstimate(a.GetLower(), b.GetLower(), c.GetLower()), Vector128.MultiplyAddEstimate(a.GetUpper(), b.GetUpper(), c.GetUpper()));

        public static Vector256<float> Exp(Vector256<float> x) => Vector256.Create(Vector128.Exp(x.GetLower()), Vector128.Exp(x.GetUpper()));
    }

    extension(Vector512)
    {
        public static Vector512<float> MultiplyAddEstimate(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Avx512F.IsSupported ? Avx512F.FusedMultiplyAdd(a, b, c)
            : Vector512.Create(Vector256.MultiplyAddEstimate(a.GetLower(), b.GetLower(), c.GetLower()), Vector256.MultiplyAddEstimate(a.GetUpper(), b.GetUpper(), c.GetUpper()));
    }

    extension(Vector)
    {
        public static Vector<float> Create(float value) => new(value);

        public static Vector<float> Create(ReadOnlySpan<float> values) => new(values);

        public static Vector<float> Exp(Vector<float> x) =>
            Vector<float>.Count == Vector256<float>.Count ? Vector256.Exp(x.AsVector256()).AsVector() : Vector128.Exp(x.AsVector128()).AsVector();
    }

    private static Vector128<float> PowerOfTwo(Vector128<int> exponent) => ((exponent + Vector128.Create(127)) << 23).AsSingle();
}
