// A complete training step of a small network in one workgroup: dense - activation - dense under a loss, and an optimizer without state.
//   H = activate(X . W1 + b1);   z = H . W2 + b2;   L and dZ as in loss_forward and loss_backward (slot LOSS)
//   dH = gradientFromOutput(dZ . transpose(W2), H);   [dW; db] = transpose([X, 1]) . dH and transpose([H, 1]) . dZ;   slot OPTIMIZER
// Reads X [rows x inputs] and the targets, W1 [inputs + 1 x hidden] and W2 [hidden + 1 x outputs]; writes the pending weights
// and the batch's loss [1 x 4] = (sum L_i / rows, sum correct_i, 0, 0).
//
// Three phases with a barrier between them; they pass results on in `scratch`, one row per sample: H, dH, dZ and L.
// In each, the invocations take tiles in turn. Every sum has the order of the kernels that this one replaces.
#include "samples.glsl"
#include "step_log.glsl"
#include "last_layer.glsl"
#include <LOSS>
#include <ACTIVATION>
#include "two_layer_update.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ_INPUTS(inputs);
READ(hiddenParameters);
EXCHANGE(scratch);
#ifdef LOG_SLOTS
READ_WRITE(batchLoss);
shared int lossIsNotFinite;
#else
WRITE(batchLoss);
#endif
SIZE(inputTexels);
SIZE(inputColumns);

const int TILE_ROWS = 4;

// The start of a row of scratch, and the layout of its parts.
int scratchRow(int row)
{
    return matrixTexel(row, 0, 2 * hiddenTexels + OUTPUT_TEXELS + 1);
}

#define HIDDEN 0
#define HIDDEN_GRADIENTS hiddenTexels
#define NETWORK_GRADIENTS (2 * hiddenTexels)
#define ROW_LOSS (2 * hiddenTexels + OUTPUT_TEXELS)

vec4 loadHidden(int row, int texel)
{
    return LOAD(scratch, scratchRow(row) + HIDDEN + texel);
}

#define HIDDEN_ONE 1.0

vec4 scaleHidden(vec4 sum)
{
    return sum;
}

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

vec4 loadHiddenParameter(int at)
{
    return LOAD(hiddenParameters, at);
}

vec4 loadOutputParameter(int at)
{
    return LOAD(outputParameters, at);
}

vec4 loadFeatures(int row, int texel)
{
    return LOAD_INPUTS(inputs, matrixTexel(row, texel, inputTexels));
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
        vec4 w0 = LOAD(hiddenParameters, weightAt), w1 = LOAD(hiddenParameters, weightAt + hiddenTexels);
        vec4 w2 = LOAD(hiddenParameters, weightAt + 2 * hiddenTexels), w3 = LOAD(hiddenParameters, weightAt + 3 * hiddenTexels);
        for (int i = 0; i < TILE_ROWS; i++)
        {
            vec4 x = LOAD_INPUTS(inputs, inputAt[i] + k);
            sum[i] += productSum(x, w0, w1, w2, w3);
        }
    }

    vec4 bias = LOAD(hiddenParameters, matrixTexel(inputColumns, texel, hiddenTexels));
    for (int i = 0; i < TILE_ROWS; i++)
    {
        vec4 h = activate(scaleInputs(sum[i]) + bias);
        int at = scratchRow(firstRow + i) + HIDDEN + texel;
        if (firstRow + i < rows) STORE(scratch, at, h);
    }
}

// z, L, dZ and dH of one row.
void computeRow(int row)
{
    int at = scratchRow(row);
    lookUpRow(row);
    computeOutputs(row);
    LossRow begun = beginLoss(row, OUTPUT_TEXELS);
    vec4 loss = rowLoss(row, begun);
    STORE(scratch, at + ROW_LOSS, loss);
#ifdef LOG_SLOTS
    if (!isFinite(loss.x)) lossIsNotFinite = 1;
#endif
    vec4 gradients[OUTPUT_TEXELS];
    for (int t = 0; t < OUTPUT_TEXELS; t++)
    {
        gradients[t] = outputGradient(row, t, begun);
        STORE(scratch, at + NETWORK_GRADIENTS + t, gradients[t]);
    }

    for (int k = 0; k < hiddenTexels; k++)
        STORE(scratch, at + HIDDEN_GRADIENTS + k, gradientFromOutput(hiddenGradient(k, gradients), loadHidden(row, k)));
}

