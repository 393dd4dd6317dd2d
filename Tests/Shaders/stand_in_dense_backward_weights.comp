// [dW; db] [inputs + 1 x outputs] = transpose([X, 1] [rows x inputs + 1]) . dY [rows x outputs]. An invocation has a texel of it, and walks the
// batch from its last row in use to the first, one product at a time; a loop turns once for four rows.
// With UPDATE: the optimizer's update by that gradient instead. With LOSS_PARTS: the first of a last row of
// workgroups sums the batch's losses.
#include "samples.glsl"
#include "stand_in_result.glsl"

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

float loadInput(int row, int column)
{
    return column == inputColumns ? INPUT_ONE : LOAD_INPUTS(inputs, matrixTexel(inputRow(row), column / 4, inputTexels))[column % 4];
}

void main()
{
#ifdef LOSS_PARTS
    sumLosses(int(gl_LocalInvocationIndex), GROUP_SIZE * GROUP_ROWS, workGroup().x == 0 && workGroup().y * GROUP_ROWS > inputColumns);
#endif
    int texel = resultTexel().x, column = resultTexel().y;
    if (texel >= outputTexels || column > inputColumns) return;

    vec4 sum = vec4(0.0);
#define ADD_ROW(b) if (b < rows) sum += loadInput(b, column) * LOAD(outputGradients, matrixTexel(b, texel, outputTexels));
    for (int b = (rows - 1) / 4 * 4; b >= 0; b -= 4)
    {
        ADD_ROW(b + 3)
        ADD_ROW(b + 2)
        ADD_ROW(b + 1)
        ADD_ROW(b)
    }

    int at = matrixTexel(column, texel, outputTexels);
    vec4 gradient = scaleInputs(sum);
#ifdef UPDATE
    loadDrop();
    update(at, true, gradient);
    noteKept();
#else
    STORE(parameterGradients, at, gradient);
#endif
}
