// A population of networks dense - activation - dense, and the layout of their parameters. A lane is a network.
//
// The parameters of one network are PARAMETER_TEXELS texels. First, for each texel h of the hidden layer (four units), a run of
// RUN_TEXELS: the rows of W1 [inputs x hidden] in their column h, then that of b1, then those of W2 transposed [outputs x hidden], so
// that ten outputs cost ten and not twelve. Then b2 [outputs]. A lane therefore reads from the first texel to the last.
// GROUP_SIZE networks share a row of the matrix [members / GROUP_SIZE x 4 * PARAMETER_TEXELS * GROUP_SIZE], with their texels
// interleaved: texels that the lanes of a workgroup read at once are adjacent. RegisterTiledPopulation is the same in C#.
#include "matrix.glsl"

layout(local_size_x = GROUP_SIZE) in;
READ(weights);
SIZE(members);

const int INPUT_TEXELS = (INPUTS + 3) / 4;
const int HIDDEN_TEXELS = (HIDDEN + 3) / 4;
const int OUTPUT_TEXELS = (OUTPUTS + 3) / 4;
const int RUN_TEXELS = INPUTS + 1 + OUTPUTS;
const int PARAMETER_TEXELS = HIDDEN_TEXELS * RUN_TEXELS + OUTPUT_TEXELS;

int parameterOrigin(int member)
{
    return matrixTexel(member / GROUP_SIZE, member % GROUP_SIZE, PARAMETER_TEXELS * GROUP_SIZE);
}

int parameterTexel(int origin, int texel)
{
    return origin + texel * GROUP_SIZE;
}
