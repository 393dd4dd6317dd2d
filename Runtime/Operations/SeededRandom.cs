namespace NeuralPlugin;

/// <summary>
/// A random number generator that gives the same numbers on every machine and .NET version: PCG-XSH-RR with 64 bits of
/// state (O'Neill, 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms"), where it is called pcg32.
/// It uses only integer arithmetic and exactly rounded float operations. Not for secrets. Not thread-safe.
/// </summary>
public sealed class SeededRandom
{
    private const ulong Multiplier = 6364136223846793005;

    private readonly ulong increment;
    private ulong state;

    /// <summary>Starts a sequence.</summary>
    /// <param name="seed">Where in the sequence it starts.</param>
    /// <param name="stream">Which of 2⁶³ sequences it is; sequences of the same seed share no order.</param>
    public SeededRandom(ulong seed, ulong stream = 0)
    {
        increment = (stream << 1) | 1;
        Advance();
        state += seed;
        Advance();
    }

    /// <summary>Its position in the sequence.</summary>
    internal ulong State
    {
        get => state;
        set => state = value;
    }

    /// <summary>The next 32 uniform bits.</summary>
    public uint NextUInt32()
    {
        ulong old = state;
        Advance();
        uint xorShifted = (uint)(((old >> 18) ^ old) >> 27);
        return uint.RotateRight(xorShifted, (int)(old >> 59));
    }

    /// <summary>A uniform integer in [0, <paramref name="exclusiveUpperBound"/>), without bias.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is zero or less.</exception>
    public int NextInt32(int exclusiveUpperBound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(exclusiveUpperBound);
        uint bound = (uint)exclusiveUpperBound;
        uint value = NextUInt32();
        if (value < bound)   // as it is below the threshold, whose division few numbers then need
        {
            uint threshold = unchecked(0u - bound) % bound;   // values below it would favor the small remainders
            while (value < threshold) value = NextUInt32();
        }

        return (int)(value % bound);
    }

    /// <summary>A uniform number in [0, 1), a multiple of 2⁻²⁴.</summary>
    public float NextSingle() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>Shuffles the items into a uniformly random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private void Advance() => state = unchecked((state * Multiplier) + increment);
}
