// Probabilities of a population: P [members * rows x outputs] = softmax(activate(X . W1 + b1) . W2 + b2), each network of its own rows. Each row of
// workgroups takes ROWS of everyone's.
#include "stand_in_population_rows.glsl"
#include "softmax.glsl"

WRITE(probabilities);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(OUTPUTS));
}

void main()
{
    int member = workGroup().x, firstRow = workGroup().y * ROWS;
    if (member >= members) return;

    computeHidden(member, firstRow);
    barrier();

    int row = int(gl_LocalInvocationID.x);
    if (row >= ROWS || firstRow + row >= rows) return;

    computeOutputs(member, row);
    int at = matrixTexel(sampleRow(member, firstRow + row), 0, OUTPUT_TEXELS);
    Softmax softmax = softmaxOfRow(row, OUTPUT_TEXELS);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        vec4 terms = exponentials(networkOutput(row, t), loadAllowed(row, t), softmax.maximum);
        STORE(probabilities, at + t, terms / softmax.sum);
    }
}
