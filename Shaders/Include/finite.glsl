// The one test of finiteness, by bits. A comparison is false for NaN, and so is its negation where a compiler has turned it round, which some
// do: nothing that guards against NaN may rest on one.

bool isFinite(float value)
{
    return (floatBitsToUint(value) & 0x7F800000u) != 0x7F800000u;
}

// Where a value is below zero, and is neither -0 nor NaN: the bits from 0x80000001 to 0xFF800000.
bvec4 isNegative(vec4 values)
{
    return lessThan(floatBitsToUint(values) - 0x80000001u, uvec4(0x7F800000u));
}

// Where a value is further from zero than a bound that is not negative, as an infinity is, and is not NaN.
bvec4 isBeyond(vec4 values, float bound)
{
    uint bits = floatBitsToUint(bound);
    return lessThan((floatBitsToUint(values) & 0x7FFFFFFFu) - bits - 1u, uvec4(0x7F800000u - bits));
}
