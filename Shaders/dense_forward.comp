// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b [outputs]; b is the row of the parameters below W.
// With RELU: Y = max(X . W + b, 0), a ReLU that follows.
#include "matrix.glsl"
#include "samples.glsl"

INPUT_LAYOUT(INPUTS_IMAGE) inputs;
layout(binding = PARAMETERS_IMAGE, rgba32f) readonly uniform imageBuffer parameters;   // [inputs + 1 x outputs]
layout(std430, binding = OUTPUTS_BUFFER) writeonly buffer Outputs { TEXEL outputs[]; };
layout(location = SIZE_0) uniform int inputTexels;
layout(location = SIZE_1) uniform int outputTexels;
layout(location = SIZE_2) uniform int inputColumns;

#include "dense_tile.glsl"

void main()
{
    int firstTexel = tileColumn() * TEXELS;
    int firstRow = tileRow() * ROWS;
    if (firstTexel >= outputTexels || firstRow >= rows) return;
    computeTile(firstRow, firstTexel);
}
