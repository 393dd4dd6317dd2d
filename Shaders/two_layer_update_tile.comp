// The updates of two layers by the gradients of their parameters, in one dispatch: [dW; db] = transpose([X, 1]) . dY of each, as in dense_backward_weights_tile. X is `inputs`
// [rows x inputs] and `hidden` [rows x hidden], dY is `hiddenGradients` and `outputGradients`.
//
// Lines of workgroups have the tiles of the first layer; behind them come those of the second, a line being filled before the next begins. With LOSS_PARTS the first workgroup
// behind these sums the batch's losses.
#include "samples.glsl"
#include "workgroup_product.glsl"
#include "two_layer_update.glsl"
#ifdef LOG_SLOTS
#include "dropped_steps.glsl"
#endif
#ifdef LOSS_PARTS
#include "loss_sum.glsl"
#endif

READ_INPUTS(inputs);
READ(hidden);
READ(hiddenGradients);
READ(outputGradients);
READ(hiddenParameters);
READ(outputParameters);
SIZE(inputTexels);
SIZE(inputColumns);
SIZE(hiddenTexels);
SIZE(hiddenColumns);
SIZE(outputTexels);

bool isSecond;   // of this workgroup: the same for all its invocations

vec4 loadHiddenParameter(int at)
{
    return LOAD(hiddenParameters, at);
}

vec4 loadOutputParameter(int at)
{
    return LOAD(outputParameters, at);
}

int beginA(int texel)
{
    return texel;
}

vec4 withOnes(vec4 x, int texel, int columns, float one)
{
    return x + mix(vec4(0.0), vec4(one), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(columns)));
}

vec4 loadA(int begun, int texel, int k)
{
    if (k >= rows) return vec4(0.0);
    if (isSecond) return withOnes(texel < hiddenTexels ? LOAD(hidden, matrixTexel(k, texel, hiddenTexels)) : vec4(0.0), texel, hiddenColumns, 1.0);
    return withOnes(texel < inputTexels ? LOAD_INPUTS(inputs, matrixTexel(inputRow(k), texel, inputTexels)) : vec4(0.0), texel, inputColumns, INPUT_ONE);
}

int beginB(int texel)
{
    return texel;
}

vec4 loadB(int begun, int texel, int k)
{
    if (k >= rows) return vec4(0.0);
    if (isSecond) return texel < outputTexels ? LOAD(outputGradients, matrixTexel(k, texel, outputTexels)) : vec4(0.0);
    return texel < hiddenTexels ? LOAD(hiddenGradients, matrixTexel(k, texel, hiddenTexels)) : vec4(0.0);
}

int tiles(int lines, int length)
{
    return (lines + length - 1) / length;
}

void main()
{
    int across = max(tiles(hiddenTexels, TILE_COLUMN_TEXELS), 1), down = tiles(inputColumns + 1, TILE_ROWS);
    int acrossSecond = max(tiles(outputTexels, TILE_COLUMN_TEXELS), 1), downSecond = tiles(hiddenColumns + 1, TILE_ROWS);
    int behind = (workGroup().y - down) * across + workGroup().x;   // its number among the workgroups that are not the first layer's
    isSecond = behind >= 0;
#ifdef LOSS_PARTS
    sumLosses(int(gl_LocalInvocationID.x), GROUP_SIZE, behind == acrossSecond * downSecond);
#endif
    if (behind >= acrossSecond * downSecond) return;   // the whole workgroup

    firstTileRow = (isSecond ? behind / acrossSecond : workGroup().y) * TILE_ROWS;
    firstTileTexel = (isSecond ? behind % acrossSecond : workGroup().x) * TILE_COLUMN_TEXELS;
    sumProducts(0, rows);

#ifdef LOG_SLOTS
    droppedStep = FETCH(droppedSteps, logOfDrop()).x;
#endif
#ifdef GUIDED_RATE
    guidedRate = rateOfStep();
#endif
#define UPDATE_RESULT(row, t) \
    if (isSecond && RESULT_ROW(row) <= hiddenColumns && RESULT_TEXEL(t) < outputTexels) \
        updateOutput(matrixTexel(RESULT_ROW(row), RESULT_TEXEL(t), outputTexels), true, tileSums[row * LANE_TEXELS + t]); \
    if (!isSecond && RESULT_ROW(row) <= inputColumns && RESULT_TEXEL(t) < hiddenTexels) \
        updateHidden(matrixTexel(RESULT_ROW(row), RESULT_TEXEL(t), hiddenTexels), true, scaleInputs(tileSums[row * LANE_TEXELS + t]));
#define UPDATE_RESULTS(row) ACROSS(UPDATE_RESULT, row)
    EACH_LANE_ROW(UPDATE_RESULTS)
    noteKept();
}
