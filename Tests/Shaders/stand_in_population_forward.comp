// A forward pass of a population, each network of its own rows: [members * rows x outputs] = activate(X . W1 + b1) . W2 + b2 and, with SOFTMAX, the
// softmax of that. Each row of workgroups takes ROWS of everyone's.
#include "stand_in_population_rows.glsl"
#include "softmax.glsl"

WRITE(results);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(OUTPUTS));
}

void main()
{
    int member = workGroup().x, firstRow = workGroup().y * ROWS;
    if (member >= members) return;

    computeHidden(member, firstRow);
    memoryBarrierShared();
    barrier();

    int row = int(gl_LocalInvocationID.x);
    if (row >= ROWS || firstRow + row >= rows) return;

    computeOutputs(member, row);
    int at = matrixTexel(sampleRow(member, firstRow + row), 0, OUTPUT_TEXELS);
#ifdef SOFTMAX
    Softmax softmax = softmaxOfRow(row, OUTPUT_TEXELS);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 terms = exponentials(networkOutput(row, t), loadAllowed(row, t), softmax.maximum);
        STORE(results, at + t, terms / softmax.sum);
    }
#else
    for (int t = 0; t < OUTPUT_TEXELS; t++) STORE(results, at + t, networkOutput(row, t));
#endif
}
