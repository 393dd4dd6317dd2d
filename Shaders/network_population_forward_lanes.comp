// A forward pass of a population, each network on its own rows: [members * rows x outputs] = activate(X . W1 + b1) . W2 + b2 and, with SOFTMAX, the
// softmax of that. A network has 32 lanes, as in population_lanes.glsl; each row of workgroups takes ROWS rows of every network, a row a lane at the end.
#include "population_lanes.glsl"
#include "softmax.glsl"

WRITE(results);

bvec4 loadAllowed(int row, int texel)
{
    return lessThan(4 * texel + ivec4(0, 1, 2, 3), ivec4(OUTPUTS));
}

void main()
{
    int member = memberOfLanes(), firstRow = workGroup().y * ROWS;
    computeOutputs(member, firstRow, 1);
    readRow = laneOfNetwork();
    if (!isMember() || readRow >= ROWS || firstRow + readRow >= rows) return;

    int at = matrixTexel(sampleRow(member, firstRow + readRow), 0, OUTPUT_TEXELS);
#ifdef SOFTMAX
    Softmax softmax = softmaxOfRow(readRow, OUTPUT_TEXELS);
    for (int t = 0; t < OUTPUT_TEXELS; t++)
        STORE(results, at + t, exponentials(networkOutput(readRow, t), loadAllowed(readRow, t), softmax.maximum) / softmax.sum);
#else
    for (int t = 0; t < OUTPUT_TEXELS; t++) STORE(results, at + t, networkOutput(readRow, t));
#endif
}
