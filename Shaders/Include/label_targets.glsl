// Targets of a classification, one row per sample, in 32-bit words: word 0 the label, word 1 the bits of the sample's weight, from word 2
// on one bit per class, whether it is allowed, 32 per word. Bits past the last class are zero. LabelTargets is the same in C#.
#define FIRST_TARGETS 1
#include "target_rows.glsl"

struct Target
{
    int label;
    float weight;
};

Target loadTarget(int row)
{
    uvec4 words = loadTargets(row, 0);
    return Target(int(words.x), uintBitsToFloat(words.y));
}

// Which of the four classes of a texel are allowed.
bvec4 loadAllowed(int row, int texel)
{
    int word = TARGET_MASK_WORD + texel / 8;
    uvec4 words = loadTargets(row, word / 4);
    uint bits = words[word % 4] >> uint(texel % 8 * 4);
    return notEqual(uvec4(bits) & uvec4(1u, 2u, 4u, 8u), uvec4(0u));
}
