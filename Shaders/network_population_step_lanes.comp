// A training step of a population on BLOCKS * ROWS rows of each network's batch, as network_population_step says, with 32 lanes a network: slots ACTIVATION, LOSS and OPTIMIZER. The
// first dispatch of a batch leaves the gradients of its rows, later ones add theirs (ADDS_TO_SUMS); only the last one has UPDATE.
//
// After the forward pass a row is a lane for its loss, and a hidden unit is a lane again for the gradients, which stay in the lane. Those of the blocks of rows, and their losses, are added
// block by block, as if each were a dispatch: how many share one changes no bits.
#include "population_lanes.glsl"
#include <LOSS>
#include "population_losses.glsl"
#ifdef UPDATE
#include "population_update.glsl"
#endif

#ifdef ADDS_TO_SUMS
#ifdef UPDATE
READ(gradients);
#else
READ_WRITE(gradients);
#endif
#elif !defined(UPDATE)
WRITE(gradients);
#endif
SIZE(firstRow);

shared vec4 outputGradients[SHARED_OUTPUTS];   // [NETWORKS x ALL_ROWS x OUTPUT_TEXELS]
shared SUMS rowSums[ROW_SUMS];                 // [NETWORKS x ALL_ROWS]
shared vec2 ofMembers[NETWORKS];               // whether a network keeps its weights and state, and its learning rate
#ifdef BIASES_APART
shared float biasSums[BIAS_SUMS];              // [NETWORKS x BLOCKS x UNITS * LANES]: the gradients of the biases, by block
#endif

// The sum of the gradients of a texel of the parameters by the blocks: what the dispatches before left, then block after block.
#ifdef ADDS_TO_SUMS
#define SUM_BEFORE(at) LOAD(gradients, at)
#define ADD_BLOCK(sum, ofBlock, block) sum = ofBlock + sum;
#else
#define SUM_BEFORE(at) vec4(0.0)
#define ADD_BLOCK(sum, ofBlock, block) sum = block == 0 ? ofBlock : ofBlock + sum;
#endif

// One texel of the parameters, whose committed value is w and whose gradient over the rows so far is g.
void finish(int at, vec4 w, vec4 g, bool keeps)
{
#ifdef UPDATE
    update(at, w, g, keeps);
#else
    STORE(gradients, at, g);
#endif
}

int sumOfRow(int row)
{
    return networkInGroup() * ALL_ROWS + row;
}

int biasSumAt(int block, int unit)
{
    return (networkInGroup() * BLOCKS + block) * UNITS * LANES + unit;
}

// L and dZ of a row; what is not in use counts as zero.
void computeLoss(int member, int row)
{
    readRow = row;
    bool inUse = row < BLOCKS * ROWS && firstRow + row < rows;
    int targetRow = sampleRow(member, firstRow + row);
    lookUpRow(targetRow);
    LossRow begun = beginLoss(targetRow, OUTPUT_TEXELS);
    rowSums[sumOfRow(row)] = inUse ? rowLoss(targetRow, begun).SUMMED : SUMS(0.0);
    for (int t = 0; t < OUTPUT_TEXELS; t++) outputGradients[outputAt(row) + t] = zeroUnless(inUse, outputGradient(targetRow, t, begun));
}

// The losses of a network's rows so far.
vec4 sumLosses(int member, int blocks)
{
#ifdef ADDS_TO_SUMS
    vec4 found = lossesBefore(member);
#else
    vec4 found = vec4(0.0);
#endif
    for (int block = 0; block < blocks; block++)
    {
        SUMS sums = SUMS(0.0);
        for (int row = 0; row < ROWS; row++) sums += rowSums[sumOfRow(block * PADDED_ROWS + row)];
        vec4 ofBlock = lossesOf(sums);
        ADD_BLOCK(found, ofBlock, block)
    }

    return found;
}

void main()
{
    int member = memberOfLanes(), lane = laneOfNetwork(), blocks = blocksInUse(firstRow);
    computeOutputs(member, firstRow, blocks);
    for (int row = lane; row < blocks * PADDED_ROWS; row += LANES) computeLoss(member, row);
    memoryBarrierShared();
    barrier();

    if (lane == 0 && isMember())
    {
        MemberLoss found = storeFound(member, sumLosses(member, blocks));
        ofMembers[networkInGroup()] = vec2(found.keeps ? 1.0 : 0.0, found.rate);
    }

    memoryBarrierShared();
    barrier();
    bool keeps = ofMembers[networkInGroup()].x == 1.0;
#ifdef UPDATE
    USE_RATE(ofMembers[networkInGroup()].y)
#endif

    // The gradients of the outputs' weights come first: then those of H take the place of H.
#define GRADIENTS_OF_UNIT(j) \
    { \
        const int unitOfLane = j; \
        int unit = lane + LANES * unitOfLane; \
        if (isMember() && unit < HIDDEN) \
        { \
            EACH_OUTPUT_TEXEL(OUTPUT_WEIGHT_GRADIENT) \
            for (int block = 0; block < blocks; block++) { EACH_ROW_TEXEL(HIDDEN_GRADIENTS) } \
            EACH_INPUT_TEXEL(INPUT_WEIGHT_GRADIENT) \
        } \
        BIAS_GRADIENT \
    }
#define OUTPUT_WEIGHT_GRADIENT(t) \
            { \
                const int outputTexel = t; \
                int at = outputParameter(member, unit, outputTexel); \
                vec4 sum = SUM_BEFORE(at); \
                for (int block = 0; block < blocks; block++) \
                { \
                    vec4 g = vec4(0.0); \
                    EACH_ROW(ADD_OUTPUT_ROW) \
                    ADD_BLOCK(sum, g, block) \
                } \
                finish(at, weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + outputTexel], sum, keeps); \
            }
