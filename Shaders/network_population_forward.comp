// A forward pass of a population, each network on its own rows: [members * rows x outputs] = activate(X . W1 + b1) . W2 + b2 and, with SOFTMAX, the
// softmax of that. A lane is a network; each row of workgroups takes ROWS rows of every network.
#include "population.glsl"
#include "softmax.glsl"

WRITE(results);

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

#define FINISH_ROW(row) \
    if (firstRow + row < rows) \
    { \
        int outputRow = sampleRow[row]; \
        TAKE_OUTPUTS(row) \
        BEGIN_RESULTS \
        EACH_OUTPUT_TEXEL(STORE_RESULT) \
    }
#define STORE_RESULT(t) \
    { \
        const int texel = t; \
        STORE(results, matrixTexel(outputRow, texel, OUTPUT_TEXELS), RESULT); \
    }
#ifdef SOFTMAX
#define BEGIN_RESULTS Softmax softmax = softmaxOfRow(outputRow, NOT_UNROLLED(OUTPUT_TEXELS));
#define RESULT exponentials(networkOutput(outputRow, texel), loadAllowed(outputRow, texel), softmax.maximum) / softmax.sum
#else
#define BEGIN_RESULTS
#define RESULT networkOutput(outputRow, texel)
#endif
    EACH_ROW(FINISH_ROW)
}
