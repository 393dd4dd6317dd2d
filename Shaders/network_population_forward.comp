// Probabilities of a population: P [members * rows x outputs] = softmax(activate(X . W1 + b1) . W2 + b2), each network of its own
// rows. A lane is a network; each row of workgroups takes ROWS of everyone's rows.
#include "population.glsl"
#include "softmax.glsl"

WRITE(probabilities);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(OUTPUTS));
}

void main()
{
    int member = invocation().x;
    int firstRow = workGroup().y * ROWS;
    if (member >= members) return;

    int origin = parameterOrigin(member);
    DECLARE_SAMPLES(member, firstRow)
    DECLARE_FEATURES
    vec4 z[ROWS * OUTPUT_TEXELS];
    COMPUTE_OUTPUTS

#define SOFTMAX_ROW(row) \
    if (firstRow + row < rows) \
    { \
        int outputRow = sampleRow[row]; \
        TAKE_OUTPUTS(row) \
        Softmax softmax = softmaxOfRow(outputRow, OUTPUT_TEXELS); \
        EACH_OUTPUT_TEXEL(STORE_PROBABILITIES) \
    }
#define STORE_PROBABILITIES(t) \
    { \
        const int texel = t; \
        vec4 terms = exponentials(networkOutput(outputRow, texel), loadAllowed(outputRow, texel), softmax.maximum); \
        STORE(probabilities, matrixTexel(outputRow, texel, OUTPUT_TEXELS), terms / softmax.sum); \
    }
    EACH_ROW(SOFTMAX_ROW)
}
