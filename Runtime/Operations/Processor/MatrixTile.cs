using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;

namespace NeuralPlugin;

/// <summary>
/// Tiles of C [rows × columns] = start + A · B in registers: up to six rows by one or two vectors of columns, twelve concurrent sums, along the
/// shared dimension of A and B. Each element is one chain of multiply-adds, in order from its start, whatever the tile and the vector's width.
/// </summary>
/// <remarks>
/// An element of A is broadcast: that of row r is at a[r] + k · aStep. B is a panel with a row every bStride values. With fewer rows than a tile has,
/// the last one is computed again and not stored.
/// </remarks>
internal static unsafe class MatrixTile<TVector, TSimd>
    where TVector : unmanaged
    where TSimd : struct, ISimd<TVector>
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>Rows of a tall tile.</summary>
    public const int TallRows = 12;

    /// <summary>Rows of a large tile.</summary>
    public const int LargeRows = 8;

    /// <summary>Whether the sums of a large tile fit into the machine's registers.</summary>
    public static bool HasLarge => typeof(TVector) == typeof(Vector512<float>) || AdvSimd.Arm64.IsSupported;

    /// <summary>Columns of a tile of two vectors.</summary>
    public static int Columns => 2 * TSimd.Width;

    /// <summary>Columns of a tile of one vector.</summary>
    public static int NarrowColumns => TSimd.Width;

    /// <summary>Six rows by two vectors.</summary>
    /// <param name="a">Six pointers.</param>
    /// <param name="aStep">The distance between elements of a row of A.</param>
    /// <param name="b">The panel.</param>
    /// <param name="bStride">The distance between its rows.</param>
    /// <param name="depth">Terms of each sum.</param>
    /// <param name="start">The start values of the sums.</param>
    /// <param name="startStride">The distance between rows of the start values.</param>
    /// <param name="c">The result.</param>
    /// <param name="cStride">The distance between rows of the result.</param>
    /// <param name="rows">The number of rows to store, 1 to 6.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Wide(float** a, nint aStep, float* b, nint bStride, int depth, float* start, nint startStride, float* c, nint cStride, int rows)
    {
        int width = TSimd.Width;
        float* a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5];
        TVector c00 = TSimd.Load(start), c01 = TSimd.Load(start + width);
        if (rows > 1) start += startStride;
        TVector c10 = TSimd.Load(start), c11 = TSimd.Load(start + width);
        if (rows > 2) start += startStride;
        TVector c20 = TSimd.Load(start), c21 = TSimd.Load(start + width);
        if (rows > 3) start += startStride;
        TVector c30 = TSimd.Load(start), c31 = TSimd.Load(start + width);
        if (rows > 4) start += startStride;
        TVector c40 = TSimd.Load(start), c41 = TSimd.Load(start + width);
        if (rows > 5) start += startStride;
        TVector c50 = TSimd.Load(start), c51 = TSimd.Load(start + width);
        nint at = 0;
        for (int k = 0; k < depth; k++)
        {
            TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + width);
            TVector v = TSimd.Broadcast(a0 + at);
            c00 = TSimd.MultiplyAdd(v, b0, c00);
            c01 = TSimd.MultiplyAdd(v, b1, c01);
            v = TSimd.Broadcast(a1 + at);
            c10 = TSimd.MultiplyAdd(v, b0, c10);
            c11 = TSimd.MultiplyAdd(v, b1, c11);
            v = TSimd.Broadcast(a2 + at);
            c20 = TSimd.MultiplyAdd(v, b0, c20);
            c21 = TSimd.MultiplyAdd(v, b1, c21);
            v = TSimd.Broadcast(a3 + at);
            c30 = TSimd.MultiplyAdd(v, b0, c30);
            c31 = TSimd.MultiplyAdd(v, b1, c31);
            v = TSimd.Broadcast(a4 + at);
            c40 = TSimd.MultiplyAdd(v, b0, c40);
            c41 = TSimd.MultiplyAdd(v, b1, c41);
            v = TSimd.Broadcast(a5 + at);
            c50 = TSimd.MultiplyAdd(v, b0, c50);
            c51 = TSimd.MultiplyAdd(v, b1, c51);
            at += aStep;
            b += bStride;
        }

        TSimd.Store(c00, c);
        TSimd.Store(c01, c + width);
        if (rows < 2) return;
        c += cStride;
        TSimd.Store(c10, c);
        TSimd.Store(c11, c + width);
        if (rows < 3) return;
        c += cStride;
        TSimd.Store(c20, c);
        TSimd.Store(c21, c + width);
        if (rows < 4) return;
        c += cStride;
        TSimd.Store(c30, c);
        TSimd.Store(c31, c + width);
        if (rows < 5) return;
        c += cStride;
        TSimd.Store(c40, c);
        TSimd.Store(c41, c + width);
        if (rows < 6) return;
        c += cStride;
        TSimd.Store(c50, c);
        TSimd.Store(c51, c + width);
    }

    /// <summary>Six rows by one vector; otherwise like <see cref="Wide"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Narrow(float** a, nint aStep, float* b, nint bStride, int depth, float* start, nint startStride, float* c, nint cStride, int rows)
    {
        float* a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5];
        TVector c0 = TSimd.Load(start);
        if (rows > 1) start += startStride;
        TVector c1 = TSimd.Load(start);
        if (rows > 2) start += startStride;
        TVector c2 = TSimd.Load(start);
        if (rows > 3) start += startStride;
        TVector c3 = TSimd.Load(start);
        if (rows > 4) start += startStride;
        TVector c4 = TSimd.Load(start);
        if (rows > 5) start += startStride;
        TVector c5 = TSimd.Load(start);
        nint at = 0;
        for (int k = 0; k < depth; k++)
        {
            TVector v = TSimd.Load(b);
            c0 = TSimd.MultiplyAdd(TSimd.Broadcast(a0 + at), v, c0);
            c1 = TSimd.MultiplyAdd(TSimd.Broadcast(a1 + at), v, c1);
            c2 = TSimd.MultiplyAdd(TSimd.Broadcast(a2 + at), v, c2);
            c3 = TSimd.MultiplyAdd(TSimd.Broadcast(a3 + at), v, c3);
            c4 = TSimd.MultiplyAdd(TSimd.Broadcast(a4 + at), v, c4);
            c5 = TSimd.MultiplyAdd(TSimd.Broadcast(a5 + at), v, c5);
            at += aStep;
            b += bStride;
        }

        TSimd.Store(c0, c);
        if (rows < 2) return;
        TSimd.Store(c1, c += cStride);
        if (rows < 3) return;
        TSimd.Store(c2, c += cStride);
        if (rows < 4) return;
        TSimd.Store(c3, c += cStride);
        if (rows < 5) return;
        TSimd.Store(c4, c += cStride);
        if (rows < 6) return;
        TSimd.Store(c5, c += cStride);
    }

    /// <summary>Twelve rows by one vector, so that as many sums run at once as in the wide tile; otherwise like <see cref="Wide"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tall(float** a, nint aStep, float* b, nint bStride, int depth, float* start, nint startStride, float* c, nint cStride)
    {
        float* a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7], a8 = a[8], a9 = a[9], a10 = a[10], a11 = a[11];
        TVector c0 = TSimd.Load(start);
        TVector c1 = TSimd.Load(start + startStride);
        TVector c2 = TSimd.Load(start + (2 * startStride));
        TVector c3 = TSimd.Load(start + (3 * startStride));
        TVector c4 = TSimd.Load(start + (4 * startStride));
        TVector c5 = TSimd.Load(start + (5 * startStride));
        TVector c6 = TSimd.Load(start + (6 * startStride));
        TVector c7 = TSimd.Load(start + (7 * startStride));
        TVector c8 = TSimd.Load(start + (8 * startStride));
        TVector c9 = TSimd.Load(start + (9 * startStride));
        TVector c10 = TSimd.Load(start + (10 * startStride));
        TVector c11 = TSimd.Load(start + (11 * startStride));
        nint at = 0;
        for (int k = 0; k < depth; k++)
        {
            TVector v = TSimd.Load(b);
            c0 = TSimd.MultiplyAdd(TSimd.Broadcast(a0 + at), v, c0);
            c1 = TSimd.MultiplyAdd(TSimd.Broadcast(a1 + at), v, c1);
            c2 = TSimd.MultiplyAdd(TSimd.Broadcast(a2 + at), v, c2);
            c3 = TSimd.MultiplyAdd(TSimd.Broadcast(a3 + at), v, c3);
            c4 = TSimd.MultiplyAdd(TSimd.Broadcast(a4 + at), v, c4);
            c5 = TSimd.MultiplyAdd(TSimd.Broadcast(a5 + at), v, c5);
            c6 = TSimd.MultiplyAdd(TSimd.Broadcast(a6 + at), v, c6);
            c7 = TSimd.MultiplyAdd(TSimd.Broadcast(a7 + at), v, c7);
            c8 = TSimd.MultiplyAdd(TSimd.Broadcast(a8 + at), v, c8);
            c9 = TSimd.MultiplyAdd(TSimd.Broadcast(a9 + at), v, c9);
            c10 = TSimd.MultiplyAdd(TSimd.Broadcast(a10 + at), v, c10);
            c11 = TSimd.MultiplyAdd(TSimd.Broadcast(a11 + at), v, c11);
            at += aStep;
            b += bStride;
        }

        TSimd.Store(c0, c);
        TSimd.Store(c1, c + cStride);
        TSimd.Store(c2, c + (2 * cStride));
        TSimd.Store(c3, c + (3 * cStride));
        TSimd.Store(c4, c + (4 * cStride));
        TSimd.Store(c5, c + (5 * cStride));
        TSimd.Store(c6, c + (6 * cStride));
        TSimd.Store(c7, c + (7 * cStride));
        TSimd.Store(c8, c + (8 * cStride));
        TSimd.Store(c9, c + (9 * cStride));
        TSimd.Store(c10, c + (10 * cStride));
        TSimd.Store(c11, c + (11 * cStride));
    }

    /// <summary>
    /// Eight rows by two vectors, for machines with 32 registers; otherwise like <see cref="Wide"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Large(float** a, nint aStep, float* b, nint bStride, int depth, float* start, nint startStride, float* c, nint cStride)
    {
        int width = TSimd.Width;
        float* a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7];
        TVector c00 = TSimd.Load(start), c01 = TSimd.Load(start + width);
        start += startStride;
        TVector c10 = TSimd.Load(start), c11 = TSimd.Load(start + width);
        start += startStride;
        TVector c20 = TSimd.Load(start), c21 = TSimd.Load(start + width);
        start += startStride;
        TVector c30 = TSimd.Load(start), c31 = TSimd.Load(start + width);
        start += startStride;
        TVector c40 = TSimd.Load(start), c41 = TSimd.Load(start + width);
        start += startStride;
        TVector c50 = TSimd.Load(start), c51 = TSimd.Load(start + width);
        start += startStride;
        TVector c60 = TSimd.Load(start), c61 = TSimd.Load(start + width);
        start += startStride;
        TVector c70 = TSimd.Load(start), c71 = TSimd.Load(start + width);
        nint at = 0;
        for (int k = 0; k < depth; k++)
        {
            TVector b0 = TSimd.Load(b), b1 = TSimd.Load(b + width);
            TVector v = TSimd.Broadcast(a0 + at);
            c00 = TSimd.MultiplyAdd(v, b0, c00);
            c01 = TSimd.MultiplyAdd(v, b1, c01);
            v = TSimd.Broadcast(a1 + at);
            c10 = TSimd.MultiplyAdd(v, b0, c10);
            c11 = TSimd.MultiplyAdd(v, b1, c11);
            v = TSimd.Broadcast(a2 + at);
            c20 = TSimd.MultiplyAdd(v, b0, c20);
            c21 = TSimd.MultiplyAdd(v, b1, c21);
            v = TSimd.Broadcast(a3 + at);
            c30 = TSimd.MultiplyAdd(v, b0, c30);
            c31 = TSimd.MultiplyAdd(v, b1, c31);
            v = TSimd.Broadcast(a4 + at);
            c40 = TSimd.MultiplyAdd(v, b0, c40);
            c41 = TSimd.MultiplyAdd(v, b1, c41);
            v = TSimd.Broadcast(a5 + at);
            c50 = TSimd.MultiplyAdd(v, b0, c50);
            c51 = TSimd.MultiplyAdd(v, b1, c51);
            v = TSimd.Broadcast(a6 + at);
            c60 = TSimd.MultiplyAdd(v, b0, c60);
            c61 = TSimd.MultiplyAdd(v, b1, c61);
            v = TSimd.Broadcast(a7 + at);
            c70 = TSimd.MultiplyAdd(v, b0, c70);
            c71 = TSimd.MultiplyAdd(v, b1, c71);
            at += aStep;
            b += bStride;
        }

        TSimd.Store(c00, c);
        TSimd.Store(c01, c + width);
        c += cStride;
        TSimd.Store(c10, c);
        TSimd.Store(c11, c + width);
        c += cStride;
        TSimd.Store(c20, c);
        TSimd.Store(c21, c + width);
        c += cStride;
        TSimd.Store(c30, c);
        TSimd.Store(c31, c + width);
        c += cStride;
        TSimd.Store(c40, c);
        TSimd.Store(c41, c + width);
        c += cStride;
        TSimd.Store(c50, c);
        TSimd.Store(c51, c + width);
        c += cStride;
        TSimd.Store(c60, c);
        TSimd.Store(c61, c + width);
        c += cStride;
        TSimd.Store(c70, c);
        TSimd.Store(c71, c + width);
    }

    /// <summary>A single row by one or two vectors; otherwise like <see cref="Wide"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Single(float* a, nint aStep, float* b, nint bStride, int depth, float* start, float* c, bool isNarrow)
    {
        int second = isNarrow ? 0 : TSimd.Width;
        TVector c0 = TSimd.Load(start), c1 = TSimd.Load(start + second);
        for (int k = 0; k < depth; k++)
        {
            TVector v = TSimd.Broadcast(a);
            c0 = TSimd.MultiplyAdd(v, TSimd.Load(b), c0);
            c1 = TSimd.MultiplyAdd(v, TSimd.Load(b + second), c1);
            a += aStep;
            b += bStride;
        }

        TSimd.Store(c0, c);
        TSimd.Store(c1, c + second);
    }
}
