// dX [rows x inputs] = dY [rows x outputs] . transpose(W [inputs x outputs]). An invocation has a texel of dX.
// With ACTIVATION: X is the output of one before this layer, and dX is the gradient before that.
#include "stand_in_result.glsl"
#include "stand_in_sums.glsl"
#include <ACTIVATION>

READ(outputGradients);
READ(parameters);   // [inputs + 1 x outputs]
WRITE(inputGradients);
#ifdef ACTIVATION
READ(activations);
#endif
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

void main()
{
    int texel = resultTexel().x, row = resultTexel().y;
    if (texel >= inputTexels || row >= rows) return;

    int at = matrixTexel(row, texel, inputTexels);
#define LOAD_GRADIENT(n) LOAD(outputGradients, matrixTexel(row, n, outputTexels))
    SUM_OF_OUTPUTS(sum, LOAD_GRADIENT, outputTexels, parameters, 0, texel, inputColumns)
#ifdef ACTIVATION
    sum = gradientFromOutput(sum, LOAD(activations, at));
#endif
    STORE(inputGradients, at, sum);
}
