// Targets of a regression, one row per sample, in 32-bit words: the first texel has the bits of the sample's weight in word 0, and the values, four per
// texel, start at the second texel, so that they match the network's outputs texel by texel. The padding is zero. ValueTargets is the
// same in C#. A kernel calls lookUpRow of samples.glsl before it reads a row of targets.
#include "samples.glsl"

READ_WORDS(targets);   // [rows x 4 * targetTexels words]
SIZE(targetTexels);    // texels of a row of targets
SIZE(targetValues);    // values of a row: the network's outputs

float loadWeight(int row)
{
    return uintBitsToFloat(LOAD(targets, matrixTexel(foundTargetRow(row), 0, targetTexels)).x);
}

// The values for a texel of the outputs.
vec4 loadValues(int row, int texel)
{
    return uintBitsToFloat(LOAD(targets, matrixTexel(foundTargetRow(row), 1 + texel, targetTexels)));
}
