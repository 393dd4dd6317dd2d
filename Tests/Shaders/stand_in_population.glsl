// A population of networks dense - activation - dense in the stand-in family: a workgroup is a network and takes ROWS of its samples. Its invocations
// share out the texels of each result and exchange them in shared memory.
//
// The parameters of a network are a row of their matrix [members x 4 * PARAMETER_TEXELS]: W1 and below it b1 [inputs + 1 x hidden], then W2 and
// below it b2 [hidden + 1 x outputs], each as in a matrix of its own. StandInPopulation is the same in C#.
#include "stand_in_sums.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ(weights);
SIZE(members);

const int INPUT_TEXELS = (INPUTS + 3) / 4;
const int HIDDEN_TEXELS = (HIDDEN + 3) / 4;
const int OUTPUT_TEXELS = (OUTPUTS + 3) / 4;
const int LAST_LAYER = (INPUTS + 1) * HIDDEN_TEXELS;   // where W2 begins
const int PARAMETER_TEXELS = LAST_LAYER + (HIDDEN + 1) * OUTPUT_TEXELS;

int parameterOrigin(int member)
{
    return matrixTexel(member, 0, PARAMETER_TEXELS);
}
