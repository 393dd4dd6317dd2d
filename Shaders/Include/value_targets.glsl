// Targets of a regression, one row per sample, in 32-bit words: the first texel has the bits of the sample's weight in word 0, and the values, four per
// texel, start at the second texel, so that they match the network's outputs texel by texel. The padding is zero. ValueTargets is the
// same in C#.
#define FIRST_TARGETS (OUTPUT_TEXELS + 1)
#include "target_rows.glsl"
SIZE(targetValues);    // values of a row: the network's outputs

float loadWeight(int row)
{
    return uintBitsToFloat(loadTargets(row, 0).x);
}

// The values for a texel of the outputs.
vec4 loadValues(int row, int texel)
{
    return uintBitsToFloat(loadTargets(row, 1 + texel));
}
