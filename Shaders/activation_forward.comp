// Y [rows x columns] = activate(X), element by element: slot ACTIVATION.
#include "samples.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;
READ_INPUTS(inputs);
WRITE(outputs);
SIZE(texelsPerRow);

void main()
{
    int texel = invocation().x;
    int firstRow = invocation().y * ROWS_PER_INVOCATION;
    if (texel >= texelsPerRow) return;

    for (int row = firstRow; row < min(firstRow + ROWS_PER_INVOCATION, rows); row++)
    {
        vec4 y = activate(scaleInputs(LOAD_INPUTS(inputs, matrixTexel(inputRow(row), texel, texelsPerRow))));
        STORE(outputs, matrixTexel(row, texel, texelsPerRow), y);
    }
}
