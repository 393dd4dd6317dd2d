// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b for few outputs, a row by several invocations: row_lanes.glsl, with X as its H.
// With ACTIVATION: Y = activate(X . W + b).
#include "samples.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;   // GROUP_ROWS * ROW_LANES
READ_INPUTS(inputs);
READ(parameters);   // [inputs + 1 x outputs]
WRITE(outputs);
SIZE(inputTexels);
SIZE(inputColumns);
#define hiddenTexels inputTexels
#define hiddenColumns inputColumns
#include "row_lanes.glsl"

vec4 loadHidden(int row, int texel)
{
    return LOAD_INPUTS(inputs, matrixTexel(foundInputRow(row), texel, inputTexels));
}

vec4 computeHidden(int row, int texel)
{
    return loadHidden(row, texel);
}

vec4 scaleHidden(vec4 sum)
{
    return scaleInputs(sum);
}

vec4 outputParameter(int unit, int texel)
{
    return LOAD(parameters, matrixTexel(unit, texel, OUTPUT_TEXELS));
}

void main()
{
    int batchRow = workGroup().x * GROUP_ROWS + rowInGroup();
    int row = max(min(batchRow, rows - 1), 0);
    lookUpRow(row);
    computeOutputs(row);
    FOR_TEXELS_OF_LANE(t)
    {
        vec4 y = networkOutput(row, t);
#ifdef ACTIVATION
        y = activate(y);
#endif
        if (batchRow < rows) STORE(outputs, matrixTexel(row, t, OUTPUT_TEXELS), y);
    }
}
