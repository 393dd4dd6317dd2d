// A whole training step of a small network in one workgroup: dense - ReLU - dense under softmax cross-entropy, and SGD.
//   H = relu(X . W1 + b1);   z = H . W2 + b2;   L and dZ as in softmax_cross_entropy_forward and _backward
//   dH = dZ . transpose(W2) where H > 0;   [dW; db] = transpose([X, 1]) . dH and transpose([H, 1]) . dZ;   sgd.glsl
// Reads X [rows x inputs] and the targets, W1 [inputs + 1 x hidden] and W2 [hidden + 1 x classes]; writes the pending weights
// and the batch's loss [1 x 4] = (sum L_i / rows, sum right_i, 0, 0).
//
// Three phases with a barrier between them; what one leaves to the next lies in `scratch`, a row a sample: H, dH, dZ and L.
// In each, the invocations take tiles by turns. Every sum has the order of the kernels that this one replaces.
#include "matrix.glsl"
#include "relu.glsl"
#include "sgd.glsl"
#include "record.glsl"
#include "samples.glsl"
#define classTexels CLASS_TEXELS
#include "targets.glsl"

layout(local_size_x = GROUP_SIZE) in;
INPUT_LAYOUT(INPUTS_IMAGE) inputs;
layout(binding = HIDDEN_PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer hiddenParameters;
layout(std430, binding = PENDING_HIDDEN_PARAMETERS_BUFFER) writeonly buffer PendingHiddenParameters { TEXEL pendingHiddenParameters[]; };
layout(binding = OUTPUT_PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer outputParameters;
layout(std430, binding = PENDING_OUTPUT_PARAMETERS_BUFFER) writeonly buffer PendingOutputParameters { TEXEL pendingOutputParameters[]; };
layout(binding = SCRATCH_IMAGE, rgba32f) coherent uniform imageBuffer scratch;
layout(std430, binding = SCRATCH_BUFFER) coherent writeonly buffer StoredScratch { TEXEL storedScratch[]; };
layout(std430, binding = BATCH_LOSS_BUFFER) writeonly buffer BatchLoss { TEXEL batchLoss[]; };
#ifdef RECORD_SLOTS
layout(binding = BATCH_LOSS_IMAGE, rgba32f) uniform imageBuffer stepRecord;
shared int lossIsNotFinite;
#endif
layout(location = SIZE_1) uniform int inputTexels;
layout(location = SIZE_2) uniform int inputColumns;
layout(location = SIZE_3) uniform int hiddenTexels;
layout(location = SIZE_4) uniform int hiddenColumns;
layout(location = SIZE_5) uniform int entropyBonusBits;   // the scalars are those of the optimizer

#define entropyBonus intBitsToFloat(entropyBonusBits)

const int TILE_ROWS = 4;

// Where a row of scratch begins, and what lies where in it.
int scratchRow(int row)
{
    return matrixTexel(row, 0, 2 * hiddenTexels + CLASS_TEXELS + 1);
}

#define HIDDEN 0
#define HIDDEN_GRADIENTS hiddenTexels
#define LOGIT_GRADIENTS (2 * hiddenTexels)
#define ROW_LOSS (2 * hiddenTexels + CLASS_TEXELS)

vec4 loadHidden(int row, int texel)
{
    return imageLoad(scratch, scratchRow(row) + HIDDEN + texel);
}

#define HIDDEN_ONE 1.0
#define scaleHidden(sum) (sum)

#include "last_layer.glsl"
#include "softmax.glsl"
#include "cross_entropy.glsl"

ivec4 rowsInInputs(int row)
{
#ifdef DRAWN_INPUTS
    return drawnRows(row);
#else
    return row + ivec4(0, 1, 2, 3);
#endif
}

ivec4 rowsInScratch(int row)
{
    return row + ivec4(0, 1, 2, 3);
}

vec4 loadFeatures(int row, int texel)
{
    return loadInputs(inputs, matrixTexel(row, texel, inputTexels));
}

// H, in tiles of TILE_ROWS rows and one texel.
void computeHidden(int tile)
{
    int firstRow = tile / hiddenTexels * TILE_ROWS;
    int texel = tile % hiddenTexels;
    int inputAt[TILE_ROWS];
    vec4 sum[TILE_ROWS];
    for (int i = 0; i < TILE_ROWS; i++)
    {
        inputAt[i] = matrixTexel(inputRow(firstRow + i), 0, inputTexels);
        sum[i] = vec4(0.0);
    }

    for (int k = 0; k < inputTexels; k++)
    {
        int weightAt = matrixTexel(4 * k, texel, hiddenTexels);
        vec4 w0 = imageLoad(hiddenParameters, weightAt), w1 = imageLoad(hiddenParameters, weightAt + hiddenTexels);
        vec4 w2 = imageLoad(hiddenParameters, weightAt + 2 * hiddenTexels), w3 = imageLoad(hiddenParameters, weightAt + 3 * hiddenTexels);
        for (int i = 0; i < TILE_ROWS; i++)
        {
            vec4 x = loadInputs(inputs, inputAt[i] + k);
            sum[i] += x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
        }
    }

    vec4 bias = imageLoad(hiddenParameters, matrixTexel(inputColumns, texel, hiddenTexels));
    for (int i = 0; i < TILE_ROWS; i++)
    {
        vec4 h = relu(scaleInputs(sum[i]) + bias);
        int at = scratchRow(firstRow + i) + HIDDEN + texel;
        if (firstRow + i < rows) storedScratch[at] = asTexel(h);
    }
}

// z, L, dZ and dH of one row.
void computeRow(int row)
{
    int at = scratchRow(row);
    lookUpRow(row);
    computeLogits(row);
    Target target = loadTarget(row);
    Softmax softmax = softmaxOfRow(row);
    vec4 loss = rowLoss(row, target, softmax);
    storedScratch[at + ROW_LOSS] = asTexel(loss);
#ifdef RECORD_SLOTS
    if (!isFinite(loss.x)) lossIsNotFinite = 1;
#endif
    vec4 gradients[CLASS_TEXELS];
    for (int t = 0; t < CLASS_TEXELS; t++)
    {
        gradients[t] = logitGradient(row, t, target, softmax);
        storedScratch[at + LOGIT_GRADIENTS + t] = asTexel(gradients[t]);
    }

    for (int k = 0; k < hiddenTexels; k++)
        storedScratch[at + HIDDEN_GRADIENTS + k] = asTexel(reluGradient(hiddenGradient(k, gradients), loadHidden(row, k)));
}

// [W; b] - learningRate * [dW; db], in tiles of one texel of X (four rows of W) by one texel of dY. The input that is always
// one, past the last column, is added to the zero padding of X.
#define UPDATE_WEIGHTS(tile, columns, outputTexels, loadInput, one, scale, rowsInInput, gradientTexel, weights, pendingWeights) \
    { \
        int inputTexel = tile / (outputTexels), texel = tile % (outputTexels); \
        ivec4 column = 4 * inputTexel + ivec4(0, 1, 2, 3); \
        vec4 ones = mix(vec4(0.0), vec4(one), equal(column, ivec4(columns))); \
        bool isInput = 4 * inputTexel < columns; \
        vec4 sum0 = vec4(0.0), sum1 = vec4(0.0), sum2 = vec4(0.0), sum3 = vec4(0.0); \
        for (int b = 0; b < rows; b += 4) \
        { \
            vec4 x[4], g[4]; \
            ivec4 inputRows = rowsInInput(b); \
            for (int i = 0; i < 4; i++) \
            { \
                bool inUse = b + i < rows; \
                x[i] = zeroUnless(inUse, zeroUnless(isInput, loadInput(inputRows[i], inputTexel)) + ones); \
                g[i] = zeroUnless(inUse, imageLoad(scratch, scratchRow(b + i) + gradientTexel + texel)); \
            } \
            sum0 += x[0].x * g[0] + x[1].x * g[1] + x[2].x * g[2] + x[3].x * g[3]; \
            sum1 += x[0].y * g[0] + x[1].y * g[1] + x[2].y * g[2] + x[3].y * g[3]; \
            sum2 += x[0].z * g[0] + x[1].z * g[1] + x[2].z * g[2] + x[3].z * g[3]; \
            sum3 += x[0].w * g[0] + x[1].w * g[1] + x[2].w * g[2] + x[3].w * g[3]; \
        } \
        vec4 sum[4] = vec4[](sum0, sum1, sum2, sum3); \
        for (int i = 0; i < 4; i++) \
        { \
            int at = matrixTexel(4 * inputTexel + i, texel, outputTexels); \
            vec4 w = imageLoad(weights, at); \
            STORE_UPDATE(pendingWeights, at, 4 * inputTexel + i <= columns, w, descend(w, decayedGradient(w, scale(sum[i])))) \
        } \
    }

void main()
{
    int lane = int(gl_LocalInvocationID.x);
#ifdef RECORD_SLOTS
    droppedStep = imageLoad(stepRecord, recordOfDrop()).x;
    if (lane == 0) lossIsNotFinite = 0;
#endif
    int hiddenTiles = (rows + TILE_ROWS - 1) / TILE_ROWS * hiddenTexels;
    for (int tile = lane; tile < hiddenTiles; tile += GROUP_SIZE) computeHidden(tile);
    memoryBarrier();   // of buffers and of images
    barrier();

    for (int row = lane; row < rows; row += GROUP_SIZE) computeRow(row);
    memoryBarrier();   // of buffers and of images
    barrier();

#ifdef RECORD_SLOTS
    bool dropsNow = droppedStep == 0.0 && lossIsNotFinite == 1;
    if (dropsNow) droppedStep = float(stepNumber);
    if (dropsNow && lane == 0) batchLoss[recordOfDrop()] = asTexel(vec4(droppedStep, 0.0, 0.0, 0.0));
#endif
    int hiddenWeightTiles = (inputColumns / 4 + 1) * hiddenTexels;
    for (int tile = lane; tile < hiddenWeightTiles; tile += GROUP_SIZE)
        UPDATE_WEIGHTS(tile, inputColumns, hiddenTexels, loadFeatures, INPUT_ONE, scaleInputs, rowsInInputs, HIDDEN_GRADIENTS, hiddenParameters, pendingHiddenParameters)
    int outputWeightTiles = (hiddenColumns / 4 + 1) * CLASS_TEXELS;
    for (int tile = lane; tile < outputWeightTiles; tile += GROUP_SIZE)
        UPDATE_WEIGHTS(tile, hiddenColumns, CLASS_TEXELS, loadHidden, HIDDEN_ONE, scaleHidden, rowsInScratch, LOGIT_GRADIENTS, outputParameters, pendingOutputParameters)

    if (lane == 0)
    {
        vec2 sum = vec2(0.0);
        for (int row = 0; row < rows; row++) sum += imageLoad(scratch, scratchRow(row) + ROW_LOSS).xy;
        batchLoss[recordOfStep()] = asTexel(stepResult(sum.x, sum.y));
    }
}
