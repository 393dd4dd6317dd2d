// A training step of a population on ROWS rows of each network's batch, as network_population_step says, with 32 lanes a network: slots ACTIVATION, LOSS and OPTIMIZER. The
// first dispatch of a batch leaves the gradients of its rows, later ones add theirs (ADDS_TO_SUMS); only the last one has UPDATE.
//
// After the forward pass a row is a lane for its loss, and a hidden unit is a lane again for the gradients, whose sums over the rows stay in the lane.
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

shared vec4 outputGradients[SHARED_OUTPUTS];   // [NETWORKS x PADDED_ROWS x OUTPUT_TEXELS]
shared SUMS rowSums[ROW_SUMS];                 // [NETWORKS x ROWS]
shared vec2 ofMembers[NETWORKS];               // whether a network keeps its weights and state, and its learning rate

// One texel of the parameters, whose committed value is w and whose gradient over these rows is g.
void finish(int at, vec4 w, vec4 g, bool keeps)
{
#ifdef ADDS_TO_SUMS
    g += LOAD(gradients, at);
#endif
#ifdef UPDATE
    update(at, w, g, keeps);
#else
    STORE(gradients, at, g);
#endif
}

// L and dZ of the row that a lane has; what is not in use counts as zero.
void computeLoss(int member, int row)
{
    readRow = row;
    bool inUse = row < ROWS && firstRow + row < rows;
    int targetRow = sampleRow(member, firstRow + row);
    lookUpRow(targetRow);
    LossRow begun = beginLoss(targetRow, OUTPUT_TEXELS);
    if (row < ROWS) rowSums[networkInGroup() * ROWS + row] = inUse ? rowLoss(targetRow, begun).SUMMED : SUMS(0.0);
    for (int t = 0; t < OUTPUT_TEXELS; t++) outputGradients[outputAt(row) + t] = zeroUnless(inUse, outputGradient(targetRow, t, begun));
}

void main()
{
    int member = memberOfLanes(), lane = laneOfNetwork();
    computeOutputs(member, firstRow);
    if (lane < PADDED_ROWS) computeLoss(member, lane);
    memoryBarrierShared();
    barrier();

    if (lane == 0 && isMember())
    {
        SUMS sums = SUMS(0.0);
        for (int row = 0; row < ROWS; row++) sums += rowSums[networkInGroup() * ROWS + row];
        MemberLoss found = storeLosses(member, sums);
        ofMembers[networkInGroup()] = vec2(found.keeps ? 1.0 : 0.0, found.rate);
    }

    memoryBarrierShared();
    barrier();
    if (!isMember()) return;

    bool keeps = ofMembers[networkInGroup()].x == 1.0;
#ifdef UPDATE
    USE_RATE(ofMembers[networkInGroup()].y)
#endif
#define GRADIENTS_OF_UNIT(j) \
    if (lane + LANES * j < HIDDEN) \
    { \
        const int unitOfLane = j; \
        int unit = lane + LANES * unitOfLane; \
        vec4 hiddenGradients[ROW_TEXELS]; \
        EACH_ROW_TEXEL(HIDDEN_GRADIENTS) \
        EACH_INPUT_TEXEL(INPUT_WEIGHT_GRADIENT) \
        EACH_OUTPUT_TEXEL(OUTPUT_WEIGHT_GRADIENT) \
    }
#define HIDDEN_GRADIENTS(q) \
        { \
            const int rowTexel = q; \
            vec4 gradient = vec4(0.0); \
            EACH_OUTPUT_TEXEL(ADD_OUTPUT_GRADIENTS) \
            hiddenGradients[rowTexel] = gradientFromOutput(gradient, hidden[unitOfLane * ROW_TEXELS + rowTexel]); \
        }
#define ADD_OUTPUT_GRADIENTS(t) \
            { \
                vec4 w = weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + t]; \
                vec4 g0 = outputGradients[outputAt(4 * rowTexel) + t], g1 = outputGradients[outputAt(4 * rowTexel + 1) + t]; \
                vec4 g2 = outputGradients[outputAt(4 * rowTexel + 2) + t], g3 = outputGradients[outputAt(4 * rowTexel + 3) + t]; \
                gradient = addProduct(gradient, vec4(g0.x, g1.x, g2.x, g3.x), vec4(w.x)); \
                gradient = addProduct(gradient, vec4(g0.y, g1.y, g2.y, g3.y), vec4(w.y)); \
                gradient = addProduct(gradient, vec4(g0.z, g1.z, g2.z, g3.z), vec4(w.z)); \
                gradient = addProduct(gradient, vec4(g0.w, g1.w, g2.w, g3.w), vec4(w.w)); \
            }
#define INPUT_WEIGHT_GRADIENT(k) \
        { \
            const int inputTexel = k; \
            vec4 g = vec4(0.0); \
            EACH_ROW(ADD_INPUT_ROW) \
            finish(hiddenParameter(member, inputTexel, unit), weightsOfInputs[unitOfLane * INPUT_TEXELS + inputTexel], g, keeps); \
        }
#define ADD_INPUT_ROW(row) g = addProduct(g, vec4(hiddenGradients[row / 4][row % 4]), samples[sampleAt(row) + inputTexel]);
#define OUTPUT_WEIGHT_GRADIENT(t) \
        { \
            const int outputTexel = t; \
            vec4 g = vec4(0.0); \
            EACH_ROW(ADD_OUTPUT_ROW) \
            finish(outputParameter(member, unit, outputTexel), weightsOfOutputs[unitOfLane * OUTPUT_TEXELS + outputTexel], g, keeps); \
        }
#define ADD_OUTPUT_ROW(row) g = addProduct(g, vec4(hidden[unitOfLane * ROW_TEXELS + row / 4][row % 4]), outputGradients[outputAt(row) + outputTexel]);
    EACH_UNIT(GRADIENTS_OF_UNIT)

    for (int t = lane; t < OUTPUT_TEXELS; t += LANES)
    {
        vec4 g = vec4(0.0);
        for (int row = 0; row < ROWS; row++) g += outputGradients[outputAt(row) + t];
        int at = outputParameter(member, HIDDEN, t);
        finish(at, LOAD(weights, at), g, keeps);
    }
}
