// Y [rows x outputs] = the sum of the parts of X . W, and b: what dense_forward_tile stores with PARTS_APART. With ACTIVATION: activate(Y). An invocation has a texel of Y.
#include "part_sums.glsl"
#include <ACTIVATION>

layout(local_size_x = GROUP_SIZE) in;
READ(parameters);   // [inputs + 1 x outputs]
WRITE(outputs);
SIZE(inputColumns);
SIZE(outputTexels);

void main()
{
    int texel = invocation().x, row = invocation().y;
    if (texel >= outputTexels || row >= rows) return;

    vec4 y = sumOfParts(row, texel, outputTexels) + LOAD(parameters, matrixTexel(inputColumns, texel, outputTexels));
#ifdef ACTIVATION
    y = activate(y);
#endif
    STORE(outputs, matrixTexel(row, texel, outputTexels), y);
}
