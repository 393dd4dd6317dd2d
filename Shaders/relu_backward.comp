// dX [rows x columns] = dY where X > 0, else 0: the derivative at zero is taken as 0.
#include "matrix.glsl"
#include "relu.glsl"
#include "samples.glsl"

layout(local_size_x = GROUP_SIZE) in;
INPUT_LAYOUT(INPUTS_IMAGE) inputs;
layout(binding = OUTPUT_GRADIENTS_IMAGE, rgba32f) readonly uniform imageBuffer outputGradients;
layout(std430, binding = INPUT_GRADIENTS_BUFFER) writeonly buffer InputGradients { TEXEL inputGradients[]; };
layout(location = SIZE_0) uniform int texelsPerRow;

void main()
{
    int texel = invocation().x;
    int firstRow = invocation().y * ROWS_PER_INVOCATION;
    if (texel >= texelsPerRow) return;

    for (int row = firstRow; row < min(firstRow + ROWS_PER_INVOCATION, rows); row++)
    {
        int at = matrixTexel(row, texel, texelsPerRow);
        vec4 x = loadInputs(inputs, matrixTexel(inputRow(row), texel, texelsPerRow));   // of which only the sign matters
        inputGradients[at] = asTexel(reluGradient(imageLoad(outputGradients, at), x));
    }
}
