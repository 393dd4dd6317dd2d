// A training step of a population on ROWS rows of each network's batch, as network_population_step says: slots ACTIVATION, LOSS and OPTIMIZER. The
// first dispatch of a batch leaves the gradients of its rows, those that follow add theirs (ADDS_TO_SUMS), and only the last one has UPDATE.
#include "stand_in_population_rows.glsl"
#include <LOSS>
#include "population_losses.glsl"
#ifdef UPDATE
#include "population_update.glsl"
#endif

#ifndef UPDATE
#ifdef ADDS_TO_SUMS
READ_WRITE(gradients);
#else
WRITE(gradients);
#endif
#elif defined(ADDS_TO_SUMS)
READ(gradients);
#endif
SIZE(firstRow);

shared vec4 outputGradients[ROWS * OUTPUT_TEXELS];
shared vec4 hiddenGradients[ROWS * HIDDEN_TEXELS];
shared SUMS lossesOfRows[ROWS];
shared MemberLoss ofMember;

// L and dZ of a row; unused parts count as zero.
void computeLoss(int member, int row)
{
    bool inUse = firstRow + row < rows;
    int targetRow = sampleRow(member, firstRow + row);
    computeOutputs(member, row);
    lookUpRow(targetRow);
    LossRow begun = beginLoss(targetRow, OUTPUT_TEXELS);
    lossesOfRows[row] = inUse ? rowLoss(targetRow, begun).SUMMED : SUMS(0.0);
    for (int t = 0; t < OUTPUT_TEXELS; t++) outputGradients[row * OUTPUT_TEXELS + t] = zeroUnless(inUse, outputGradient(targetRow, t, begun));
}

void sumLosses(int member)
{
    SUMS sums = SUMS(0.0);
    for (int row = ROWS - 1; row >= 0; row--) sums += lossesOfRows[row];
    ofMember = storeLosses(member, sums);
}

// A texel of dH.
vec4 hiddenGradient(int member, int row, int h)
{
    int origin = parameterOrigin(member) + LAST_LAYER;
#define LOAD_GRADIENT(n) outputGradients[row * OUTPUT_TEXELS + n]
    SUM_OF_OUTPUTS(sum, LOAD_GRADIENT, OUTPUT_TEXELS, weights, origin, h, HIDDEN)
    return gradientFromOutput(sum, hiddenRows[row * HIDDEN_TEXELS + h]);
}

// A texel of the gradient of the parameters, summed from the last row to the first: of [W1; b1], then of [W2; b2].
vec4 parameterGradient(int member, int texel)
{
    vec4 sum = vec4(0.0);
    int place = texel - LAST_LAYER;
    for (int row = ROWS - 1; row >= 0; row--)
    {
        if (place < 0)
        {
            int i = texel / HIDDEN_TEXELS;
            float x = i == INPUTS ? 1.0 : LOAD(features, matrixTexel(sampleRow(member, firstRow + row), i / 4, INPUT_TEXELS))[i % 4];
            sum += x * hiddenGradients[row * HIDDEN_TEXELS + texel % HIDDEN_TEXELS];
        }
        else
        {
            int u = place / OUTPUT_TEXELS;
            float h = u == HIDDEN ? 1.0 : hiddenRows[row * HIDDEN_TEXELS + u / 4][u % 4];
            sum += h * outputGradients[row * OUTPUT_TEXELS + place % OUTPUT_TEXELS];
        }
    }

    return sum;
}

void main()
{
    int member = workGroup().x, lane = int(gl_LocalInvocationID.x);
    if (member >= members) return;

    computeHidden(member, firstRow);
    memoryBarrierShared();
    barrier();

    if (lane < ROWS) computeLoss(member, lane);
    memoryBarrierShared();
    barrier();

    if (lane == 0) sumLosses(member);
    for (int i = lane; i < ROWS * HIDDEN_TEXELS; i += GROUP_SIZE) hiddenGradients[i] = hiddenGradient(member, i / HIDDEN_TEXELS, i % HIDDEN_TEXELS);
    memoryBarrierShared();
    barrier();

#ifdef UPDATE
    USE_RATE(ofMember.rate)
#endif
    for (int texel = lane; texel < PARAMETER_TEXELS; texel += GROUP_SIZE)
    {
        int at = parameterOrigin(member) + texel;
        vec4 gradient = parameterGradient(member, texel);
#ifdef ADDS_TO_SUMS
        gradient += LOAD(gradients, at);
#endif
#ifdef UPDATE
        update(at, LOAD(weights, at), gradient, ofMember.keeps);
#else
        STORE(gradients, at, gradient);
#endif
    }
}
