// Probabilities of a population: P [members * rows x classes] = softmax(relu(X . W1 + b1) . W2 + b2), each network of its own
// rows. With LOGITS, the outputs before the softmax. A lane is a network; each row of workgroups takes ROWS of everyone's rows.
#include "population.glsl"

WRITE(probabilities);

void main()
{
    int member = int(gl_GlobalInvocationID.x);
    int firstRow = int(gl_WorkGroupID.y) * ROWS;
    if (member >= members) return;

    int origin = parameterOrigin(member);
    DECLARE_SAMPLES(member, firstRow)
    DECLARE_FEATURES
    float z[ROWS * CLASS_SLOTS + 3];
    COMPUTE_LOGITS

#define SOFTMAX_ROW(row) \
    if (firstRow + row < rows) \
    { \
        const int r = row, first = row * CLASS_SLOTS; \
        int outputRow = sampleRow[row]; \
        float maximum = LOWEST, sum = 0.0; \
        NORMALIZE \
        EACH_CLASS(STORE_TEXEL) \
    }
#if LOGITS
#define NORMALIZE sum = 1.0;
#else
#define NORMALIZE EACH_CLASS(FIND_MAXIMUM) EACH_CLASS(EXPONENTIATE)
#endif
#define FIND_MAXIMUM(c) if (c < CLASSES) maximum = max(maximum, z[first + c]);
#define EXPONENTIATE(c) if (c < CLASSES) { const int j = first + c; z[j] = exp(z[j] - maximum); sum += z[j]; }
#define STORE_TEXEL(c) \
    if (c < CLASSES && c % 4 == 0) \
    { \
        const int j = c; \
        STORE(probabilities, matrixTexel(outputRow, j / 4, CLASS_TEXELS), CLASS_TEXEL(r, j) / sum); \
    }
    EACH_ROW(SOFTMAX_ROW)
}
