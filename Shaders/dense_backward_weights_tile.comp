// [dW; db] [inputs + 1 x outputs] = transpose([X, 1] [rows x inputs + 1]) . dY [rows x outputs]: the gradient of the biases is
// that of a last row of weights whose input is always one. A workgroup has a tile of it, as in workgroup_product.glsl; the sum over the batch is in order.
//
// With UPDATE: the optimizer's update by that gradient instead, which is then never stored. With LOSS_PARTS: a last row of
// workgroups, the first of which sums the batch's losses.
#include "samples.glsl"
#include "workgroup_product.glsl"

READ_INPUTS(inputs);
READ(outputGradients);
#ifdef UPDATE
#include "update.glsl"
#else
WRITE(parameterGradients);
#endif
#ifdef LOSS_PARTS
#include "loss_sum.glsl"
#endif
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

int beginA(int texel)
{
    return texel;
}

vec4 loadA(int begun, int texel, int k)
{
    if (k >= rows) return vec4(0.0);
    vec4 ones = mix(vec4(0.0), vec4(INPUT_ONE), equal(4 * texel + ivec4(0, 1, 2, 3), ivec4(inputColumns)));
    return texel < inputTexels ? LOAD_INPUTS(inputs, matrixTexel(inputRow(k), texel, inputTexels)) + ones : ones;
}

int beginB(int texel)
{
    return texel;
}

vec4 loadB(int begun, int texel, int k)
{
    return k < rows && texel < outputTexels ? LOAD(outputGradients, matrixTexel(k, texel, outputTexels)) : vec4(0.0);
}

void main()
{
    firstTileRow = workGroup().y * TILE_ROWS;
    firstTileTexel = workGroup().x * TILE_COLUMN_TEXELS;
#ifdef LOSS_PARTS
    sumLosses(int(gl_LocalInvocationID.x), GROUP_SIZE, workGroup().x == 0 && firstTileRow > inputColumns);
#endif
    if (firstTileRow > inputColumns) return;   // the whole workgroup

    sumProducts(0, rows);
#ifdef UPDATE
    loadDrop();
#define FINISH(at, gradient) update(at, true, gradient)
#else
#define FINISH(at, gradient) STORE(parameterGradients, at, gradient)
#endif
#define STORE_RESULT(row, t) \
    if (RESULT_ROW(row) <= inputColumns && RESULT_TEXEL(t) < outputTexels) \
        FINISH(matrixTexel(RESULT_ROW(row), RESULT_TEXEL(t), outputTexels), scaleInputs(tileSums[row * LANE_TEXELS + t]));
#define STORE_RESULTS(row) ACROSS(STORE_RESULT, row)
    EACH_LANE_ROW(STORE_RESULTS)
#ifdef UPDATE
    noteKept();
#endif
}
