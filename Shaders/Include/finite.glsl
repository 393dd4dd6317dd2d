// The only test of finiteness, by bits. A comparison is false for NaN, and so is its negation if a compiler has inverted the comparison, as some
// do: no guard against NaN may rely on one.

const uint EXPONENT_OF_NON_FINITE = 0x7F800000u;

bool isFinite(float value)
{
    return (floatBitsToUint(value) & EXPONENT_OF_NON_FINITE) != EXPONENT_OF_NON_FINITE;
}

// Of several numbers the greatest is EXPONENT_OF_NON_FINITE if one of them is not finite.
uvec4 exponentBits(vec4 values)
{
    return floatBitsToUint(values) & EXPONENT_OF_NON_FINITE;
}

// Whether a value is below zero, and neither -0 nor NaN: the bits from 0x80000001 to 0xFF800000.
bvec4 isNegative(vec4 values)
{
    return lessThan(floatBitsToUint(values) - 0x80000001u, uvec4(0x7F800000u));
}

// Whether a value is further from zero than a nonnegative bound, as an infinity is, and not NaN.
bvec4 isBeyond(vec4 values, float bound)
{
    uint bits = floatBitsToUint(bound);
    return lessThan((floatBitsToUint(values) & 0x7FFFFFFFu) - bits - 1u, uvec4(0x7F800000u - bits));
}
