// The layout of the parameters of a population of networks dense - activation - dense, a lane for a hidden unit: those of a network are a row of the matrix
// [members x 4 * PARAMETER_TEXELS].
//
// First, for each texel k of the inputs, for each hidden unit, a texel of its weights of these four inputs. Where the last texel has room, it also has the bias, as the weight of an
// input that is always one; otherwise (BIASES_APART) the biases of four hidden units at a time are texels of their own, since a texel for each would be mostly padding.
// Then, for each texel t of the outputs, for each hidden unit and for the biases behind them, a texel of these four outputs' weights. What neighboring lanes read at once
// lies side by side. WorkgroupTiledPopulation is the same in C#.
#include "matrix.glsl"

#if INPUTS % 4 == 0
#define BIASES_APART
#endif

READ(weights);
SIZE(members);

const int INPUT_TEXELS = (INPUTS + 3) / 4;
const int OUTPUT_TEXELS = (OUTPUTS + 3) / 4;
#ifdef BIASES_APART
const int BIAS_TEXELS = (HIDDEN + 3) / 4;
#else
const int BIAS_TEXELS = 0;
#endif
const int LAST_LAYER = INPUT_TEXELS * HIDDEN + BIAS_TEXELS;
const int PARAMETER_TEXELS = LAST_LAYER + OUTPUT_TEXELS * (HIDDEN + 1);

int hiddenParameter(int member, int inputTexel, int unit)
{
    return matrixTexel(member, inputTexel * HIDDEN + unit, PARAMETER_TEXELS);
}

// The biases of four hidden units, with BIASES_APART.
int hiddenBiases(int member, int unitTexel)
{
    return matrixTexel(member, INPUT_TEXELS * HIDDEN + unitTexel, PARAMETER_TEXELS);
}

int outputParameter(int member, int unit, int texel)
{
    return matrixTexel(member, LAST_LAYER + texel * (HIDDEN + 1) + unit, PARAMETER_TEXELS);
}
