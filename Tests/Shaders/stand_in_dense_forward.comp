// Y [rows x outputs] = X [rows x inputs] . W [inputs x outputs] + b [outputs], and with ACTIVATION: activate(Y). An invocation has a texel of Y.
#include "samples.glsl"
#include "stand_in_result.glsl"
#include "stand_in_sums.glsl"
#include <ACTIVATION>

READ_INPUTS(inputs);
READ(parameters);   // [inputs + 1 x outputs]
WRITE(outputs);
SIZE(inputTexels);
SIZE(outputTexels);
SIZE(inputColumns);

void main()
{
    int texel = resultTexel().x, row = resultTexel().y;
    if (texel >= outputTexels || row >= rows) return;

    int inputAt = matrixTexel(inputRow(row), 0, inputTexels);
#define LOAD_INPUT(k) LOAD_INPUTS(inputs, inputAt + k)
    SUM_OF_INPUTS(sum, LOAD_INPUT, inputTexels, parameters, 0, texel, outputTexels)
    vec4 y = scaleInputs(sum) + LOAD(parameters, matrixTexel(inputColumns, texel, outputTexels));
#ifdef ACTIVATION
    y = activate(y);
#endif
    STORE(outputs, matrixTexel(row, texel, outputTexels), y);
}
