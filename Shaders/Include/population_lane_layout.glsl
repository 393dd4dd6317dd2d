// The layout of the parameters of a population of networks dense - activation - dense, a lane for a hidden unit: those of a network are a row of the matrix
// [members x 4 * PARAMETER_TEXELS].
//
// First, for each texel k of the inputs and the one that is always one, for each hidden unit, a texel of its weights of these four inputs; the bias is the weight of that one.
// Then, for each texel t of the outputs, for each hidden unit and for the biases behind them, a texel of these four outputs' weights. What neighboring lanes read at once
// lies side by side. WorkgroupTiledPopulation is the same in C#.
#include "matrix.glsl"

READ(weights);
SIZE(members);

const int INPUT_TEXELS = INPUTS / 4 + 1;
const int OUTPUT_TEXELS = (OUTPUTS + 3) / 4;
const int LAST_LAYER = INPUT_TEXELS * HIDDEN;
const int PARAMETER_TEXELS = LAST_LAYER + OUTPUT_TEXELS * (HIDDEN + 1);

int hiddenParameter(int member, int inputTexel, int unit)
{
    return matrixTexel(member, inputTexel * HIDDEN + unit, PARAMETER_TEXELS);
}

int outputParameter(int member, int unit, int texel)
{
    return matrixTexel(member, LAST_LAYER + texel * (HIDDEN + 1) + unit, PARAMETER_TEXELS);
}
