// dX [rows x columns] = gradientFromOutput(dY, Y), element by element: slot ACTIVATION.
#include "matrix.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;
READ(outputs);
READ(outputGradients);
WRITE(inputGradients);
SIZE(texelsPerRow);

void main()
{
    int texel = invocation().x;
    int firstRow = invocation().y * ROWS_PER_INVOCATION;
    if (texel >= texelsPerRow) return;

    for (int row = firstRow; row < min(firstRow + ROWS_PER_INVOCATION, rows); row++)
    {
        int at = matrixTexel(row, texel, texelsPerRow);
        STORE(inputGradients, at, gradientFromOutput(LOAD(outputGradients, at), LOAD(outputs, at)));
    }
}