#define ADD_OUTPUT_ROW(row) g = addProduct(g, vec4(HIDDEN_OF(block, unitOfLane, row / 4)[row % 4]), outputGradients[outputAt(block * PADDED_ROWS + row) + outputTexel]);
#define HIDDEN_GRADIENTS(q) \
            { \
                const int rowTexel = q; \
                vec4 gradient = vec4(0.0); \
                EACH_OUTPUT_TEXEL(ADD_OUTPUT_GRADIENTS) \
                HIDDEN_OF(block, unitOfLane, rowTexel) = gradientFromOutput(gradient, HIDDEN_OF(block, unitOfLane, rowTexel)); \
            }
#define ADD_OUTPUT_GRADIENTS(t) \
                { \
                    vec4 w = weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + t]; \
                    int at = outputAt(block * PADDED_ROWS + 4 * rowTexel) + t; \
                    vec4 g0 = outputGradients[at], g1 = outputGradients[at + OUTPUT_TEXELS], g2 = outputGradients[at + 2 * OUTPUT_TEXELS], g3 = outputGradients[at + 3 * OUTPUT_TEXELS]; \
                    gradient = addProduct(gradient, vec4(g0.x, g1.x, g2.x, g3.x), vec4(w.x)); \
                    gradient = addProduct(gradient, vec4(g0.y, g1.y, g2.y, g3.y), vec4(w.y)); \
                    gradient = addProduct(gradient, vec4(g0.z, g1.z, g2.z, g3.z), vec4(w.z)); \
                    gradient = addProduct(gradient, vec4(g0.w, g1.w, g2.w, g3.w), vec4(w.w)); \
                }
#define INPUT_WEIGHT_GRADIENT(k) \
            { \
                const int inputTexel = k; \
                int at = hiddenParameter(member, inputTexel, unit); \
                vec4 sum = SUM_BEFORE(at); \
                for (int block = 0; block < blocks; block++) \
                { \
                    vec4 g = vec4(0.0); \
                    EACH_ROW(ADD_INPUT_ROW) \
                    ADD_BLOCK(sum, g, block) \
                } \
                finish(at, INPUT_WEIGHTS(member, inputTexel, unitOfLane), sum, keeps); \
            }
#define ADD_INPUT_ROW(row) g = addProduct(g, vec4(HIDDEN_OF(block, unitOfLane, row / 4)[row % 4]), samples[sampleAt(block * PADDED_ROWS + row) + inputTexel]);
#ifdef BIASES_APART
#define BIAS_GRADIENT \
        for (int block = 0; block < blocks; block++) \
        { \
            float g = 0.0; \
            EACH_ROW(ADD_BIAS_ROW) \
            biasSums[biasSumAt(block, unit)] = unit < HIDDEN ? g : 0.0; \
        }
#define ADD_BIAS_ROW(row) g = addProduct(g, HIDDEN_OF(block, unitOfLane, row / 4)[row % 4], 1.0);
#else
#define BIAS_GRADIENT
#endif
    EACH_UNIT(GRADIENTS_OF_UNIT)

#ifdef BIASES_APART
    memoryBarrierShared();
    barrier();
#endif
    if (!isMember()) return;

#ifdef BIASES_APART
    for (int t = lane; t < BIAS_TEXELS; t += LANES)
    {
        int at = hiddenBiases(member, t);
        vec4 sum = SUM_BEFORE(at);
        for (int block = 0; block < blocks; block++)
        {
            int first = biasSumAt(block, 4 * t);
            vec4 g = vec4(biasSums[first], biasSums[first + 1], biasSums[first + 2], biasSums[first + 3]);
            ADD_BLOCK(sum, g, block)
        }

        finish(at, LOAD(weights, at), sum, keeps);
    }

#endif
    for (int t = lane; t < OUTPUT_TEXELS; t += LANES)
    {
        int at = outputParameter(member, HIDDEN, t);
        vec4 sum = SUM_BEFORE(at);
        for (int block = 0; block < blocks; block++)
        {
            vec4 g = vec4(0.0);
            for (int row = 0; row < ROWS; row++) g += outputGradients[outputAt(block * PADDED_ROWS + row) + t];
            ADD_BLOCK(sum, g, block)
        }

        finish(at, LOAD(weights, at), sum, keeps);
    }
}
