// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b [outputs]; b is the row of the parameters below W.
// With ACTIVATION: Y = activate(X . W + b), with the activation after it.
#include "samples.glsl"

READ_INPUTS(inputs);
READ(parameters);   // [inputs + 1 x outputs]
WRITE(outputs);
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

#define STORE_TILE(at, values) STORE(outputs, at, values)
#include "dense_tile.glsl"

void main()
{
    int firstTexel = tileColumn() * TEXELS;
    int firstRow = tileRow() * ROWS;
    if (firstTexel >= outputTexels || firstRow >= rows) return;
    computeTile(firstRow, firstTexel);
}