// The update of [W; b] by [dW; db], in tiles of one texel of X (four rows of W) by one texel of dY. The input that is always
// one, past the last column, is added to the zero padding of X.
#define UPDATE_WEIGHTS(tile, columns, outputTexels, loadInput, one, scale, rowsInInput, gradientTexel, update) \
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
                g[i] = zeroUnless(inUse, LOAD(scratch, scratchRow(b + i) + gradientTexel + texel)); \
            } \
            sum0 += productSum(vec4(x[0].x, x[1].x, x[2].x, x[3].x), g[0], g[1], g[2], g[3]); \
            sum1 += productSum(vec4(x[0].y, x[1].y, x[2].y, x[3].y), g[0], g[1], g[2], g[3]); \
            sum2 += productSum(vec4(x[0].z, x[1].z, x[2].z, x[3].z), g[0], g[1], g[2], g[3]); \
            sum3 += productSum(vec4(x[0].w, x[1].w, x[2].w, x[3].w), g[0], g[1], g[2], g[3]); \
        } \
        vec4 sum[4] = vec4[](sum0, sum1, sum2, sum3); \
        for (int i = 0; i < 4; i++) \
            update(matrixTexel(4 * inputTexel + i, texel, outputTexels), 4 * inputTexel + i <= columns, scale(sum[i])); \
    }

void main()
{
    int lane = int(gl_LocalInvocationID.x);
#ifdef LOG_SLOTS
    droppedStep = LOAD(batchLoss, logOfDrop()).x;
    if (lane == 0) lossIsNotFinite = 0;
#endif
    int hiddenTiles = (rows + TILE_ROWS - 1) / TILE_ROWS * hiddenTexels;
    for (int tile = lane; tile < hiddenTiles; tile += GROUP_SIZE) computeHidden(tile);
    memoryBarrier();   // of buffers and of images
    barrier();

    for (int row = lane; row < rows; row += GROUP_SIZE) computeRow(row);
    memoryBarrier();   // of buffers and of images
    barrier();

#ifdef LOG_SLOTS
    bool dropsNow = droppedStep == 0.0 && lossIsNotFinite == 1;
    if (dropsNow) droppedStep = float(stepNumber);
    if (dropsNow && lane == 0) STORE(batchLoss, logOfDrop(), vec4(droppedStep, 0.0, 0.0, 0.0));
#endif
    int hiddenWeightTiles = (inputColumns / 4 + 1) * hiddenTexels;
    for (int tile = lane; tile < hiddenWeightTiles; tile += GROUP_SIZE)
        UPDATE_WEIGHTS(tile, inputColumns, hiddenTexels, loadFeatures, INPUT_ONE, scaleInputs, rowsInInputs, HIDDEN_GRADIENTS, updateHidden)
    int outputWeightTiles = (hiddenColumns / 4 + 1) * OUTPUT_TEXELS;
    for (int tile = lane; tile < outputWeightTiles; tile += GROUP_SIZE)
        UPDATE_WEIGHTS(tile, hiddenColumns, OUTPUT_TEXELS, loadHidden, HIDDEN_ONE, scaleHidden, rowsInScratch, NETWORK_GRADIENTS, updateOutput)
    noteKept();

    if (lane == 0)
    {
        vec2 sum = vec2(0.0);
        for (int row = 0; row < rows; row++) sum += LOAD(scratch, scratchRow(row) + ROW_LOSS).xy;
        STORE(batchLoss, logOfStep(), stepResult(sum.x, sum.y));
    }
}
