// The only tests of finiteness and of NaN, by bits. A comparison is false for NaN, and so is its negation if a compiler has inverted the comparison, as some
// do: no guard against NaN may rely on one.

const uint EXPONENT_OF_NON_FINITE = 0x7F800000u;
const uint BITS_WITHOUT_SIGN = 0x7FFFFFFFu;

bool isNaN(float value)
{
    return (floatBitsToUint(value) & BITS_WITHOUT_SIGN) > EXPONENT_OF_NON_FINITE;
}

bool isFinite(float value)
{
    return (floatBitsToUint(value) & EXPONENT_OF_NON_FINITE) != EXPONENT_OF_NON_FINITE;
}

// Of several numbers the greatest is EXPONENT_OF_NON_FINITE if one of them is not finite.
uvec4 exponentBits(vec4 values)
{
    return floatBitsToUint(values) & EXPONENT_OF_NON_FINITE;
}

// The bits of |x|. Those of a NaN are greater than those of any number.
uvec4 sizeBits(vec4 values)
{
    return floatBitsToUint(values) & BITS_WITHOUT_SIGN;
}

uvec4 greaterSizes(uvec4 sizes, vec4 values)
{
    return max(sizes, sizeBits(values));
}

// The greatest |x| among those: NaN if one of the values is.
float greatestSize(uvec4 sizes)
{
    return uintBitsToFloat(max(max(sizes.x, sizes.y), max(sizes.z, sizes.w)));
}

// The built-in max, min, clamp and exp may make a number of a NaN, and some drivers' do. These give a NaN if there is one among their values; the bounds of
// a clamp are numbers. What a loss is made of goes through them, so that the loss of an output that is NaN is NaN too, on every driver.
float maxOrNaN(float a, float b)
{
    return isNaN(a) ? a : isNaN(b) ? b : max(a, b);
}

float minOrNaN(float a, float b)
{
    return isNaN(a) ? a : isNaN(b) ? b : min(a, b);
}

float clampOrNaN(float value, float least, float most)
{
    return isNaN(value) ? value : clamp(value, least, most);
}

float expOrNaN(float value)
{
    return isNaN(value) ? value : exp(value);
}

bvec4 isNaN(vec4 values)
{
    return greaterThan(sizeBits(values), uvec4(EXPONENT_OF_NON_FINITE));
}

// For four values at once, against a number.
vec4 maxOrNaN(vec4 values, float least)
{
    return mix(max(values, vec4(least)), values, isNaN(values));
}

// Zero in place of NaN.
vec4 zeroForNaN(vec4 values)
{
    return mix(values, vec4(0.0), isNaN(values));
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
    return lessThan(sizeBits(values) - bits - 1u, uvec4(0x7F800000u - bits));
}
