// Y [rows x columns] = max(X, 0)
#include "matrix.glsl"
#include "relu.glsl"
#include "samples.glsl"

layout(local_size_x = GROUP_SIZE) in;
INPUT_LAYOUT(INPUTS_IMAGE) inputs;
layout(std430, binding = OUTPUTS_BUFFER) writeonly buffer Outputs { TEXEL outputs[]; };
layout(location = SIZE_0) uniform int texelsPerRow;

void main()
{
    int texel = invocation().x;
    int firstRow = invocation().y * ROWS_PER_INVOCATION;
    if (texel >= texelsPerRow) return;

    for (int row = firstRow; row < min(firstRow + ROWS_PER_INVOCATION, rows); row++)
    {
        vec4 x = scaleInputs(loadInputs(inputs, matrixTexel(inputRow(row), texel, texelsPerRow)));
        outputs[matrixTexel(row, texel, texelsPerRow)] = asTexel(relu(x));
    }
}
