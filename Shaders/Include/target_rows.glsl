// The targets of a batch, one row per sample, in 32-bit words, four per texel. A kernel calls lookUpRow of samples.glsl before it reads a row of targets.
//
// With LOOKS_UP_TARGETS it also calls lookUpTargets, which loads the first texels of the row for later use: so a load that depends on another one is not waited for behind barriers.
//
// The including kernel defines FIRST_TARGETS, their number: the include of a layout of targets does.
#include "samples.glsl"

READ_WORDS(targets);   // [rows x 4 * targetTexels words]
SIZE(targetTexels);    // texels of a row of targets

#ifdef LOOKS_UP_TARGETS
uvec4 foundTargets[FIRST_TARGETS];

void lookUpTargets(int row)
{
    for (int i = 0; i < FIRST_TARGETS; i++) foundTargets[i] = LOAD(targets, matrixTexel(foundTargetRow(row), max(min(i, targetTexels - 1), 0), targetTexels));
}
#endif

uvec4 loadTargets(int row, int texel)
{
#ifdef LOOKS_UP_TARGETS
    if (texel < FIRST_TARGETS) return foundTargets[texel];
#endif
    return LOAD(targets, matrixTexel(foundTargetRow(row), texel, targetTexels));
}
